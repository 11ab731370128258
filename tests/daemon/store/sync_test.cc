// That a commit waits for the disk is counted, not believed: this program's own fdatasync and fsync
// stand before the C library's, count, and do what they say.

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "tests/daemon/store/store_world.h"

namespace {

std::atomic<int> synchronisations{0};

}  // namespace

extern "C" int fdatasync(int fd) {
    ++synchronisations;
    return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

extern "C" int fsync(int fd) {
    ++synchronisations;
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace khu::daemon {
namespace {

TEST(StoreSynchronisation, IsDoneExactlyOnceForEachCommit) {
    const TempDir dir;
    const auto store = must_open(dir.path());
    ASSERT_TRUE(store->commit(facts(1, 1)).has_value());  // also writes the log's header

    for (std::uint64_t i = 1; i <= 20; ++i) {
        synchronisations = 0;
        ASSERT_TRUE(store->commit(facts(i * 10 - 8, i * 10 + 1)).has_value());
        EXPECT_EQ(synchronisations, 1) << "commit " << i;
    }
}

TEST(StoreSynchronisation, CostsNothingForAnEmptyBatch) {
    const TempDir dir;
    const auto store = must_open(dir.path());

    synchronisations = 0;
    ASSERT_TRUE(store->commit({}).has_value());

    EXPECT_EQ(synchronisations, 0);
}

}  // namespace
}  // namespace khu::daemon
