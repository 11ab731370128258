// Reports from a store: which periods there are, what a year's file holds, and books that do not
// agree.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "daemon/meter_rows.h"
#include "daemon/reports.h"
#include "daemon/row_writer.h"
#include "daemon/statements.h"
#include "wire/json.h"
#include "wire/net/secrets.h"

namespace khu::daemon {
namespace {

/// 2026-05-20, zone's time; April is closed.
const ReportZone zone{
    .now = Moment{1'779'200'000'000}, .utc_offset_minutes = 420, .closed_period = "2026-04"};

std::vector<std::string> split_line(const std::string& line) {
    std::vector<std::string> cells(1);
    for (const char c : line) {
        if (c == ',') {
            cells.emplace_back();
        } else {
            cells.back() += c;
        }
    }
    return cells;
}

class Books : public ::testing::Test {
protected:
    Books() {
        std::string name = (std::filesystem::temp_directory_path() / "khu-books-XXXXXX").string();
        KHU_CHECK(::mkdtemp(name.data()) != nullptr);
        path_ = name;
        auto opened = open_store({.directory = path_, .zone = ZoneId{"test"}});
        KHU_CHECK(opened.has_value());
        store_ = *std::move(opened);
    }
    ~Books() override {
        store_.reset();
        std::filesystem::remove_all(path_);
    }

    static UsageRow row(const std::string& period, std::uint64_t job, Atoms charged) {
        UsageRow made;
        made.zone_id = ZoneId{"test"};
        made.period = period;
        made.enterprise_id = EnterpriseId{"0401000001"};
        made.user_id = UserId{"u-1"};
        made.job_id = JobId{job};
        made.attempt = AttemptNumber{1};
        made.metered_ugs = made.charged_ugs = charged;
        made.policy_id = PolicyId{"p"};
        return made;
    }
    void store(std::vector<UsageRow> rows) {
        Batch batch;
        batch.usage = std::move(rows);
        KHU_CHECK(store_->commit(batch).has_value());
    }
    /// A reading of April, all of it paid by the enterprise.
    void meter(const std::string& enterprise, Mvnd paid) {
        MeterRow made;
        made.period = "2026-04";
        made.enterprise_id = EnterpriseId{enterprise};
        made.service = "cloud";
        made.meter = MeterId{"vcpu"};
        made.row_id = "r1";
        made.list_mvnd = made.paid_enterprise_mvnd = paid;
        Batch batch;
        store_readings({.rows = {made}, .charges = {}}, batch.values);
        KHU_CHECK(store_->commit(batch).has_value());
    }
    Report report(const std::string& period, ReportFormat format = ReportFormat::Csv) {
        auto made =
            make_report(*store_, {.period = period, .enterprise = {}, .format = format}, zone);
        KHU_CHECK(made.has_value(), "{}", text(made.error(), Language::English));
        return *std::move(made);
    }
    std::string refusal(const std::string& period) {
        const auto made = make_report(*store_, {.period = period, .enterprise = {}}, zone);
        KHU_CHECK(!made.has_value());
        return std::string(info(made.error().code).id) + ": " +
               text(made.error(), Language::English);
    }

    std::string path_;
    std::unique_ptr<Store> store_;
};

TEST_F(Books, APeriodIsAMonthThatHasBegun_R300) {
    EXPECT_EQ(refusal("2026-13"), "R300: period 2026-13: there are twelve months");
    EXPECT_EQ(refusal("March"), "R300: period March: it is not a month");
    EXPECT_EQ(refusal("2026-06"), "R300: period 2026-06: it has not begun");
}

TEST_F(Books, AMonthThatIsNotClosedIsNotFinal_R301) {
    store({row("2026-04", 1, Atoms{5}), row("2026-05", 2, Atoms{7})});

    EXPECT_TRUE(report("2026-04").manifest.is_final);
    const Report may = report("2026-05");
    EXPECT_FALSE(may.manifest.is_final);
    EXPECT_NE(may.text->all().find(",false,p,"), std::string::npos);
}

TEST(ReportTexts, AreTheSameInMemoryAndInAFile) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{10}, (std::size_t{5} << 20) + 3}) {
        ReportText text;
        std::string all;
        for (std::size_t at = 0; at < size;) {
            std::string piece(std::min<std::size_t>(size - at, 1 + at % 5000), 'a');
            piece[0] = static_cast<char>('b' + at % 20);
            text.add(piece);
            all += piece;
            at += piece.size();
        }
        ASSERT_TRUE(text.finish().has_value());

        EXPECT_EQ(text.bytes(), static_cast<std::int64_t>(size));
        EXPECT_EQ(text.sha256(), wire::net::sha256_hex(all));
        EXPECT_EQ(text.all(), all);
        EXPECT_EQ(text.read(static_cast<std::int64_t>(size / 2), 100), all.substr(size / 2, 100));
    }
}

TEST(ReportTexts, ThatDoNotFitOnTheDiskAreRefused_L209) {
    ::setenv("TMPDIR", "/proc/none", 1);
    ReportText text;
    text.add(std::string(std::size_t{3} << 20, 'x'));
    const auto whole = text.finish();
    ::unsetenv("TMPDIR");

    ASSERT_FALSE(whole.has_value());
    EXPECT_EQ(whole.error().code, Code::StoreFull);
}

TEST_F(Books, OnlyAHolderSeesWhoUsedWhat_R302) {
    store({row("2026-04", 1, Atoms{5})});

    EXPECT_EQ(report("2026-04").text->all().find("u-1"), std::string::npos);
    const auto shown = make_report(*store_,
                                   {.period = "2026-04",
                                    .enterprise = {},
                                    .reader = EnterpriseId{"0401000001"},
                                    .show_users = true},
                                   zone);
    EXPECT_NE(shown->text->all().find("u-1"), std::string::npos);
}

TEST_F(Books, AStatementThatTheEntriesDoNotBearIsNotWritten_R303) {
    store({row("2026-04", 1, Atoms{5})});
    StatementRequest request;
    request.asked = {.zone = ZoneId{"test"},
                     .enterprise = EnterpriseId{"0401000001"},
                     .period = "2026-04",
                     .last = LedgerSeq{0}};
    request.cut_alone = true;

    const auto made = make_statement(*store_, request, zone);

    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(info(made.error().code).id, std::string("R303"));
    EXPECT_EQ(text(made.error(), Language::English),
              "the statement of 0401000001 for 2026-04 is not written: its rows charge 0.000000 "
              "GPU-hours, the ledger's entries 0.0 GPU-hours");
}

/// A month of two enterprises; of the second only another meter counted something.
AllStatementsRequest everyone(StatementFormat format) {
    AllStatementsRequest request;
    request.common.format = format;
    request.common.asked = {
        .zone = ZoneId{"test"}, .enterprise = {}, .period = "2026-04", .last = LedgerSeq{0}};
    request.enterprises[EnterpriseId{"0401000002"}].words.name = "Mô hình Việt";
    request.enterprises[EnterpriseId{"0401000003"}].words.name = "nothing of it";
    return request;
}

TEST_F(Books, AStatementOfAClosedMonthHasTheWordsOfThatMonthsPolicy) {
    const EnterpriseId id{"0401000001"};
    const MonthCut cut{.until = zone.now,
                       .period = "2026-04",
                       .names = {{id, "Sông Hàn", EnterpriseClass::Sme}},
                       .tiers = {{ProgrammeId{"half"}, Tier::Subsidised}}};
    Batch batch;
    batch.facts = {{.seq = EventSeq{1}, .at = zone.now, .json = wire::to_json_text(Fact{cut})}};
    batch.entries = {{.seq = LedgerSeq{1},
                      .at = zone.now,
                      .kind = "grant",
                      .id = "G.grant1",
                      .debit = "pool:half",
                      .credit = "grant:G",
                      .amount = 1'000}};
    ASSERT_TRUE(store_->commit(batch).has_value());
    StatementRequest request = everyone(StatementFormat::Json).common;
    request.words_in = EventSeq{1};
    request.asked.enterprise = id;
    request.asked.words = {.name = "what it is called now", .kind = "large"};
    request.asked.tiers = {{ProgrammeId{"half"}, "paid"}};
    request.asked.grants = {{GrantId{"G"}, {}}};
    request.asked.last = LedgerSeq{1};

    const auto made = make_statement(*store_, request, zone);

    ASSERT_TRUE(made.has_value()) << text(made.error(), Language::English);
    const auto read = wire::from_json_text<Statement>(made->text->all(), wire::Unknown::Refuse);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->name, "Sông Hàn");
    EXPECT_EQ(read->class_, "sme");
    EXPECT_EQ(read->grants.at(0).tier, "subsidised");
    EXPECT_EQ(read->ledger_first, LedgerSeq{1});
}

TEST_F(Books, StatementsOfAllAreThoseOfEach) {
    store({row("2026-04", 1, Atoms{5}), row("2026-04", 2, Atoms{7}), row("2026-05", 3, Atoms{9})});
    meter("0401000002", Mvnd{1'500});

    const auto made = make_all_statements(*store_, everyone(StatementFormat::Json), zone);

    ASSERT_TRUE(made.has_value()) << text(made.error(), Language::English);
    std::string each;
    for (const char* id : {"0401000001", "0401000002"}) {
        StatementRequest one = everyone(StatementFormat::Json).common;
        one.asked.enterprise = EnterpriseId{id};
        one.asked.words.name = one.asked.enterprise.value == "0401000002" ? "Mô hình Việt" : "";
        each += make_statement(*store_, one, zone)->text->all();
    }
    EXPECT_EQ(made->text->all(), each);
    const wire::ManifestAnswer& manifest = made->manifest;
    EXPECT_EQ(manifest.report, "statements");
    EXPECT_EQ(manifest.format, "jsonl");
    EXPECT_EQ(manifest.rows, 2);
    EXPECT_TRUE(manifest.is_final);
    EXPECT_EQ(manifest.control_totals.at("statements"), 2);
    EXPECT_EQ(manifest.control_totals.at("charged_ugs"), 12);
    EXPECT_EQ(manifest.control_totals.at("services_list_mvnd"), 1'500);
    EXPECT_EQ(manifest.control_totals.at("payable_vnd"), 2);
}

TEST_F(Books, StatementsOfAllInCsvHaveOneHeader) {
    store({row("2026-04", 1, Atoms{5})});
    meter("0401000002", Mvnd{1'500});

    const auto made = make_all_statements(*store_, everyone(StatementFormat::Csv), zone);

    ASSERT_TRUE(made.has_value()) << text(made.error(), Language::English);
    const std::string all = made->text->all();
    EXPECT_TRUE(all.starts_with(kStatementCsvHeader));
    EXPECT_EQ(all.find("schema_version", 1), std::string::npos);
    EXPECT_NE(all.find("1,test/0401000001/2026-04,reconcile,,,,charged_ugs,5\n"),
              std::string::npos);
    EXPECT_NE(all.find("1,test/0401000002/2026-04,money,,,,payable_vnd,2\n"), std::string::npos);
    EXPECT_EQ(made->manifest.rows + 1, std::ranges::count(all, '\n'));
}

TEST_F(Books, AStatementOfAllThatTheEntriesDoNotBearIsNotWritten_R303) {
    store({row("2026-04", 1, Atoms{5})});
    AllStatementsRequest request = everyone(StatementFormat::Json);
    request.common.cut_alone = true;

    const auto made = make_all_statements(*store_, request, zone);

    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code, Code::ReconcileFailed);
}

TEST(Cells, ANegativeNumberIsNoFormula) {
    EXPECT_EQ(escape_cell("-12.500000"), "-12.500000");
    EXPECT_EQ(escape_cell("-1+1"), "%2D1%2B1");
    EXPECT_EQ(escape_cell("-"), "%2D");
}

/// Eight zones in eight provinces, each with its own store and its own job 1: the nation's file is
/// theirs one after the other, the header once.
TEST(NationalRollUp, IsTheConcatenationOfTheZonesFiles) {
    std::string nation;
    std::int64_t charged = 0;
    std::set<std::string> keys;
    for (int number = 1; number <= 8; ++number) {
        std::string path = (std::filesystem::temp_directory_path() / "khu-zone-XXXXXX").string();
        ASSERT_NE(::mkdtemp(path.data()), nullptr);
        const ZoneId id{"zone-" + std::to_string(number)};
        {
            auto opened = open_store({.directory = path, .zone = id});
            ASSERT_TRUE(opened.has_value());
            Batch batch;
            for (std::uint64_t job = 1; job <= 3; ++job) {
                UsageRow row;
                row.zone_id = id;
                row.province_code = std::to_string(40 + number);
                row.period = "2026-04";
                row.enterprise_id = EnterpriseId{"0401000001"};
                row.job_id = JobId{job};
                row.attempt = AttemptNumber{1};
                row.charged_ugs = row.metered_ugs = Atoms{number * 100};
                row.policy_id = PolicyId{"p"};
                batch.usage.push_back(row);
            }
            ASSERT_TRUE((*opened)->commit(batch).has_value());
            const auto made = make_report(**opened, {.period = "2026-04", .enterprise = {}}, zone);
            ASSERT_TRUE(made.has_value());
            charged += made->manifest.control_totals.at("charged_ugs");
            const std::string text = made->text->all();
            nation += nation.empty() ? text : text.substr(text.find('\n') + 1);
        }
        std::filesystem::remove_all(path);
    }

    std::istringstream lines(nation);
    std::string header;
    std::getline(lines, header);
    const auto names = split_line(header);
    const auto column = [&](const char* name) {
        return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
    };
    std::int64_t sum = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto cells = split_line(line);
        ASSERT_EQ(cells.size(), names.size());
        sum += std::stoll(cells[column("charged_ugs")]);
        keys.insert(cells[column("zone_id")] + "/" + cells[column("job_id")] + "." +
                    cells[column("attempt")] + "." + cells[column("slice")]);
    }
    EXPECT_EQ(sum, charged);
    EXPECT_EQ(sum, 3 * 100 * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8));
    EXPECT_EQ(keys.size(), 24U);
}

}  // namespace
}  // namespace khu::daemon
