#include "core/schedule/wait_stats.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/limits.h"

namespace khu {
namespace {

/// The longest wait of a class, seconds: 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, ...
std::int64_t upper_bound_of(std::int64_t number) {
    std::int64_t bound = 0;
    for (std::int64_t i = 0; i < number; ++i) {
        bound += std::max<std::int64_t>(1, bound / 4);
    }
    return bound;
}

std::int64_t class_of(std::int64_t wait_s) {
    std::int64_t number = 0;
    for (std::int64_t bound = 0; bound < wait_s; ++number) {
        bound += std::max<std::int64_t>(1, bound / 4);
    }
    return number;
}

void add_class(std::vector<WaitClass>& waits, const WaitClass& more) {
    const auto at = std::ranges::lower_bound(waits, more.number, {}, &WaitClass::number);
    if (at != waits.end() && at->number == more.number) {
        at->jobs += more.jobs;
    } else {
        waits.insert(at, more);
    }
}

void count_eta(WaitCounts& counts, const FirstStart& start) {
    if (start.late == Moment{0}) {
        return;
    }
    counts.eta_width_s += (start.late - start.early).value / 1000;
    if (start.started < start.early) {
        ++counts.eta_sooner;
        counts.eta_missed_s += (start.early - start.started).value / 1000;
    } else if (start.started > start.late) {
        ++counts.eta_later;
        counts.eta_missed_s += (start.started - start.late).value / 1000;
    } else {
        ++counts.eta_within;
    }
}

}  // namespace

WaitCounts& WaitCounts::operator+=(const WaitCounts& other) {
    jobs += other.jobs;
    wait_s += other.wait_s;
    wait_max_s = std::max(wait_max_s, other.wait_max_s);
    for (const WaitClass& each : other.waits) {
        add_class(waits, each);
    }
    eta_within += other.eta_within;
    eta_sooner += other.eta_sooner;
    eta_later += other.eta_later;
    eta_width_s += other.eta_width_s;
    eta_missed_s += other.eta_missed_s;
    return *this;
}

std::int64_t WaitCounts::percentile_s(int percent) const {
    const std::int64_t rank = std::max<std::int64_t>(1, (jobs * percent + 99) / 100);
    std::int64_t passed = 0;
    for (const WaitClass& each : waits) {
        passed += each.jobs;
        if (passed >= rank) {
            return std::min(upper_bound_of(each.number), wait_max_s);
        }
    }
    return 0;
}

std::int64_t size_class(std::int64_t gpus) {
    std::int64_t size = gpus > 0 ? 1 : 0;
    while (size < gpus) {
        size *= 2;
    }
    return size;
}

void WaitStats::count(const FirstStart& start) {
    WaitCounts& counts = rows_[{.day = start.day,
                                .enterprise = start.enterprise,
                                .programme = start.programme,
                                .gpus_up_to = size_class(start.gpus)}];
    const std::int64_t wait_s =
        std::max<std::int64_t>(0, (start.started - start.submitted).value / 1000);
    ++counts.jobs;
    counts.wait_s += wait_s;
    counts.wait_max_s = std::max(counts.wait_max_s, wait_s);
    add_class(counts.waits, {.number = class_of(wait_s), .jobs = 1});
    count_eta(counts, start);
    drop_oldest();
}

void WaitStats::drop_oldest() {
    while (static_cast<std::int64_t>(rows_.size()) > limits::wait_rows_max) {
        rows_.erase(rows_.begin());
    }
}

void WaitStats::load(const WaitRow& row) {
    const bool fresh = rows_.emplace(row.kind, row.counts).second;
    KHU_CHECK(fresh, "day {}", row.kind.day);
}

}  // namespace khu
