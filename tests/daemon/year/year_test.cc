// A year of a zone's life over the real store, killed again and again: nothing that was promised is
// lost (I-18), and report, ledger, statements and the zone's report are one (I-14). The whole year
// of a large zone, which takes a quarter of an hour:
//
//     KHU_YEAR=630,200000,500 build/release/bin/daemon_year_test       enterprises, jobs, kills

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

#include "core/base/random.h"
#include "tests/daemon/year/year_books.h"
#include "tests/daemon/year/year_zone.h"

namespace khu {
namespace {

using testing::Promised;
using testing::YearOptions;
using testing::YearZone;

struct Plan {
    YearOptions year;
    int kills{12};
    std::int64_t kill_within_ms{100};  ///< of a life
};

Plan plan() {
    Plan made;
    if (const char* asked = std::getenv("KHU_YEAR")) {
        long long jobs = 0;
        KHU_CHECK(std::sscanf(asked, "%d,%lld,%d", &made.year.enterprises, &jobs, &made.kills) ==
                  3);
        made.year.jobs = jobs;
        made.kill_within_ms = std::clamp<std::int64_t>(jobs / 100, 100, 1'200);
        made.year.snapshot_every = 20'000;
    }
    if (const char* seed = std::getenv("KHU_SEED")) {
        made.year.seed = std::strtoull(seed, nullptr, 10);
    }
    return made;
}

class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "khu-year-XXXXXX").string();
        KHU_CHECK(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

std::unique_ptr<daemon::Store> open(const std::string& path) {
    auto store = daemon::open_store({.directory = path, .zone = ZoneId{"test"}});
    KHU_CHECK(store.has_value(), "{}", text(store.error(), Language::English));
    return *std::move(store);
}

/// One life: 0 when the year is over, 1 when the store had lost something.
[[noreturn]] void live(const std::string& path, const YearOptions& options, Promised& promised) {
    const auto store = open(path);
    if (promised.hashed == promised.entry && promised.entry > 0) {
        std::string hash;
        bool first = true;
        const auto read = store->entries({.first = LedgerSeq{promised.entry}},
                                         [&](const Entry&, const std::string& each) {
                                             hash = first ? each : hash;
                                             first = false;
                                         });
        if (!read || hash != promised.hash) {
            std::cerr << "the chain has another entry " << promised.entry << '\n';
            ::_exit(1);
        }
    }
    YearZone zone(*store, options, promised);
    if (const auto lost = zone.live()) {
        std::cerr << *lost << '\n';
        ::_exit(1);
    }
    ::_exit(0);
}

Promised& shared() {
    void* memory = ::mmap(nullptr, sizeof(Promised), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    KHU_CHECK(memory != MAP_FAILED);
    return *new (memory) Promised{};
}

TEST(Year, OfAZoneThatIsKilledAgainAndAgainHasOneTruth) {
    const Plan made = plan();
    std::cout << "seed " << made.year.seed << '\n';
    const Folder folder;
    Promised& promised = shared();
    Random chance(made.year.seed);
    int kills = 0;
    while (!promised.done) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            live(folder.path(), made.year, promised);
        }
        int status = 0;
        if (kills < made.kills) {
            std::this_thread::sleep_for(std::chrono::milliseconds(
                chance.between(made.kill_within_ms / 10, made.kill_within_ms)));
            ::kill(child, SIGKILL);
            ++kills;
        }
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        ASSERT_TRUE(!WIFSIGNALED(status) || WTERMSIG(status) == SIGKILL) << WTERMSIG(status);
    }

    const auto store = open(folder.path());
    const Machine machine = YearZone::recovered(*store);
    const Truth& truth = machine.state().truth;
    std::cout << kills << " kills, " << truth.next_job.value - 1 << " jobs, "
              << truth.ledger.last_seq().value << " entries, " << truth.last.value << " facts, "
              << truth.refunded.size() << " refunds, " << truth.corrected.size()
              << " readings corrected, " << truth.months.size() << " months\n";

    EXPECT_EQ(testing::compare_books(*store, machine.state(), made.year),
              std::vector<std::string>{});
    int unused = 0;
    int inside = 0;
    const auto read =
        store->usage({.period_from = "2000-01", .period_to = "2999-12", .enterprise = {}},
                     [&](const UsageRow& row) {
                         unused += row.end_cause == kReservedUnused ? 1 : 0;
                         inside += row.qos_permille == 0 ? 1 : 0;
                     });
    ASSERT_TRUE(read.has_value());
    std::cout << unused << " rows of reservations, " << inside << " of jobs inside\n";
    EXPECT_GT(unused, 10);
    EXPECT_GT(inside, 0);
    EXPECT_GE(truth.months.size(), 12U);
    EXPECT_GT(truth.refunded.size(), 0U);
    EXPECT_GT(truth.corrected.size(), 20U);
    EXPECT_TRUE(std::ranges::any_of(truth.ledger.grants(),
                                    [](const auto& each) { return each.second.ends.size() > 1; }));
    EXPECT_EQ(truth.policy_ids.size(), 5U);
    EXPECT_EQ(kills, made.kills);
    EXPECT_GT(static_cast<std::int64_t>(truth.next_job.value), made.year.jobs * 9 / 10)
        << "few are turned away because too many wait";
}

}  // namespace
}  // namespace khu
