#include "daemon/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/daemon/store/store_world.h"

namespace khu::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StoreTest : public testing::Test {
protected:
    void commit(const Batch& batch) {
        const auto done = store->commit(batch);
        ASSERT_TRUE(done.has_value()) << words_of(done);
    }
    void reopen() {
        store.reset();
        store = must_open(dir.path());
    }

    TempDir dir;
    std::unique_ptr<Store> store = must_open(dir.path());
};

constexpr Atoms hours_above_the_hold = gpu_hours(5);

HistoryRow finished(std::uint64_t job, const char* enterprise, const char* user, Span after) {
    return HistoryRow{.job = JobId{job},
                      .enterprise = EnterpriseId{enterprise},
                      .user = UserId{user},
                      .ended_at = morning + after,
                      .json = "{\"job\":" + std::to_string(job) + "}"};
}

std::vector<std::uint64_t> jobs(const Expected<std::vector<HistoryRow>, Refusal>& rows) {
    std::vector<std::uint64_t> out;
    for (const HistoryRow& row : rows.value()) {
        out.push_back(row.job.value);
    }
    return out;
}

TEST_F(StoreTest, RemembersFactsInOrder) {
    commit(facts(1, 3));
    commit(facts(4, 4));
    reopen();

    const auto memory = remember(*store);

    ASSERT_TRUE(memory.has_value()) << words_of(memory);
    EXPECT_EQ(memory->facts, facts(1, 4).facts);
    EXPECT_EQ(memory->recovered.last_fact, EventSeq{4});
    EXPECT_EQ(memory->recovered.snapshot, EventSeq{0});
}

TEST_F(StoreTest, ReadsOnlyTheFactsAfterTheSnapshotAndKeepsTheOlder) {
    Batch batch = facts(1, 10);
    batch.snapshot = Snapshot{.up_to = EventSeq{8}, .chunks = {"one", "two", ""}};
    commit(batch);
    commit(facts(11, 12));
    reopen();

    const auto memory = remember(*store);

    ASSERT_TRUE(memory.has_value()) << words_of(memory);
    EXPECT_THAT(memory->chunks, ElementsAre("one", "two", ""));
    EXPECT_EQ(memory->facts, facts(9, 12).facts);
    EXPECT_EQ(store->facts(EventSeq{2}, 3).value(), facts(2, 4).facts);
}

TEST_F(StoreTest, CountsASnapshotOfSeveralBatchesOnlyWhenItIsComplete) {
    commit(facts(1, 10));
    commit({.snapshot = Snapshot{.up_to = EventSeq{5}, .chunks = {"a"}, .complete = false}});
    EXPECT_EQ(remember(*store)->recovered.snapshot, EventSeq{0});

    commit({.snapshot = Snapshot{.up_to = EventSeq{5}, .first_chunk = 1, .chunks = {"b"}}});

    EXPECT_EQ(remember(*store)->recovered.snapshot, EventSeq{5});
    EXPECT_THAT(remember(*store)->chunks, ElementsAre("a", "b"));
}

TEST_F(StoreTest, StartsASnapshotOverThatWasAbandoned) {
    commit(facts(1, 10));
    commit({.snapshot = Snapshot{.up_to = EventSeq{5}, .chunks = {"a", "b"}, .complete = false}});

    commit({.snapshot = Snapshot{.up_to = EventSeq{5}, .chunks = {"c"}}});
    commit({.snapshot = Snapshot{.up_to = EventSeq{5}, .chunks = {"c"}}});

    EXPECT_THAT(remember(*store)->chunks, ElementsAre("c"));
}

TEST_F(StoreTest, AnswersLookups) {
    commit({.payloads = {{JobId{7}, "{\"argv\":[]}"}},
            .keys = {{EnterpriseId{"e"}, UserId{"u"}, "k", "digest", JobId{7}, morning}},
            .values = {{"token", "b", "2"}, {"token", "a", "1"}, {"join", "a", ""}}});

    EXPECT_EQ(store->payload(JobId{7}).value(), "{\"argv\":[]}");
    EXPECT_EQ(store->payload(JobId{8}).value(), std::nullopt);
    EXPECT_EQ(store->find_key(EnterpriseId{"e"}, UserId{"u"}, "k").value()->job, JobId{7});
    EXPECT_EQ(store->find_key(EnterpriseId{"f"}, UserId{"u"}, "k").value(), std::nullopt);
    EXPECT_EQ(store->value("join", "a").value(), "");
    EXPECT_THAT(store->values("token").value(),
                ElementsAre(KeyValue{"token", "a", "1"}, KeyValue{"token", "b", "2"}));
}

TEST_F(StoreTest, GivesValuesOneByOneByTheBeginningOfTheirKeys) {
    commit({.values = {{"m", "a/1", "1"},
                       {"m", "a/2", "2"},
                       {"m", "ab", "3"},
                       {"m", "b/1", "4"},
                       {"n", "a/9", "5"}}});
    const auto keys = [&](const std::string& prefix) {
        std::vector<std::string> found;
        EXPECT_TRUE(store
                        ->each_value("m", prefix,
                                     [&](const KeyValue& each) {
                                         found.push_back(each.key + "=" + each.value.value_or(""));
                                     })
                        .has_value());
        return found;
    };

    EXPECT_THAT(keys("a/"), ElementsAre("a/1=1", "a/2=2"));
    EXPECT_THAT(keys(""), ElementsAre("a/1=1", "a/2=2", "ab=3", "b/1=4"));
    EXPECT_THAT(keys("c"), ElementsAre());
}

TEST_F(StoreTest, ForgetsPayloadsAndValuesWhenTold) {
    commit({.payloads = {{JobId{7}, "x"}}, .values = {{"token", "a", "1"}}});

    commit({.drop_payloads = {JobId{7}}, .values = {{"token", "a", std::nullopt}}});

    EXPECT_EQ(store->payload(JobId{7}).value(), std::nullopt);
    EXPECT_EQ(store->value("token", "a").value(), std::nullopt);
}

TEST_F(StoreTest, ListsHistoryNewestFirstInPages) {
    commit({.history = {finished(1, "a", "u", hours(3)), finished(2, "b", "u", hours(1)),
                        finished(3, "a", "v", hours(2)), finished(4, "a", "u", hours(2))}});

    EXPECT_THAT(jobs(store->history({})), ElementsAre(1, 4, 3, 2));
    EXPECT_THAT(jobs(store->history({.enterprise = EnterpriseId{"a"}, .limit = 2})),
                ElementsAre(1, 4));
    EXPECT_THAT(jobs(store->history({.enterprise = EnterpriseId{"a"},
                                     .before_at = morning + hours(2),
                                     .before_job = JobId{4}})),
                ElementsAre(3));
    EXPECT_THAT(jobs(store->history({.enterprise = EnterpriseId{"a"}, .user = UserId{"u"}})),
                ElementsAre(1, 4));
    EXPECT_EQ(store->history_of(JobId{2}).value()->enterprise, EnterpriseId{"b"});
    EXPECT_EQ(store->history_of(JobId{9}).value(), std::nullopt);
}

TEST_F(StoreTest, GivesUsageRowsBackAsTheyWere) {
    Books books;
    Batch batch;
    books.run_job(batch, 2);
    books.run_job(batch, 1);
    batch.usage[1].project = "mo-hinh";
    commit(batch);
    std::vector<UsageRow> rows;
    const auto take = [&](const UsageRow& row) { rows.push_back(row); };

    ASSERT_TRUE(store->usage({"2026-03", "2026-03", EnterpriseId{"0401000001"}}, take).has_value());
    EXPECT_THAT(rows, ElementsAre(batch.usage[1], batch.usage[0]));

    rows.clear();
    ASSERT_TRUE(store->usage({"2026-03", "2026-04", {}}, take).has_value());
    EXPECT_EQ(rows.size(), 2U);
    ASSERT_TRUE(store->usage({"2026-04", "2026-04", {}}, take).has_value());
    ASSERT_TRUE(store->usage({"2026-03", "2026-03", EnterpriseId{"other"}}, take).has_value());
    EXPECT_EQ(rows.size(), 2U);
}

TEST_F(StoreTest, ChainsAndVerifiesTheLedgerAcrossRestarts) {
    Books books;
    for (std::uint64_t job = 1; job <= 20; ++job) {
        Batch batch;
        books.run_job(batch, job);
        commit(batch);
        if (job % 7 == 0) {
            reopen();
        }
    }

    const auto head = store->verify_ledger();

    ASSERT_TRUE(head.has_value()) << words_of(head);
    EXPECT_EQ(head->seq, LedgerSeq{1 + 20 * 3});
    EXPECT_EQ(*head, store->ledger_head());
    std::uint64_t count = 0;
    std::string last;
    ASSERT_TRUE(store
                    ->entries({.first = LedgerSeq{5}},
                              [&](const Entry& entry, const std::string& hash) {
                                  EXPECT_EQ(entry.seq.value, 5 + count++);
                                  last = hash;
                              })
                    .has_value());
    EXPECT_EQ(count, 57U);
    EXPECT_EQ(last, head->hash);
}

TEST_F(StoreTest, GivesTheEntriesOfSomeAccountsAndOfATimeAlone) {
    Ledger ledger;
    std::vector<Entry> all;
    const auto take = [&](const Ledger::Entries& made) {
        all.insert(all.end(), made.begin(), made.end());
    };
    for (int minute = 0; minute < 40; ++minute) {
        const Moment at = morning + minutes(minute);
        take(ledger.open(
            {.id = GrantId{"g" + std::to_string(minute % 5) + "\"'" + std::to_string(minute)},
             .enterprise = EnterpriseId{"e"},
             .programme = ProgrammeId{"p"},
             .amount = gpu_hours(1 + minute),
             .from = at,
             .to = at + days(1),
             .decision_ref = ""},
            at, PolicyId{"p"}));
        take(ledger.pay_in({"wallet:w" + std::to_string(minute % 3), Mvnd{1 + minute}}, "r", at,
                           PolicyId{"p"}));
    }
    Batch batch;
    batch.entries = all;
    commit(batch);
    const auto found = [&](const EntryQuery& query) {
        std::vector<LedgerSeq> seqs;
        EXPECT_TRUE(store
                        ->entries(query, [&](const Entry& entry,
                                             const std::string&) { seqs.push_back(entry.seq); })
                        .has_value());
        return seqs;
    };
    const auto wanted = [&](auto takes) {
        std::vector<LedgerSeq> seqs;
        for (const Entry& entry : all) {
            if (takes(entry)) {
                seqs.push_back(entry.seq);
            }
        }
        return seqs;
    };

    for (int round = 0; round < 2; ++round) {
        for (const std::vector<std::string>& accounts : {std::vector<std::string>{"wallet:w1"},
                                                         {"wallet:w1", "wallet:w2", all[0].credit},
                                                         {all[4].credit, "grant:none"}}) {
            EXPECT_EQ(found({.last = LedgerSeq{60}, .accounts = accounts}),
                      wanted([&](const Entry& entry) {
                          return entry.seq.value <= 60 &&
                                 (std::ranges::count(accounts, entry.debit) > 0 ||
                                  std::ranges::count(accounts, entry.credit) > 0);
                      }));
        }
        for (const auto& [from, to] : {std::pair{-5, 100}, {0, 1}, {7, 7}, {7, 9}, {39, 41}}) {
            const Moment begin = morning + minutes(from);
            const Moment end = morning + minutes(to);
            EXPECT_EQ(found({.from = begin, .to = end}), wanted([&](const Entry& entry) {
                          return begin <= entry.at && entry.at < end;
                      }));
        }
        reopen();
    }
}

TEST_F(StoreTest, VerifiesTheBalancesToo) {
    Books books;
    Batch batch;
    books.run_job(batch, 1);
    batch.entries[2].amount = hours_above_the_hold.value;
    commit(batch);

    EXPECT_EQ(words_of(store->verify_ledger()),
              "entry 3 of the ledger settles more than was held: settle 18000000000 above hold "
              "7200000000");
}

TEST_F(StoreTest, RefusesAnotherZonesDirectory) {
    store.reset();

    const auto other = open_store({.directory = dir.path(), .zone = ZoneId{"hn-hoalac"}});

    EXPECT_EQ(words_of(other),
              "the state in " + dir.path() + " is of zone dn-cvpm2, not hn-hoalac");
}

TEST_F(StoreTest, RefusesANewerVersion) {
    store.reset();

    const auto older = open_store({.directory = dir.path(), .zone = the_zone, .version = 0});

    EXPECT_EQ(code_of(older), Code::NewerState);
    EXPECT_THAT(words_of(older), HasSubstr("written by version 1; this khud reads up to 0"));
}

TEST_F(StoreTest, RefusesASecondKhud) {
    EXPECT_EQ(code_of(open_store(options_of(dir.path()))), Code::StateLocked);
    store.reset();
    EXPECT_TRUE(open_store(options_of(dir.path())).has_value());
}

TEST_F(StoreTest, RefusesADirectoryThatCannotBeMade) {
    EXPECT_EQ(code_of(open_store(options_of("/proc/khu"))), Code::StoreFull);
}

TEST_F(StoreTest, ReadsWhileItCommits) {
    Books books;
    std::atomic<bool> stop{false};
    std::atomic<int> reads{0};
    std::thread reader([&] {
        while (!stop) {
            const auto rows = store->history({});
            ASSERT_TRUE(rows.has_value()) << words_of(rows);
            const auto head = store->verify_ledger();
            ASSERT_TRUE(head.has_value()) << words_of(head);
            ++reads;
        }
    });
    for (std::uint64_t i = 1; i <= 300 || reads < 3; ++i) {
        Batch batch = facts(i, i);
        batch.history.push_back(finished(i, "a", "u", seconds(1)));
        books.run_job(batch, i);
        commit(batch);
    }
    stop = true;
    reader.join();

    EXPECT_TRUE(store->verify_ledger().has_value());
}

TEST_F(StoreTest, BoundsItsLog) {
    Batch batch = facts(1, 1);
    batch.facts[0].json = std::string(1 << 20, 'x');
    for (std::uint64_t seq = 1; seq <= 60; ++seq) {
        batch.facts[0].seq = EventSeq{seq};
        commit(batch);
    }

    EXPECT_LT(std::filesystem::file_size(dir.file("zone.db-wal")), 20U << 20);
    EXPECT_GT(std::filesystem::file_size(dir.file("zone.db")), 40U << 20);
}

using StoreDeathTest = StoreTest;

TEST_F(StoreDeathTest, ClaimsFactsAndEntriesWithoutGaps) {
    EXPECT_DEATH((void)store->commit(facts(2, 2)), "2 follows 0");
    EXPECT_DEATH((void)store->commit({.entries = {Entry{.seq = LedgerSeq{7}}}}), "7 follows 0");
}

TEST_F(StoreDeathTest, ClaimsThatAnEntryIdIsNew) {
    Books books;
    Batch batch;
    books.run_job(batch, 1);
    batch.entries.back().id = batch.entries.front().id;

    EXPECT_DEATH((void)store->commit(batch), "UNIQUE constraint failed: entries.id");
}

}  // namespace
}  // namespace khu::daemon
