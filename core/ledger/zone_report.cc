#include "core/ledger/zone_report.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace khu {
namespace {

constexpr const char* days_to_decision = "days_to_decision";

struct GrantMeasure {
    const char* table;  ///< each its own, since each is of other enterprises
    std::string_view name;
    const char* section;
    const char* unit;
};
constexpr std::array grant_measures{
    GrantMeasure{"8a", "approved", "grants", "count"},
    GrantMeasure{"8b", "refused", "grants", "count"},
    GrantMeasure{"8c", "auto_approved", "grants", "count"},
    GrantMeasure{"8d", days_to_decision, "grants", "days"},
    GrantMeasure{"8e", "unused_after_90_days", "grants", "count"},
    GrantMeasure{"8f", "expired", "grants", "ugs"},
    GrantMeasure{"8g", "pulled_back", "grants", "ugs"},
    GrantMeasure{"9a", "reports_due", "outcome", "count"},
    GrantMeasure{"9b", "reports_late", "outcome", "count"},
    GrantMeasure{"9c", "open_outputs", "outcome", "count"},
};

/// Nearest rank: the smallest value that at least `percent` of them do not exceed.
std::int64_t percentile(std::vector<std::int64_t> values, std::int64_t percent) {
    std::ranges::sort(values);
    const auto count = static_cast<std::int64_t>(values.size());
    const std::int64_t rank = std::max<std::int64_t>(1, (count * percent + 99) / 100);
    return values.at(static_cast<std::size_t>(rank - 1));
}

}  // namespace

void ZoneReport::Cell::merge(const Cell& other) {
    enterprises.insert(other.enterprises.begin(), other.enterprises.end());
    for (const auto& [measure, value] : other.sums) {
        sums[measure] += value;
    }
    spread.insert(spread.end(), other.spread.begin(), other.spread.end());
}

ZoneReport::Table& ZoneReport::table(const std::string& name, const std::string& section,
                                     const std::string& unit) {
    Table& found = tables_[name];
    found.section = section;
    found.unit = unit;
    return found;
}

void ZoneReport::add(const UsageRow& row) {
    enterprises_.insert(row.enterprise_id);
    if (row.end_cause == kReservedUnused) {
        unused_[row.partition] += row.metered_ugs.value;  // In reserved_idle already.
    }
    const auto cell = [&](const std::string& name, const std::string& section,
                          const std::string& unit, const std::string& dim) -> Cell& {
        Cell& found = table(name, section, unit).cells[dim];
        found.enterprises.insert(row.enterprise_id);
        return found;
    };
    for (const auto& [name, dim] : {std::pair{"1 programme", row.programme.value.str()},
                                    std::pair{"2 partition", row.partition.value.str()}}) {
        Cell& use = cell(name, "use", "ugs", dim);
        use.sums["metered"] += row.metered_ugs.value;
        use.sums["surcharge"] += row.surcharge_ugs.value;
        use.sums["discount"] += row.discount_ugs.value;
        use.sums["waived"] += row.waived_ugs.value;
        use.sums["charged"] += row.charged_ugs.value;
    }
    cell("3 attempts", "use", "count", row.programme.value.str()).sums["attempts"] +=
        row.row_kind == "usage" ? 1 : 0;
    Cell& paid = cell("4 paid", "who_paid", "mvnd", row.programme.value.str());
    paid.sums["list_value"] += row.list_mvnd.value;
    paid.sums["paid_national"] += row.paid_national_mvnd.value;
    paid.sums["paid_provincial"] += row.paid_provincial_mvnd.value;
    paid.sums["paid_zone"] += row.paid_zone_mvnd.value;
    paid.sums["paid_donor"] += row.paid_donor_mvnd.value;
    paid.sums["paid_enterprise"] += row.paid_enterprise_mvnd.value;
    paid.sums["waived_list_value"] += row.waived_list_mvnd.value;
    if (row.queue_wait_s) {
        cell("5 waiting", "waiting", "s", row.programme.value.str())
            .spread.push_back(*row.queue_wait_s);
        tables_.at("5 waiting").spread = "wait";
    }
    if (row.waived_ugs > Atoms{0}) {
        cell("6 failures", "reliability", "ugs", row.end_cause).sums["waived"] +=
            row.waived_ugs.value;
        cell("7 failed", "reliability", "count", row.end_cause).sums["attempts"] += 1;
    }
    if (row.energy_wh) {
        energy_wh_ = energy_wh_.value_or(0) + *row.energy_wh;
    }
}

void ZoneReport::add(const std::vector<GrantCount>& counts) {
    counted_ = true;
    for (const GrantMeasure& each : grant_measures) {
        Table& made = table(each.table, each.section, each.unit);
        if (each.name == days_to_decision) {
            made.spread = each.name;
        } else {
            made.measures.emplace(each.name);
        }
    }
    for (const GrantCount& each : counts) {
        const auto* known = std::ranges::find(grant_measures, each.measure, &GrantMeasure::name);
        KHU_CHECK(known != grant_measures.end(), "{}", each.measure);
        Cell& cell = tables_.at(known->table).cells[each.programme.value.str()];
        cell.enterprises.insert(each.enterprise);
        if (each.measure == days_to_decision) {
            cell.spread.push_back(each.value);
        } else {
            cell.sums[each.measure] += each.value;
        }
    }
}

void ZoneReport::add(const MeterRow& row) {
    Cell& cell = table("7m services", "services", "mvnd").cells[row.meter.value.str()];
    cell.enterprises.insert(row.enterprise_id);
    cell.sums["list_value"] += row.list_mvnd.value;
    cell.sums["paid_national"] += row.paid_national_mvnd.value;
    cell.sums["paid_provincial"] += row.paid_provincial_mvnd.value;
    cell.sums["paid_zone"] += row.paid_zone_mvnd.value;
    cell.sums["paid_donor"] += row.paid_donor_mvnd.value;
    cell.sums["paid_enterprise"] += row.paid_enterprise_mvnd.value;
}

bool ZoneReport::too_few(const Cell& cell) const {
    return static_cast<int>(cell.enterprises.size()) < enterprises_min_;
}

void ZoneReport::pooled(const Table& table, std::vector<ZoneMeasure>& out) const {
    std::map<std::string, Cell> shown;
    Cell pool;
    Cell all;
    for (const auto& [dim, cell] : table.cells) {
        all.merge(cell);
        if (too_few(cell)) {
            pool.merge(cell);
        } else {
            shown.emplace(dim, cell);
        }
    }
    while (!pool.enterprises.empty() && too_few(pool) && !shown.empty()) {
        const auto smallest = std::ranges::min_element(
            shown, {}, [](const auto& each) { return each.second.enterprises.size(); });
        pool.merge(smallest->second);
        shown.erase(smallest);
    }
    if (!pool.enterprises.empty() && !too_few(pool)) {
        shown.emplace("(other)", std::move(pool));
    }
    for (const std::string& measure : table.measures) {
        all.sums.try_emplace(measure, 0);
    }
    shown.emplace("", std::move(all));  // the total
    for (const auto& [dim, cell] : shown) {
        const bool hidden = too_few(cell);
        const std::string note =
            hidden             ? "fewer than " + std::to_string(enterprises_min_) + " enterprises"
            : dim == "(other)" ? "merged"
                               : "";
        const auto put = [&](const std::string& measure, std::int64_t value) {
            out.push_back({.section = table.section,
                           .measure = measure,
                           .dim1 = dim,
                           .dim2 = "",
                           .unit = table.unit,
                           .value = hidden ? std::nullopt : std::optional(value),
                           .note = note});
        };
        for (const auto& [measure, value] : cell.sums) {
            put(measure, value);
        }
        if (!cell.spread.empty()) {
            put(table.spread + "_median", percentile(cell.spread, 50));
            put(table.spread + "_p90", percentile(cell.spread, 90));
        }
    }
}

void ZoneReport::add(const CapacityTotal& capacity) {
    capacity_.push_back(capacity);
}

/// What is idle, or set aside and idle, would tell what is used, so all are hidden where that is.
void ZoneReport::add_capacity(std::vector<ZoneMeasure>& out) const {
    const auto used_in = tables_.find("2 partition");
    for (const CapacityTotal& each : capacity_) {
        Cell used;
        if (used_in != tables_.end()) {
            const auto cell = used_in->second.cells.find(each.partition.value.str());
            used = cell == used_in->second.cells.end() ? Cell{} : cell->second;
        }
        const auto unused = unused_.find(each.partition);
        const std::int64_t metered =
            used.sums["metered"] - (unused == unused_.end() ? 0 : unused->second);
        const std::int64_t idle = each.installed.value - each.down.value - each.maintenance.value -
                                  each.reserved_idle.value - metered;
        const bool hidden = !used.enterprises.empty() && too_few(used);
        const auto put = [&](const char* measure, std::int64_t value, bool hide) {
            out.push_back(
                {.section = "capacity",
                 .measure = measure,
                 .dim1 = each.partition.value,
                 .dim2 = "",
                 .unit = "ugs",
                 .value = hide ? std::nullopt : std::optional(value),
                 .note = hide ? "fewer than " + std::to_string(enterprises_min_) + " enterprises"
                              : ""});
        };
        put("installed", each.installed.value, false);
        put("used", metered, hidden);
        put("reserved_idle", each.reserved_idle.value, hidden);
        put("idle", idle, hidden);
        put("down", each.down.value, false);
        put("maintenance", each.maintenance.value, false);
    }
}

/// Energy is of all together, so it is hidden as they are.
void ZoneReport::add_energy(std::vector<ZoneMeasure>& out) const {
    if (!counted_) {
        return;
    }
    const bool hidden =
        energy_wh_.has_value() && static_cast<int>(enterprises_.size()) < enterprises_min_;
    out.push_back({.section = "energy",
                   .measure = "energy",
                   .dim1 = "",
                   .dim2 = "",
                   .unit = "Wh",
                   .value = hidden ? std::nullopt : energy_wh_,
                   .note = !energy_wh_ ? "nothing measures it"
                           : hidden
                               ? "fewer than " + std::to_string(enterprises_min_) + " enterprises"
                               : ""});
}

std::vector<ZoneMeasure> ZoneReport::finish() const {
    std::vector<ZoneMeasure> out;
    add_capacity(out);
    for (const auto& [name, each] : tables_) {
        pooled(each, out);
    }
    add_energy(out);
    const bool hidden = static_cast<int>(enterprises_.size()) < enterprises_min_;
    out.push_back(
        {.section = "access",
         .measure = "enterprises_active",
         .dim1 = "",
         .dim2 = "",
         .unit = "count",
         .value =
             hidden ? std::nullopt : std::optional(static_cast<std::int64_t>(enterprises_.size())),
         .note = hidden ? "fewer than " + std::to_string(enterprises_min_) + " enterprises" : ""});
    out.push_back(
        {.section = "access",
         .measure = "floor_rule_applied",
         .dim1 = "",
         .dim2 = "",
         .unit = "count",
         .value = hidden ? std::nullopt : std::optional(floor_lifts_),
         .note = hidden ? "fewer than " + std::to_string(enterprises_min_) + " enterprises" : ""});
    return out;
}

}  // namespace khu
