/// \file
/// The examples that people copy are read without a complaint.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "config/grant_csv.h"
#include "config/job_file.h"
#include "config/meter_csv.h"
#include "config/script_header.h"

namespace khu::config {
namespace {

const JobClock kMorning{Moment{1772413200000}, 420};

std::string example(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(std::string(KHU_SOURCE_DIR) + "/examples/" + name).rdbuf();
    return text.str();
}

TEST(Examples, AJobFileWithTwoWays) {
    const auto read = read_job_file(example("jobs/train.yaml"), "train.yaml", kMorning);

    ASSERT_TRUE(read.has_value()) << show(read.error().front(), Language::English);
    EXPECT_EQ(read->submission.spec.name, "digits");
    EXPECT_EQ(read->submission.spec.tasks_per_node, 8);
}

TEST(Examples, AScriptThatIsAnArray) {
    const ScriptHeader header = read_script_header(example("jobs/sweep.sh"), "sweep.sh", kMorning);

    ASSERT_TRUE(header.complaints.empty()) << show(header.complaints[0], Language::English);
    EXPECT_EQ(header.options.size(), 7U);
}

TEST(Examples, AScriptThatNeedsLicences) {
    const ScriptHeader header =
        read_script_header(example("jobs/licences.sh"), "licences.sh", kMorning);

    ASSERT_TRUE(header.complaints.empty()) << show(header.complaints[0], Language::English);
    Submission job;
    for (const JobOption& option : header.options) {
        EXPECT_FALSE(apply_option(option, kMorning, job)) << option.name;
    }
    EXPECT_EQ(job.spec.counted->all, (std::vector<CountedWish>{{ResourceId{"eda-licence"}, 2},
                                                               {ResourceId{"bench-rf"}, 1}}));
}

TEST(Examples, FilesOfGrantsAndReadings) {
    const auto grants = read_grant_csv(example("zone/grants.csv"), 420);
    const auto readings = read_meter_csv(example("zone/readings.csv"), 420);

    ASSERT_TRUE(grants.has_value()) << text(grants.error(), Language::English);
    ASSERT_TRUE(readings.has_value()) << text(readings.error(), Language::English);
    EXPECT_EQ(grants->offers.size(), 2U);
    EXPECT_EQ(readings->readings.size(), 2U);
    const auto vouchers = read_grant_csv(example("zone/vouchers.csv"), 420);
    const auto corrections = read_meter_csv(example("zone/corrections.csv"), 420);
    ASSERT_TRUE(vouchers.has_value()) << text(vouchers.error(), Language::English);
    ASSERT_TRUE(corrections.has_value()) << text(corrections.error(), Language::English);
    EXPECT_EQ(vouchers->offers[0].voucher, "PHT-2026/000017");
    EXPECT_EQ(corrections->readings[0].corrects, "2026-03/vcpu/" + readings->readings[0].row);
}

}  // namespace
}  // namespace khu::config
