#include "core/ledger/grant_report.h"

#include <algorithm>
#include <tuple>

#include "core/base/check.h"

namespace khu {

ReportStanding standing_of(const GrantReport& report, Moment at) {
    ReportStanding now;
    for (const ReportStep& step : report.steps) {
        if (step.at > at) {
            break;
        }
        now.last = &step;
        now.due_at = step.verb == ReportVerb::Delivered ? now.due_at : step.due_at;
    }
    KHU_CHECK(now.last != nullptr, "grant {} owed nothing yet", report.grant.value);
    if (now.last->verb == ReportVerb::Delivered) {
        now.state = ReportState::Delivered;
    } else if (at >= now.due_at) {
        now.state = ReportState::Late;
        now.days_late = (at - now.due_at).value / days(1).value + 1;
    }
    return now;
}

std::string report_word(ReportState state) {
    switch (state) {
        case ReportState::Due:
            return "due";
        case ReportState::Late:
            return "late";
        case ReportState::Delivered:
            return "delivered";
    }
    KHU_CHECK(false);
}

void add_count(std::vector<GrantCount>& counts, GrantCount more) {
    const auto same = std::ranges::find_if(counts, [&](const GrantCount& each) {
        return std::tie(each.measure, each.programme, each.enterprise) ==
               std::tie(more.measure, more.programme, more.enterprise);
    });
    if (same == counts.end() || more.measure == "days_to_decision") {
        counts.push_back(std::move(more));
    } else {
        same->value += more.value;
    }
}

}  // namespace khu
