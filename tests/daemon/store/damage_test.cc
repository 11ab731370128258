// Files that are cut or changed: what comes back is a prefix of what was stored, or a refusal with
// a name. Never something else.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>

#include "core/base/digest.h"
#include "core/base/random.h"
#include "daemon/store/chain.h"
#include "daemon/store/sqlite_store.h"
#include "tests/daemon/store/store_world.h"

namespace khu::daemon {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr std::uint64_t batches = 40;
constexpr std::uint64_t per_batch = 10;

/// A store that was killed: `from` is copied while it is open, log and all.
void copy_files(const std::string& from, const std::string& to) {
    fs::create_directories(to);
    for (const char* name : {"zone.db", "zone.db-wal", "lock"}) {
        if (fs::exists(from + "/" + name)) {
            fs::copy_file(from + "/" + name, to + "/" + name, fs::copy_options::overwrite_existing);
        }
    }
}

void flip(const std::string& path, std::uint64_t at, unsigned char mask) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const auto byte = static_cast<unsigned char>(file.get());
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ mask));
}

class DamageTest : public testing::Test {
protected:
    /// Facts, books and history; the first half folded into the database, the rest in the log.
    void SetUp() override {
        auto store = must_open(source_.path());
        Books books;
        for (std::uint64_t i = 0; i < batches; ++i) {
            if (i == batches / 2) {
                store.reset();
                store = must_open(source_.path());
            }
            Batch batch = facts(i * per_batch + 1, (i + 1) * per_batch);
            books.run_job(batch, i + 1);
            batch.payloads = {{JobId{i + 1}, "{}"}};
            batch.history = {{JobId{i + 1}, EnterpriseId{"e"}, UserId{"u"}, morning, "{}"}};
            if (i == 5 || i == 9) {
                batch.snapshot = Snapshot{.up_to = EventSeq{i * per_batch}, .chunks = {"s", "t"}};
            }
            ASSERT_TRUE(store->commit(batch).has_value());
        }
        copy_files(source_.path(), live_.path());
        ASSERT_GT(fs::file_size(live_.file("zone.db-wal")), 100'000U);
        store.reset();
        copy_files(source_.path(), closed_.path());
    }

    /// Opens the damaged copy: true if what is there is a whole prefix, false if it is refused by
    /// name; anything else fails the test.
    bool is_prefix(const std::string& what) {
        const auto store = open_store(options_of(victim_.path()));
        if (!store) {
            EXPECT_THAT(store.error().code,
                        AnyOf(Code::StateDamaged, Code::OtherZone, Code::NewerState))
                << what << words_of(store);
            return false;
        }
        const auto memory = remember(**store);
        if (!memory) {
            EXPECT_EQ(memory.error().code, Code::StateDamaged) << what << words_of(memory);
            return false;
        }
        const std::uint64_t last = memory->recovered.last_fact.value;
        EXPECT_EQ(last % per_batch, 0U) << what << ": part of a batch";
        std::uint64_t seq = memory->recovered.snapshot.value;
        for (const StoredFact& each : memory->facts) {
            EXPECT_EQ(each, fact(++seq)) << what;
        }
        last_ = last;
        const auto head = (*store)->verify_ledger();
        if (head) {
            const std::uint64_t jobs = last / per_batch;
            EXPECT_EQ(head->seq.value, jobs == 0 ? 0 : 1 + jobs * 3) << what << ": other books";
        }
        return head.has_value();
    }

    TempDir source_;
    TempDir live_;
    TempDir closed_;
    TempDir victim_;
    std::uint64_t last_{0};
};

TEST_F(DamageTest, ALogCutAnywhereGivesAPrefix) {
    const std::uint64_t size = fs::file_size(live_.file("zone.db-wal"));
    std::uint64_t longest = 0;
    for (std::uint64_t cut = 0; cut < size; cut += 4099) {
        copy_files(live_.path(), victim_.path());
        fs::resize_file(victim_.file("zone.db-wal"), cut);
        fs::remove(victim_.file("zone.db-shm"));

        ASSERT_TRUE(is_prefix(fmt::format("log cut at {}: ", cut)));
        EXPECT_GE(last_, longest) << "cut at " << cut;
        longest = last_;
    }
    EXPECT_EQ(longest, (batches - 1) * per_batch);
}

TEST_F(DamageTest, ADatabaseCutAnywhereIsRefused) {
    const std::uint64_t size = fs::file_size(closed_.file("zone.db"));
    for (std::uint64_t cut = 0; cut < size; cut += 2053) {
        copy_files(closed_.path(), victim_.path());
        fs::resize_file(victim_.file("zone.db"), cut);

        EXPECT_FALSE(is_prefix(fmt::format("database cut at {}: ", cut)));
    }
}

TEST_F(DamageTest, ADatabaseThatIsGoneIsNotANewOne) {
    copy_files(closed_.path(), victim_.path());
    fs::remove(victim_.file("zone.db"));

    EXPECT_THAT(words_of(open_store(options_of(victim_.path()))), HasSubstr("missing or empty"));
}

TEST_F(DamageTest, AByteThatFlippedInTheMiddleOfTheLogIsRefused) {
    const std::uint64_t size = fs::file_size(live_.file("zone.db-wal"));
    Random random(7);
    for (int i = 0; i < 100; ++i) {
        const std::uint64_t at = random.below(size * 3 / 4);
        copy_files(live_.path(), victim_.path());
        fs::remove(victim_.file("zone.db-shm"));
        flip(victim_.file("zone.db-wal"), at, 0x10);

        const auto store = open_store(options_of(victim_.path()));

        ASSERT_FALSE(store.has_value()) << "byte " << at;
        EXPECT_THAT(words_of(store), HasSubstr("commits stand behind it")) << "byte " << at;
    }
}

TEST_F(DamageTest, AByteThatFlippedInTheLogsHeaderIsRefused) {
    for (std::uint64_t at = 0; at < 32; ++at) {
        copy_files(live_.path(), victim_.path());
        fs::remove(victim_.file("zone.db-shm"));
        flip(victim_.file("zone.db-wal"), at, 1);

        EXPECT_THAT(words_of(open_store(options_of(victim_.path()))),
                    HasSubstr("frame 1 is bad and 20 commits stand behind it"))
            << "byte " << at;
    }
}

TEST_F(DamageTest, AByteThatFlippedInTheDatabaseNeverGivesOtherFactsOrBooks) {
    const std::uint64_t size = fs::file_size(closed_.file("zone.db"));
    Random random(11);
    int refused = 0;
    for (int i = 0; i < 400; ++i) {
        const std::uint64_t at = random.below(size);
        copy_files(closed_.path(), victim_.path());
        fs::remove(victim_.file("zone.db-wal"));
        flip(victim_.file("zone.db"), at, static_cast<unsigned char>(1U << random.below(8)));

        const bool whole = is_prefix(fmt::format("byte {}: ", at));
        refused += whole ? 0 : 1;
        if (whole) {
            EXPECT_EQ(last_, batches * per_batch) << "byte " << at;
        }
    }
    EXPECT_GT(refused, 20);
}

TEST_F(DamageTest, AFactThatChangedIsNamed) {
    copy_files(closed_.path(), victim_.path());
    std::ifstream in(victim_.file("zone.db"), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const std::size_t at = bytes.find("{\"fact\":217,");
    ASSERT_NE(at, std::string::npos);
    flip(victim_.file("zone.db"), at + 9, 1);

    const auto store = must_open(victim_.path());

    EXPECT_THAT(words_of(remember(*store)), HasSubstr("fact 217 has changed"));
    EXPECT_THAT(words_of(store->facts(EventSeq{210}, 20)), HasSubstr("fact 217 has changed"));
}

class TamperTest : public DamageTest {
protected:
    /// Changes the closed copy as somebody with SQL would.
    void sql(const std::string& statements) {
        copy_files(closed_.path(), victim_.path());
        sqlite3* handle = nullptr;
        ASSERT_EQ(sqlite3_open(victim_.file("zone.db").c_str(), &handle), SQLITE_OK);
        ASSERT_EQ(sqlite3_exec(handle, statements.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
            << sqlite3_errmsg(handle);
        sqlite3_close(handle);
    }
    void must_read_entries(const std::function<void(const Entry&, const std::string&)>& each) {
        copy_files(closed_.path(), victim_.path());
        ASSERT_TRUE(must_open(victim_.path())->entries({}, each).has_value());
    }
    std::string verify() { return words_of(must_open(victim_.path())->verify_ledger()); }
};

TEST_F(TamperTest, AnEntryThatWasChangedIsNamed) {
    sql("UPDATE entries SET amount = amount - 1 WHERE seq = 42");

    EXPECT_THAT(verify(), HasSubstr("at entry 42: its hash is not that of its line"));
}

TEST_F(TamperTest, AnEntryThatWasTakenOutIsNamed) {
    sql("DELETE FROM entries WHERE seq = 42");

    EXPECT_THAT(verify(), HasSubstr("at entry 42: it is missing"));
}

TEST_F(TamperTest, EntriesCutOffAtTheEndAreMissed) {
    sql("DELETE FROM entries WHERE seq > 100");

    EXPECT_THAT(verify(), HasSubstr("at entry 101: it is missing"));
}

TEST_F(TamperTest, AFactThatWasTakenOutIsMissed) {
    sql("DELETE FROM facts WHERE seq = 300");
    EXPECT_THAT(words_of(remember(*must_open(victim_.path()))), HasSubstr("fact 300 is missing"));

    sql("DELETE FROM facts WHERE seq > 390");
    EXPECT_THAT(words_of(remember(*must_open(victim_.path()))),
                HasSubstr("facts end at 390, the head says 400"));
}

TEST_F(TamperTest, ADamagedSnapshotIsPassedOver) {
    sql("UPDATE snapshot_chunks SET json = 'z' WHERE up_to = 90 AND chunk = 1");
    const auto store = must_open(victim_.path());

    const auto memory = remember(*store);

    ASSERT_TRUE(memory.has_value()) << words_of(memory);
    EXPECT_EQ(memory->recovered.snapshot, EventSeq{50});
    EXPECT_EQ(memory->facts.front(), fact(51));
    EXPECT_EQ(memory->recovered.remarks.size(), 1U);
}

TEST_F(TamperTest, ASnapshotOfAReleaseBeforePieceSumsIsGood) {
    Digest sums;
    for (const std::string piece : {"s", "t"}) {
        const std::uint64_t number = piece == "s" ? 0 : 1;
        sums.add(static_cast<std::uint64_t>(row_sum(90, number, piece)));
    }
    sql(fmt::format("UPDATE snapshots SET sum = {} WHERE up_to = 90",
                    static_cast<std::int64_t>(sums.value())));

    const auto memory = remember(*must_open(victim_.path()));

    ASSERT_TRUE(memory.has_value()) << words_of(memory);
    EXPECT_EQ(memory->recovered.snapshot, EventSeq{90});
    EXPECT_TRUE(memory->recovered.remarks.empty());
}

TEST_F(TamperTest, AnEntryWhoseHashWasMadeAnewIsFoundByTheHead) {
    Chain chain;
    ChainHash hash{};
    Entry last;
    must_read_entries([&](const Entry& entry, const std::string&) {
        last = entry;
        last.amount -= entry.seq.value == 121 ? 1 : 0;
        hash = chain.next(hash, last);
    });
    ASSERT_EQ(last.seq, LedgerSeq{121});

    sql("UPDATE entries SET amount = amount - 1, hash = x'" + hex(hash) + "' WHERE seq = 121");

    EXPECT_THAT(verify(), HasSubstr("at entry 121: its hash is not the one of the head"));
}

TEST_F(TamperTest, AHeadThatWasChangedIsRefused) {
    sql("UPDATE head SET entry = entry - 3");

    EXPECT_THAT(words_of(open_store(options_of(victim_.path()))), HasSubstr("damaged: head"));
}

TEST_F(TamperTest, ADatabaseOfAnotherProgramIsRefused) {
    sql("PRAGMA application_id = 7");

    EXPECT_THAT(words_of(open_store(options_of(victim_.path()))), HasSubstr("not a file of khud"));
}

TEST_F(TamperTest, PayloadsAndHistoryThatWereChangedAreRefused) {
    sql("UPDATE payloads SET json = '[]' WHERE job = 7;"
        "UPDATE history SET json = '[]' WHERE job = 7");
    const auto store = must_open(victim_.path());

    EXPECT_THAT(words_of(store->payload(JobId{7})), HasSubstr("payload of job 7 has changed"));
    EXPECT_THAT(words_of(store->history_of(JobId{7})), HasSubstr("history of job 7 has changed"));
    EXPECT_EQ(code_of(store->history({})), Code::StateDamaged);
    EXPECT_TRUE(store->history_of(JobId{8}).has_value());
}

TEST_F(TamperTest, AUsageRowThatWasChangedIsNamed) {
    sql("UPDATE usage SET charged_ugs = charged_ugs / 2 WHERE job_id = 7");

    const auto done = must_open(victim_.path())->usage({"2026-03", "2026-03", {}}, [](auto&) {});

    EXPECT_THAT(words_of(done), HasSubstr("the usage of job 7 in 2026-03 has changed"));
}

}  // namespace
}  // namespace khu::daemon
