#pragma once

/// \file
/// The small zone with a QOS for reservations of two of its nodes, and what tests of bookings ask
/// of them.

#include <gtest/gtest.h>

#include "tests/core/machine/zone_books.h"

namespace khu::testing {

inline constexpr Moment kMorning{1'775'000'000'000};  // when a test's zone begins
inline constexpr Moment kMay{1'777'568'400'000};      // local midnight of 1 May, UTC+7

inline Policy booking_policy() {
    Policy made = small_policy();
    made.qos.push_back({.id = QosId{"dat-truoc"}, .factor_permille = 1500, .tier = 40});
    for (Programme& programme : made.programmes) {
        programme.qos.push_back(QosId{"dat-truoc"});
    }
    return made;
}

inline Reservation two_nodes(Moment from, Span length = hours(2)) {
    return {.id = "run",
            .programme = ProgrammeId{"half"},
            .partition = PartitionId{"gpu"},
            .gpus = 15,  // Two nodes have sixteen.
            .qos = QosId{"dat-truoc"},
            .window = {.from = from, .to = from + length}};
}

inline JobSpec inside(int nodes, int gpus, Span limit) {
    JobSpec spec = job_of(nodes, gpus);
    spec.time_limit = limit;
    spec.where.edit().reservation = Text("run");
    return spec;
}

inline void go_to(Zone& zone, Moment at) {
    go(zone, at);
    zone.round();
}

inline void expect_identity(const UsageRow& row) {
    EXPECT_EQ(row.charged_ugs,
              row.metered_ugs + row.surcharge_ugs - row.discount_ugs - row.waived_ugs);
    EXPECT_EQ(row.list_mvnd, row.paid_national_mvnd + row.paid_provincial_mvnd +
                                 row.paid_zone_mvnd + row.paid_donor_mvnd +
                                 row.paid_enterprise_mvnd);
}

}  // namespace khu::testing
