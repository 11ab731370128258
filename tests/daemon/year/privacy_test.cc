// What leaves an enterprise shows no names, and what is over is forgotten, while every file of a
// closed month stays what it was.

#include <gtest/gtest.h>

#include <algorithm>

#include "core/machine/effects.h"
#include "daemon/reports.h"
#include "daemon/retention.h"
#include "tests/daemon/store/store_world.h"
#include "wire/json.h"

namespace khu::daemon {
namespace {

const EnterpriseId sao_mai{"0401000001"};
const EnterpriseId song_han{"0401000002"};
/// 2026-05-20, zone's time.
constexpr Moment kNow{1'779'200'000'000};
constexpr int kOffset = 420;

UsageRow usage(const std::string& period, std::uint64_t job, const EnterpriseId& owner,
               const std::string& user) {
    UsageRow row;
    row.period = period;
    row.enterprise_id = owner;
    row.user_id = UserId{user};
    row.job_id = JobId{job};
    row.attempt = AttemptNumber{1};
    row.job_name = "secret-model";
    row.charged_ugs = row.metered_ugs = Atoms{7};
    return row;
}

class PrivacyOfReports : public ::testing::Test {
protected:
    PrivacyOfReports() {
        zone_.now = kNow;
        zone_.utc_offset_minutes = kOffset;
        zone_.closed_period = "2026-04";
        zone_.privacy = Privacy{};
        zone_.pseudonyms = &pseudonyms_;
        zone_.names_from = months_before(kNow, 12, kOffset);
    }
    /// Stored as khud stores them.
    void put(std::vector<UsageRow> rows) {
        Batch batch;
        for (UsageRow& row : rows) {
            if (auto name = pseudonyms_.hide(row)) {
                batch.values.push_back(*std::move(name));
            }
            batch.usage.push_back(std::move(row));
        }
        ASSERT_TRUE(store_->commit(batch).has_value());
    }
    std::string report(const EnterpriseId& reader = {}, bool holder = false,
                       ReportKind kind = ReportKind::Jobs) {
        const auto made = make_report(*store_,
                                      {.kind = kind,
                                       .period = "2026-04",
                                       .enterprise = {},
                                       .reader = reader,
                                       .show_users = holder},
                                      zone_);
        KHU_CHECK(made.has_value());
        return made->text->all();
    }
    std::string word(const EnterpriseId& owner, const std::string& user) const {
        return pseudonyms_.of(owner, UserId{user}).value.str();
    }
    static bool has(const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    }

    TempDir dir_;
    std::unique_ptr<Store> store_ = must_open(dir_.path());
    const Pseudonyms pseudonyms_{"key of the zone"};
    ReportZone zone_{.now = {}, .closed_period = ""};
};

TEST_F(PrivacyOfReports, OthersGetOnePseudonymForAUserAndNoNameOfAJob) {
    put({usage("2026-04", 1, sao_mai, "u-1"), usage("2026-04", 2, sao_mai, "u-1"),
         usage("2026-04", 3, sao_mai, "u-2"), usage("2026-04", 4, song_han, "u-1")});

    const std::string auditors = report();

    const std::string first = word(sao_mai, "u-1");
    EXPECT_FALSE(has(auditors, "u-1"));
    EXPECT_FALSE(has(auditors, "secret-model"));
    EXPECT_TRUE(has(auditors, first));
    EXPECT_NE(auditors.find(first), auditors.rfind(first)) << "twice the same";
    EXPECT_NE(first, word(sao_mai, "u-2"));
    EXPECT_NE(first, word(song_han, "u-1")) << "nobody is followed from one enterprise to another";
    EXPECT_NE(first, Pseudonyms("key of another").of(sao_mai, UserId{"u-1"}).value.str());
    EXPECT_FALSE(has(report({}, false, ReportKind::Focus), "secret-model"));
}

TEST_F(PrivacyOfReports, HoldersSeeTheirOwnPeopleAndNobodyElses) {
    put({usage("2026-04", 1, sao_mai, "u-1"), usage("2026-04", 2, song_han, "u-2")});

    const std::string holders = report(sao_mai, true);
    const std::string members = report(sao_mai, false);

    EXPECT_TRUE(has(holders, "u-1"));
    EXPECT_FALSE(has(holders, "u-2"));
    EXPECT_TRUE(has(holders, word(song_han, "u-2")));
    EXPECT_FALSE(has(members, "u-1"));
    EXPECT_TRUE(has(members, word(sao_mai, "u-1")));
    EXPECT_TRUE(has(members, "secret-model"));
}

TEST_F(PrivacyOfReports, ThePolicyMayShowLess) {
    put({usage("2026-04", 1, sao_mai, "u-1")});
    const std::string first = word(sao_mai, "u-1");

    zone_.privacy = {.user_ids = UserIds::Named, .job_names = JobNames::Omitted};
    EXPECT_FALSE(has(report(), "u-1") || has(report(), first) || has(report(), "job:"));
    EXPECT_TRUE(has(report(sao_mai, true), "u-1"));
    zone_.privacy = {.per_user_rows = PerUserRows::Nobody};
    EXPECT_FALSE(has(report(sao_mai, true), "u-1") || has(report(sao_mai, true), first));
    zone_.privacy.reset();
    EXPECT_FALSE(has(report(), "u-1") || has(report(), first)) << "as the older release had it";
    EXPECT_TRUE(has(report(), "secret-model"));
}

TEST_F(PrivacyOfReports, ARowOfAnOlderReleaseIsShownAsItWouldBeNow) {
    Batch batch;
    batch.usage = {usage("2026-04", 1, sao_mai, "u-1")};  // stored with its name
    ASSERT_TRUE(store_->commit(batch).has_value());

    EXPECT_TRUE(has(report(), word(sao_mai, "u-1")));
    EXPECT_FALSE(has(report(), "u-1"));
    EXPECT_TRUE(has(report(sao_mai, true), "u-1"));
    zone_.names_from = "2026-05";
    EXPECT_FALSE(has(report(sao_mai, true), "u-1"));
}

/// The month's file, as others have it, before and after its names are forgotten (I-27).
TEST_F(PrivacyOfReports, ForgettingNamesChangesNoFileOfOthers) {
    put({usage("2026-04", 1, sao_mai, "u-1"), usage("2026-04", 2, song_han, "u-2")});
    const std::string before = report();
    RetentionTerms terms{.keep = {}, .now = kNow, .utc_offset_minutes = kOffset};
    EXPECT_TRUE(is_nothing(to_forget(*store_, terms, pseudonyms_).value()));

    terms.now = kNow + days(366);
    const Batch over = to_forget(*store_, terms, pseudonyms_).value();
    EXPECT_EQ(over.values.size(), 2U);
    ASSERT_TRUE(store_->commit(over).has_value());

    EXPECT_EQ(report(), before);
    EXPECT_FALSE(has(report(sao_mai, true), "u-1"));
    EXPECT_TRUE(has(report(sao_mai, true), word(sao_mai, "u-1")));
    EXPECT_TRUE(is_nothing(to_forget(*store_, terms, pseudonyms_).value()));
}

/// A finished job of the history.
HistoryRow finished(std::uint64_t job, Moment ended) {
    ArchiveJob archive;
    archive.job.id = JobId{job};
    archive.job.spec.user = UserId{"u-1"};
    archive.job.spec.enterprise = sao_mai;
    archive.usage = {usage("2026-04", job, sao_mai, "u-1")};
    return {.job = JobId{job},
            .enterprise = sao_mai,
            .user = UserId{"u-1"},
            .ended_at = ended,
            .json = wire::to_json_text(archive)};
}

TEST_F(PrivacyOfReports, FinishedJobsLoseTheirNamesAndThenThemselves) {
    Batch batch;
    for (std::uint64_t job = 1; job <= 1'203; ++job) {
        batch.history.push_back(finished(job, kNow + minutes(static_cast<std::int64_t>(job / 3))));
    }
    batch.history.push_back(finished(5'000, kNow + days(400)));
    ASSERT_TRUE(store_->commit(batch).has_value());
    RetentionTerms terms{.keep = {}, .now = kNow + days(410), .utc_offset_minutes = kOffset};

    int times = 0;
    for (Batch over; !is_nothing(over = to_forget(*store_, terms, pseudonyms_).value()); ++times) {
        ASSERT_TRUE(store_->commit(over).has_value());
        ASSERT_LT(times, 10);
    }

    EXPECT_GE(times, 3) << "a part at a time";
    const HistoryRow old = **store_->history_of(JobId{77});
    EXPECT_EQ(old.user.value, word(sao_mai, "u-1"));
    EXPECT_FALSE(has(old.json, "u-1"));
    EXPECT_EQ((*store_->history_of(JobId{5'000}))->user, UserId{"u-1"});

    terms.now = kNow + days(366 * 5 + 40);
    for (Batch over; !is_nothing(over = to_forget(*store_, terms, pseudonyms_).value());) {
        ASSERT_TRUE(store_->commit(over).has_value());
    }
    EXPECT_EQ(store_->history_of(JobId{77}).value(), std::nullopt);
    EXPECT_NE(store_->history_of(JobId{5'000}).value(), std::nullopt);
}

TEST(Months, AreCountedBackAcrossYears) {
    EXPECT_EQ(months_before(kNow, 0, kOffset), "2026-05");
    EXPECT_EQ(months_before(kNow, 5, kOffset), "2025-12");
    EXPECT_EQ(months_before(kNow, 60, kOffset), "2021-05");
}

}  // namespace
}  // namespace khu::daemon
