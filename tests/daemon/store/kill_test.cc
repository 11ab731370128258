// Real processes, really killed: what was acknowledged is there, and nothing between is missing.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/random.h"
#include "tests/daemon/store/store_world.h"

namespace khu::daemon {
namespace {

/// The child: commits without end, each time writing the last fact it was promised into the pipe.
[[noreturn]] void commit_for_ever(const std::string& directory, int pipe, std::uint64_t seed) {
    auto store = must_open(directory);
    std::uint64_t seq = remember(*store)->recovered.last_fact.value;
    Random random(seed);
    for (;;) {
        const std::uint64_t first = seq + 1;
        seq += static_cast<std::uint64_t>(random.between(1, 40));
        Batch batch = facts(first, seq);
        batch.payloads.push_back({JobId{seq}, json_of_fact(seq)});
        if (random.chance(20)) {
            batch.snapshot = Snapshot{.up_to = EventSeq{seq}, .chunks = {json_of_fact(seq)}};
        }
        if (!store->commit(batch) || ::write(pipe, &seq, sizeof seq) != sizeof seq) {
            ::_exit(1);
        }
    }
}

/// Lets a child commit for a moment of the seed's choice, kills it, and gives the last seq it was
/// promised (0: none).
std::uint64_t run_and_kill(const std::string& directory, std::uint64_t seed) {
    int ends[2];
    KHU_CHECK(::pipe(ends) == 0);
    const pid_t child = ::fork();
    KHU_CHECK(child >= 0);
    if (child == 0) {
        ::close(ends[0]);
        commit_for_ever(directory, ends[1], seed);
    }
    ::close(ends[1]);
    // The moment is counted in acknowledgements and some microseconds: no sleep on a fixed time.
    Random random(seed + 1'000'000);
    std::uint64_t acked = 0;
    const std::uint64_t wanted = random.below(60);
    for (std::uint64_t i = 0; i < wanted; ++i) {
        if (::read(ends[0], &acked, sizeof acked) != sizeof acked) {
            break;
        }
    }
    ::usleep(static_cast<useconds_t>(random.below(2'000)));
    ::kill(child, SIGKILL);
    while (::read(ends[0], &acked, sizeof acked) == sizeof acked) {
    }
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
    return acked;
}

TEST(StoreKilled, LosesNothingThatItAcknowledged) {
    const TempDir dir;
    std::uint64_t promised = 0;
    std::uint64_t kills = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        promised = std::max(promised, run_and_kill(dir.path(), seed));
        ++kills;

        const auto store = must_open(dir.path());
        const auto memory = remember(*store);

        ASSERT_TRUE(memory.has_value()) << words_of(memory);
        const std::uint64_t last = memory->recovered.last_fact.value;
        ASSERT_GE(last, promised) << "seed " << seed;
        std::uint64_t seq = memory->recovered.snapshot.value;
        for (const StoredFact& each : memory->facts) {
            ASSERT_EQ(each, fact(++seq)) << "seed " << seed;
        }
        ASSERT_EQ(seq, last);
        if (last > 0) {
            // The payload is of the very batch of the last fact: all or nothing.
            ASSERT_EQ(store->payload(JobId{last}).value(), json_of_fact(last)) << "seed " << seed;
        }
        if (memory->recovered.snapshot.value > 0) {
            ASSERT_EQ(memory->chunks.at(0), json_of_fact(memory->recovered.snapshot.value));
        }
    }
    EXPECT_EQ(kills, 60U);
    EXPECT_GT(promised, 1000U);
    RecordProperty("facts", static_cast<int>(promised));
}

}  // namespace
}  // namespace khu::daemon
