// A real file system without room: nothing is half done, reading goes on, and room is enough to go
// on.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/daemon/store/store_world.h"

namespace khu::daemon {
namespace {

/// A small tmpfs on a directory of the test's own; always taken away again.
class SmallDisk {
public:
    SmallDisk() : mounted_(::mount("khu-test", dir_.path().c_str(), "tmpfs", 0, "size=3m") == 0) {}
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (mounted_) {
            ::umount2(dir_.path().c_str(), MNT_DETACH);
        }
    }
    [[nodiscard]] bool mounted() const { return mounted_; }
    [[nodiscard]] std::string zone() const { return dir_.file("zone"); }

    void fill() {
        const int fd = ::open(dir_.file("filler").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        const std::string page(4096, 'f');
        while (::write(fd, page.data(), page.size()) > 0) {
        }
        ::close(fd);
    }
    void make_room() { ::unlink(dir_.file("filler").c_str()); }

private:
    TempDir dir_;
    bool mounted_;
};

TEST(StoreOnAFullDisk, RefusesByNameKeepsWhatItPromisedAndGoesOnWhenThereIsRoom) {
    SmallDisk disk;
    if (!disk.mounted()) {
        GTEST_SKIP() << "mounting a tmpfs needs root";
    }
    auto store = must_open(disk.zone());
    ASSERT_TRUE(store->commit(facts(1, 10)).has_value());
    disk.fill();

    Batch large = facts(11, 11);
    large.facts[0].json = std::string(200'000, 'x');
    for (int i = 0; i < 5; ++i) {
        const auto refused = store->commit(large);
        ASSERT_FALSE(refused.has_value());
        EXPECT_EQ(refused.error().code, Code::StoreFull) << words_of(refused);
    }
    EXPECT_EQ(store->facts(EventSeq{1}, 100).value(), facts(1, 10).facts);
    EXPECT_EQ(remember(*store)->facts, facts(1, 10).facts);

    disk.make_room();
    ASSERT_TRUE(store->commit(facts(11, 12)).has_value());
    store.reset();
    store = must_open(disk.zone());
    EXPECT_EQ(remember(*store)->facts, facts(1, 12).facts);
}

TEST(StoreOnAFullDisk, FillsItToTheLastCommitAndStillStarts) {
    SmallDisk disk;
    if (!disk.mounted()) {
        GTEST_SKIP() << "mounting a tmpfs needs root";
    }
    auto store = must_open(disk.zone());
    std::uint64_t last = 0;
    while (store->commit(facts(last + 1, last + 50))) {
        last += 50;
    }
    ASSERT_GT(last, 1000U);

    store.reset();
    const auto again = open_store(options_of(disk.zone()));
    if (!again) {
        EXPECT_EQ(again.error().code, Code::StoreFull) << words_of(again);
        return;
    }
    const auto memory = remember(**again);
    ASSERT_TRUE(memory.has_value()) << words_of(memory);
    EXPECT_EQ(memory->facts, facts(1, last).facts);
}

TEST(StoreOnAFullDisk, IsNotMadeByHalf) {
    SmallDisk disk;
    if (!disk.mounted()) {
        GTEST_SKIP() << "mounting a tmpfs needs root";
    }
    disk.fill();
    EXPECT_EQ(code_of(open_store(options_of(disk.zone()))), Code::StoreFull);

    disk.make_room();
    EXPECT_TRUE(open_store(options_of(disk.zone())).has_value());
}

}  // namespace
}  // namespace khu::daemon
