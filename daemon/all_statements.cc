// The statements of all enterprises of a month, one after the other into one file.

#include <algorithm>
#include <set>

#include "daemon/meter_rows.h"
#include "daemon/statements.h"
#include "wire/json.h"

namespace khu::daemon {
namespace {

/// What the rows of the month add up to, whosever they are.
struct RowTotals {
    Atoms charged;
    Mvnd list;
    bool operator==(const RowTotals&) const = default;
};

/// Who is in the file, and what all of it must come to.
struct Found {
    std::set<EnterpriseId> enterprises;
    RowTotals rows;
};

std::map<std::string, EnterpriseId> owners(const AllStatementsRequest& request) {
    std::map<std::string, EnterpriseId> by_account;
    for (const auto& [id, books] : request.enterprises) {
        by_account[wallet_account(id)] = by_account[owed_account(id)] = id;
        for (const auto& [grant, frame] : books.grants) {
            by_account[grant_account(grant)] = id;
        }
    }
    return by_account;
}

Expected<Found, Refusal> find_all(Store& store, const AllStatementsRequest& request) {
    const StatementAsked& asked = request.common.asked;
    Found found;
    const UsageQuery query{
        .period_from = asked.period, .period_to = asked.period, .enterprise = {}};
    auto read = store.usage(query, [&](const UsageRow& row) {
        found.enterprises.insert(row.enterprise_id);
        found.rows.charged += row.charged_ugs;
        found.rows.list += row.list_mvnd;
    });
    if (!read) {
        return Unexpected{std::move(read).error()};
    }
    read = each_reading(store, asked.period, {}, [&](const MeterRow& row) {
        found.enterprises.insert(row.enterprise_id);
        found.rows.list += row.list_mvnd;
    });
    if (!read) {
        return Unexpected{std::move(read).error()};
    }
    const std::map<std::string, EnterpriseId> by_account = owners(request);
    const EntryQuery moves{.first = LedgerSeq{asked.before.value + 1}, .last = asked.last};
    read = store.entries(moves, [&](const Entry& entry, const std::string&) {
        for (const std::string& account : {entry.debit, entry.credit}) {
            if (const auto owner = by_account.find(account); owner != by_account.end()) {
                found.enterprises.insert(owner->second);
            }
        }
    });
    if (!read) {
        return Unexpected{std::move(read).error()};
    }
    return found;
}

/// What one statement adds to the file's control totals.
void add_totals(std::map<std::string, std::int64_t>& totals, const Statement& statement) {
    const StatementMoney& money = statement.money;
    ++totals["statements"];
    totals["rows"] += statement.reconcile.rows;
    totals["metered_ugs"] += statement.reconcile.metered_ugs.value;
    totals["charged_ugs"] += statement.reconcile.charged_ugs.value;
    for (const StatementUse& use : statement.usage) {
        totals["waived_ugs"] += use.waived_ugs.value;
    }
    totals["list_mvnd"] += money.list_mvnd.value;
    totals["paid_national_mvnd"] += money.paid_national_mvnd.value;
    totals["paid_provincial_mvnd"] += money.paid_provincial_mvnd.value;
    totals["paid_zone_mvnd"] += money.paid_zone_mvnd.value;
    totals["paid_donor_mvnd"] += money.paid_donor_mvnd.value;
    totals["paid_enterprise_mvnd"] += money.paid_enterprise_mvnd.value;
    totals["waived_list_mvnd"] += money.waived_list_mvnd.value;
    totals["services_list_mvnd"] += money.services_list_mvnd.value;
    totals["services_enterprise_mvnd"] += money.services_enterprise_mvnd.value;
    totals["payable_vnd"] += money.payable_vnd;
}

/// R303: no row of a closed month is in no statement, or in two.
Expected<Done, Refusal> complete(const AllStatementsRequest& request, const Found& found,
                                 std::map<std::string, std::int64_t>& totals) {
    const RowTotals written{.charged = Atoms{totals["charged_ugs"]},
                            .list = Mvnd{totals["list_mvnd"] + totals["services_list_mvnd"]}};
    if (!request.common.asked.is_final || written == found.rows) {
        return Done{};
    }
    return Unexpected{Refusal(Code::ReconcileFailed)
                          .with("enterprise", "*")
                          .with("period", request.common.asked.period)
                          .with("rows_ugs", found.rows.charged.value)
                          .with("books_ugs", written.charged.value)};
}

void describe(Report& report, const StatementRequest& request, std::int64_t rows) {
    const StatementAsked& asked = request.asked;
    wire::ManifestAnswer& manifest = report.manifest;
    manifest.report = "statements";
    manifest.period = asked.period;
    manifest.format = request.format == StatementFormat::Csv ? "csv" : "jsonl";
    manifest.file = "khu-statements-" + asked.period + "." + manifest.format;
    manifest.rows = rows;
    manifest.ledger_first = LedgerSeq{asked.before.value + 1};
    manifest.ledger_last = asked.last;
    manifest.is_final = asked.is_final;
}

/// Writes one after the other; only one is in memory.
class AllStatements {
public:
    AllStatements(Store& store, const AllStatementsRequest& request, const MonthWords& words)
        : store_(store), request_(request), words_(words) {
        csv_ = request.common.format == StatementFormat::Csv;
        report_.text->add(csv_ ? kStatementCsvHeader : "");
    }

    Expected<Done, Refusal> add(const EnterpriseId& id) {
        StatementAsked asked = request_.common.asked;
        asked.enterprise = id;
        if (const auto books = request_.enterprises.find(id); books != request_.enterprises.end()) {
            asked.words = books->second.words;
            asked.grants = books->second.grants;
            asked.duties = books->second.duties;
        }
        if (request_.common.words_in != EventSeq{}) {
            const auto words = words_.enterprises.find(id);
            asked.words = words == words_.enterprises.end() ? EnterpriseWords{} : words->second;
        }
        const auto statement = read_statement(store_, asked);
        if (!statement) {
            return Unexpected{statement.error()};
        }
        if (request_.common.cut_alone) {
            if (auto sums = reconciled(*statement); !sums) {
                return sums;
            }
        }
        const std::string text =
            csv_ ? statement_csv(*statement) : wire::to_json_text(*statement) + "\n";
        rows_ += std::ranges::count(text, '\n');
        report_.text->add(text);
        add_totals(report_.manifest.control_totals, *statement);
        policies_.insert(statement->policy_ids.begin(), statement->policy_ids.end());
        return Done{};
    }

    Expected<Report, Refusal> finish(const Found& found, Moment now) && {
        wire::ManifestAnswer& manifest = report_.manifest;
        if (auto whole = complete(request_, found, manifest.control_totals); !whole) {
            return Unexpected{std::move(whole).error()};
        }
        describe(report_, request_.common, rows_);
        manifest.policy_ids.assign(policies_.begin(), policies_.end());
        if (auto sealed = seal(report_, store_, now); !sealed) {
            return Unexpected{std::move(sealed).error()};
        }
        return std::move(report_);
    }

private:
    Store& store_;
    const AllStatementsRequest& request_;
    const MonthWords& words_;
    Report report_;
    bool csv_{false};
    std::int64_t rows_{0};
    std::set<std::string> policies_;
};

}  // namespace

Expected<Report, Refusal> make_all_statements(Store& store, AllStatementsRequest request,
                                              const ReportZone& zone) {
    KHU_CHECK(request.common.format != StatementFormat::Html);
    const auto words = prepare(store, request.common, zone);
    if (!words) {
        return Unexpected{words.error()};
    }
    const auto found = find_all(store, request);
    if (!found) {
        return Unexpected{found.error()};
    }
    AllStatements file(store, request, *words);
    for (const EnterpriseId& id : found->enterprises) {
        if (auto added = file.add(id); !added) {
            return Unexpected{std::move(added).error()};
        }
    }
    return std::move(file).finish(*found, zone.now);
}

}  // namespace khu::daemon
