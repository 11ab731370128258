#include "tests/daemon/year/year_books.h"

#include <fmt/format.h>

#include <set>

#include "core/ledger/statement.h"
#include "core/ledger/zone_report.h"
#include "daemon/meter_rows.h"
#include "daemon/reports.h"
#include "daemon/statement_books.h"
#include "daemon/statements.h"

namespace khu::testing {
namespace {

constexpr int kOffset = 420;

/// One month, as each of the books has it.
struct Totals {
    std::int64_t charged{0}, metered{0}, waived{0}, list{0};
    std::int64_t services{0};  ///< list price of what another meter counted
    bool operator==(const Totals&) const = default;
};

std::string text(const Totals& t) {
    return fmt::format("charged {} metered {} waived {} list {} services {}", t.charged, t.metered,
                       t.waived, t.list, t.services);
}

/// What the entries of a month moved.
void add(Totals& totals, const Entry& entry) {
    const bool money = is_money(entry.debit);
    if (entry.id.starts_with("meter:")) {
        return;  // What is taken between a month's end and its closing: see compare_services().
    }
    if (entry.kind == "settle") {
        (money ? totals.list : totals.charged) += entry.amount;
    } else if (entry.kind == "refund" && money) {
        totals.list -= entry.amount;
    } else if (entry.kind == "refund" && entry.credit == kZoneDiscount) {
        totals.waived += entry.amount;
    } else if (entry.kind == "refund") {
        totals.charged -= entry.amount;
        totals.waived += entry.debit == kZoneLoss ? entry.amount : 0;
    } else if (!money && entry.credit.starts_with("used:")) {
        totals.metered += entry.amount;
        totals.waived += entry.kind == "waive" ? entry.amount : 0;
    }
}

/// Control totals of a report of the month.
std::map<std::string, std::int64_t> sums_of(daemon::Store& store, daemon::ReportKind kind,
                                            const std::string& period, const State& state) {
    const auto report = daemon::make_report(
        store, {.kind = kind, .period = period, .enterprise = {}},
        {.now = state.truth.last_at, .utc_offset_minutes = kOffset, .closed_period = ""});
    KHU_CHECK(report.has_value());
    return report->manifest.control_totals;
}

std::int64_t services_of(daemon::Store& store, const std::string& period, const State& state) {
    return sums_of(store, daemon::ReportKind::Services, period, state)["list_mvnd"];
}

Totals of_rows(daemon::Store& store, const std::string& period, const State& state) {
    auto sums = sums_of(store, daemon::ReportKind::Jobs, period, state);
    return {.charged = sums["charged_ugs"],
            .metered = sums["metered_ugs"],
            .waived = sums["waived_ugs"],
            .list = sums["list_mvnd"]};
}

Totals of_zone(daemon::Store& store, const std::string& period) {
    ZoneReport maker(0);
    const auto read = store.usage({.period_from = period, .period_to = period, .enterprise = {}},
                                  [&](const UsageRow& row) { maker.add(row); });
    const auto metered =
        daemon::each_reading(store, period, {}, [&](const MeterRow& row) { maker.add(row); });
    KHU_CHECK(read.has_value() && metered.has_value());
    Totals totals;
    for (const ZoneMeasure& each : maker.finish()) {
        if (!each.dim1.empty()) {
            continue;
        }
        const std::int64_t value = each.value.value_or(0);
        totals.charged = each.measure == "charged" ? value : totals.charged;
        totals.metered = each.measure == "metered" ? value : totals.metered;
        totals.waived = each.section == "use" && each.measure == "waived" ? value : totals.waived;
        const bool list = each.measure == "list_value";
        totals.list = list && each.section == "who_paid" ? value : totals.list;
        totals.services = list && each.section == "services" ? value : totals.services;
    }
    return totals;
}

/// Statements of every enterprise, each fed with the entries that speak of it.
class Statements {
public:
    Statements(const State& state, const YearOptions& options, const std::string& period,
               LedgerSeq before, LedgerSeq last) {
        for (int number = 1; number <= options.enterprises; ++number) {
            const EnterpriseId id = YearZone::enterprise(number);
            StatementAsked asked{.zone = ZoneId{"test"},
                                 .enterprise = id,
                                 .period = period,
                                 .before = before,
                                 .last = last};
            for (const Grant& grant : state.truth.ledger.balance(id)) {
                asked.grants[grant.id] = {
                    .from = grant.from, .to = grant.to, .voucher = grant.voucher};
                by_account_[grant_account(grant.id)] = id;
            }
            by_account_[wallet_account(id)] = id;
            makers_.emplace(id, StatementMaker(asked));
        }
    }
    void add(const UsageRow& row) { makers_.at(row.enterprise_id).add(row); }
    void add(const Entry& entry) {
        const auto from = by_account_.find(entry.debit);
        const auto to = by_account_.find(entry.credit);
        if (from != by_account_.end()) {
            makers_.at(from->second).add(entry, "");
        }
        if (to != by_account_.end() && (from == by_account_.end() || to->second != from->second)) {
            makers_.at(to->second).add(entry, "");
        }
    }
    /// The lines, and the grants' own movements, of all.
    std::pair<Totals, std::int64_t> finish() {
        Totals lines;
        std::int64_t moved = 0;
        for (auto& [id, maker] : makers_) {
            const Statement made = maker.finish();
            for (const StatementUse& use : made.usage) {
                lines.charged += use.charged_ugs.value;
                lines.metered += use.metered_ugs.value;
                lines.waived += use.waived_ugs.value;
            }
            lines.list += made.money.list_mvnd.value;
            for (const StatementGrant& grant : made.grants) {
                moved += grant.charged_ugs.value - grant.refunded_ugs.value;
            }
        }
        return {lines, moved};
    }

private:
    std::map<EnterpriseId, StatementMaker> makers_;
    std::map<std::string, EnterpriseId> by_account_;
};

/// A whole statement as khud makes it, against the rows of its enterprise.
std::optional<std::string> sample(daemon::Store& store, const State& state, const EnterpriseId& id,
                                  const MonthMark& month) {
    daemon::StatementRequest request;
    request.asked.period = month.period;
    request.asked.enterprise = id;
    daemon::ReportZone zone;
    daemon::ask_of_state(request, zone, state, state.truth.last_at);
    const auto statement = daemon::make_statement(store, request, zone);
    if (!statement) {
        return text(statement.error(), Language::English);
    }
    const auto rows = daemon::make_report(store, {.period = month.period, .enterprise = id}, zone);
    KHU_CHECK(rows.has_value());
    for (const char* column : {"charged_ugs", "list_mvnd", "metered_ugs"}) {
        const auto sums = rows->manifest.control_totals;
        const auto found = sums.find(column);
        const std::int64_t of_rows = found == sums.end() ? 0 : found->second;
        if (statement->manifest.control_totals.at(column) != of_rows) {
            return fmt::format("{} of {} in {}", column, id.value, month.period);
        }
    }
    return std::nullopt;
}

/// The file of all statements, as khud makes it for the province.
Expected<daemon::Report, Refusal> all_statements(daemon::Store& store, const State& state,
                                                 const std::string& period) {
    daemon::AllStatementsRequest request;
    request.common.asked.period = period;
    daemon::ReportZone zone;
    daemon::ask_of_state(request, zone, state, state.truth.last_at);
    return daemon::make_all_statements(store, request, zone);
}

Totals of_file(daemon::Store& store, const State& state, const MonthMark& month,
               std::vector<std::string>& wrong) {
    const auto made = all_statements(store, state, month.period);
    if (!made) {
        wrong.push_back(text(made.error(), Language::English));
        return {};
    }
    std::map<std::string, std::int64_t> sums = made->manifest.control_totals;
    return {.charged = sums["charged_ugs"],
            .metered = sums["metered_ugs"],
            .waived = sums["waived_ugs"],
            .list = sums["list_mvnd"],
            .services = sums["services_list_mvnd"]};
}

/// What another meter counted, month by month and in the entries of all time.
void compare_services(daemon::Store& store, const State& state, std::vector<std::string>& wrong) {
    std::int64_t ledger = 0;
    const auto read = store.entries({}, [&](const Entry& entry, const std::string&) {
        if (entry.id.starts_with("meter:")) {
            ledger += entry.kind == "meter" ? entry.amount : -entry.amount;
        }
    });
    KHU_CHECK(read.has_value());
    std::int64_t rows = 0;
    std::set<std::string> periods{period_of(state.truth.last_at, kOffset)};
    for (const MonthMark& month : state.truth.months) {
        periods.insert(month.period);
    }
    for (const std::string& period : periods) {
        const std::int64_t services = services_of(store, period, state);
        auto focus = sums_of(store, daemon::ReportKind::Focus, period, state);
        if (focus["x_PaidMvnd"] != services + of_rows(store, period, state).list) {
            wrong.push_back("the FOCUS view of " + period + " is not the rows");
        }
        rows += services;
    }
    if (rows != ledger) {
        wrong.push_back(fmt::format("services: rows {}, ledger {}", rows, ledger));
    }
}

void compare_month(daemon::Store& store, const State& state, const YearOptions& options,
                   std::size_t index, std::vector<std::string>& wrong) {
    const MonthMark& month = state.truth.months[index];
    const LedgerSeq before = index == 0 ? LedgerSeq{} : state.truth.months[index - 1].last;
    Statements statements(state, options, month.period, before, month.last);
    Totals ledger;
    const auto entries = store.entries({}, [&](const Entry& entry, const std::string&) {
        if (entry.seq > before && entry.seq <= month.last) {
            add(ledger, entry);
        }
        statements.add(entry);
    });
    const auto rows =
        store.usage({.period_from = month.period, .period_to = month.period, .enterprise = {}},
                    [&](const UsageRow& row) { statements.add(row); });
    KHU_CHECK(entries.has_value() && rows.has_value());
    const Totals report = of_rows(store, month.period, state);
    Totals with_services = report;
    with_services.services = services_of(store, month.period, state);
    const auto [lines, moved] = statements.finish();
    const auto compare = [&](const char* name, const Totals& of, const Totals& other) {
        if (other != of) {
            wrong.push_back(
                fmt::format("{}: report {}; {} {}", month.period, text(of), name, text(other)));
        }
    };
    compare("ledger", report, ledger);
    compare("statements", report, lines);
    compare("zone report", with_services, of_zone(store, month.period));
    compare("file of all", with_services, of_file(store, state, month, wrong));
    const auto whose = 1 + static_cast<int>(index * 7) % options.enterprises;
    if (const auto differs = sample(store, state, YearZone::enterprise(whose), month)) {
        wrong.push_back("statement: " + *differs);
    }
    if (moved != report.charged) {
        wrong.push_back(fmt::format("{}: report charges {}, grants moved {}", month.period,
                                    report.charged, moved));
    }
}

}  // namespace

std::string report_hash(daemon::Store& store, const State& state, const std::string& period) {
    std::string hashes;
    for (const auto kind : {daemon::ReportKind::Jobs, daemon::ReportKind::Services}) {
        const auto report =
            daemon::make_report(store, {.kind = kind, .period = period, .enterprise = {}},
                                {.now = start_of(period, kOffset) + days(3'000),
                                 .utc_offset_minutes = kOffset,
                                 .closed_period = period});
        KHU_CHECK(report.has_value());
        hashes += report->manifest.sha256;
    }
    const auto statements = all_statements(store, state, period);
    KHU_CHECK(statements.has_value());
    return hashes + statements->manifest.sha256;
}

std::vector<std::string> compare_books(daemon::Store& store, const State& state,
                                       const YearOptions& options) {
    std::vector<std::string> wrong = state.truth.ledger.audit();
    if (const auto verified = store.verify_ledger(); !verified) {
        wrong.push_back(text(verified.error(), Language::English));
    }
    for (std::size_t index = 0; index < state.truth.months.size(); ++index) {
        compare_month(store, state, options, index, wrong);
    }
    compare_services(store, state, wrong);
    const auto kept = store.values("closed");
    KHU_CHECK(kept.has_value());
    for (const daemon::KeyValue& each : *kept) {
        if (report_hash(store, state, each.key) != each.value) {
            wrong.push_back("the report of " + each.key + " is no longer what it was (I-27)");
        }
    }
    return wrong;
}

}  // namespace khu::testing
