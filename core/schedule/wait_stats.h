#pragma once

/// \file
/// How long jobs waited, and how often the interval that was first said of their start held: counts
/// for each day, enterprise, programme and size, kept in bounded memory. They are part of the
/// zone's truth, so that they outlive a restart; the days that lie furthest back go first.
///
/// A job counts on the day of its first start, once. Percentiles come from classes of waits
/// that are a quarter wider than the one before, so that what they say is at most 25 % too much.

#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

struct WaitKind {
    std::int64_t day{0};  ///< since 1970
    EnterpriseId enterprise;
    ProgrammeId programme;
    std::int64_t gpus_up_to{0};  ///< of the whole job: 0, 1, 2, 4, 8, ...
    auto operator<=>(const WaitKind&) const = default;
};
KHU_DESCRIBE(WaitKind, day, enterprise, programme, gpus_up_to)

/// Jobs whose wait was in one class of lengths.
struct WaitClass {
    std::int64_t number{0};
    std::int64_t jobs{0};
    bool operator==(const WaitClass&) const = default;
};
KHU_DESCRIBE(WaitClass, number, jobs)

struct WaitCounts {
    std::int64_t jobs{0};
    std::int64_t wait_s{0};  ///< sum
    std::int64_t wait_max_s{0};
    std::vector<WaitClass> waits;  ///< by number
    std::int64_t eta_within{0};    ///< started inside the interval that was first said
    std::int64_t eta_sooner{0};    ///< before it
    std::int64_t eta_later{0};     ///< after it
    std::int64_t eta_width_s{0};   ///< sum over those three
    std::int64_t eta_missed_s{0};  ///< sum: how far outside
    bool operator==(const WaitCounts&) const = default;

    WaitCounts& operator+=(const WaitCounts& other);
    [[nodiscard]] std::int64_t eta_given() const { return eta_within + eta_sooner + eta_later; }
    /// At most so many seconds waited `percent` of the jobs; 0 if there are none.
    [[nodiscard]] std::int64_t percentile_s(int percent) const;
};
KHU_DESCRIBE(WaitCounts, jobs, wait_s, wait_max_s, waits, eta_within, eta_sooner, eta_later,
             eta_width_s, eta_missed_s)

struct WaitRow {
    WaitKind kind;
    WaitCounts counts;
};
KHU_DESCRIBE(WaitRow, kind, counts)

/// One job that has started for the first time.
struct FirstStart {
    std::int64_t day{0};  ///< of the start, in the zone's time
    EnterpriseId enterprise;
    ProgrammeId programme;
    std::int64_t gpus{0};
    Moment submitted;
    Moment started;
    Moment early;  ///< as first said; with `late` 0: nothing was said
    Moment late;
};

class WaitStats {
public:
    void count(const FirstStart& start);
    [[nodiscard]] const std::map<WaitKind, WaitCounts>& rows() const { return rows_; }
    void load(const WaitRow& row);
    bool operator==(const WaitStats&) const = default;

private:
    void drop_oldest();

    std::map<WaitKind, WaitCounts> rows_;
};

/// 0, 1, 2, 4, 8, ...: the smallest that is not below `gpus`.
std::int64_t size_class(std::int64_t gpus);

}  // namespace khu
