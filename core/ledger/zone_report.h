#pragma once

/// \file
/// What the zone tells of one month: use, who paid, waiting and failures, one row a measure, so
/// that new measures never move columns. Made of the month's rows alone.
///
/// In public no cell is made from fewer than `enterprises_min` enterprises (I-28). Smaller ones are
/// not left out, since a total less the others would give them away: they are pooled as "(other)",
/// and while the pool itself is too small the smallest of the rest joins it. So every table sums to
/// its total. If all together are too few, there is no figure at all.
///
/// What happened to grants (sections "grants" and "outcome") is counted when it happens and kept
/// with the month. Nothing measures energy: where no row has any, its line is empty and says so.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/ledger/grant_report.h"
#include "core/ledger/meter.h"
#include "core/ledger/usage.h"

namespace khu {

struct ZoneMeasure {
    std::string section;  ///< "capacity", "use", "who_paid", "waiting", "reliability", "grants",
                          ///< "outcome", "energy", "access"
    std::string measure;
    std::string dim1, dim2;
    std::string unit;
    std::optional<std::int64_t> value;
    std::string note;
    bool operator==(const ZoneMeasure&) const = default;
};
KHU_DESCRIBE(ZoneMeasure, section, measure, dim1, dim2, unit, value, note)

/// What a partition's nodes could have given in a month (core/machine/capacity.h).
struct CapacityTotal {
    PartitionId partition;
    Atoms installed, down, maintenance;
    Atoms reserved_idle{};  ///< set aside, and not used
    bool operator==(const CapacityTotal&) const = default;
};
KHU_DESCRIBE(CapacityTotal, partition, installed, down, maintenance, reserved_idle)

class ZoneReport {
public:
    /// `enterprises_min` 0 or 1: everything is shown.
    explicit ZoneReport(int enterprises_min) : enterprises_min_(enterprises_min) {}

    void add(const UsageRow& row);
    /// Of the whole month; once for each partition.
    void add(const CapacityTotal& capacity);
    /// Of other services; section "services", by meter.
    void add(const MeterRow& row);
    /// The month was counted; these are all of it. Once.
    void add(const std::vector<GrantCount>& counts);
    /// Jobs that the floor rule let go first in the month.
    void add_floor_lifts(std::int64_t jobs) { floor_lifts_ += jobs; }
    [[nodiscard]] std::vector<ZoneMeasure> finish() const;

private:
    struct Cell {
        std::set<EnterpriseId> enterprises;
        std::map<std::string, std::int64_t> sums;  ///< by measure
        std::vector<std::int64_t> spread;          ///< of which median and 90th percentile are told
        void merge(const Cell& other);
    };
    struct Table {
        std::string section;
        std::string unit;
        std::string spread{};               ///< how the spread is called
        std::set<std::string> measures{};   ///< are told also if there is nothing of them
        std::map<std::string, Cell> cells;  ///< by dim1
    };
    Table& table(const std::string& name, const std::string& section, const std::string& unit);
    void add_capacity(std::vector<ZoneMeasure>& out) const;
    void add_energy(std::vector<ZoneMeasure>& out) const;
    void pooled(const Table& table, std::vector<ZoneMeasure>& out) const;
    [[nodiscard]] bool too_few(const Cell& cell) const;

    int enterprises_min_;
    std::int64_t floor_lifts_{0};
    std::map<std::string, Table> tables_;
    std::set<EnterpriseId> enterprises_;
    std::vector<CapacityTotal> capacity_;
    bool counted_{false};
    std::optional<std::int64_t> energy_wh_;
    std::map<PartitionId, std::int64_t> unused_;  ///< metered of what was reserved for nobody
};

}  // namespace khu
