#pragma once

/// \file
/// What is owed for a grant when its window is over: a report, and where the programme wants one an
/// open output that anybody can use. It is a declaration by a holder: where the report is. It
/// counts at once; a zone admin may send it back, and then it is owed again by a new day.
///
///     Due -> Late (its day has passed) ;  Due, Late -> Delivered ;  Delivered -> Due (sent back)
///
/// The steps are kept, so that what a month's statement said stays true.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

enum class ReportVerb { Owed, Delivered, Returned };
KHU_DESCRIBE_ENUM(ReportVerb, Owed, Delivered, Returned)

struct ReportStep {
    ReportVerb verb{ReportVerb::Owed};
    Moment at;
    Moment due_at;       ///< Owed, Returned: late from then on
    std::string text;    ///< Delivered: where the report is; Returned: why
    std::string output;  ///< Delivered: where the open output is
    UserId by;
    bool operator==(const ReportStep&) const = default;
};
KHU_DESCRIBE(ReportStep, verb, at, due_at, text, output, by)

struct GrantReport {
    GrantId grant;
    EnterpriseId enterprise;
    ProgrammeId programme;
    bool output_required{false};
    Moment told_until;              ///< warnings up to then were given
    std::vector<ReportStep> steps;  ///< the first is Owed
    bool operator==(const GrantReport&) const = default;
};
KHU_DESCRIBE(GrantReport, grant, enterprise, programme, output_required, told_until, steps)

enum class ReportState { Due, Late, Delivered };
KHU_DESCRIBE_ENUM(ReportState, Due, Late, Delivered)

/// "due", "late", "delivered"
std::string report_word(ReportState state);

/// How the report stood at `at`. Claims: it was owed by then.
struct ReportStanding {
    ReportState state{ReportState::Due};
    Moment due_at;
    std::int64_t days_late{0};  ///< begun days; 0 unless Late
    const ReportStep* last{nullptr};
};
ReportStanding standing_of(const GrantReport& report, Moment at);

/// One thing that happened to grants in a month, for the zone's report: so much of `measure`, of
/// one enterprise in one programme.
struct GrantCount {
    std::string measure;
    ProgrammeId programme;
    EnterpriseId enterprise;
    std::int64_t value{0};
    bool operator==(const GrantCount&) const = default;
};
KHU_DESCRIBE(GrantCount, measure, programme, enterprise, value)

/// Adds to the count of the same measure, programme and enterprise; days are kept one by one, since
/// a median is made of them.
void add_count(std::vector<GrantCount>& counts, GrantCount more);

}  // namespace khu
