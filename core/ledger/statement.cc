#include "core/ledger/statement.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/ledger/purse.h"

namespace khu {
namespace {

/// Whole dong, half to even.
std::int64_t whole_dong(Mvnd amount) {
    const bool below = amount < Mvnd{0};
    const std::int64_t mvnd = below ? -amount.value : amount.value;
    std::int64_t whole = mvnd / 1000;
    const std::int64_t twice = mvnd % 1000 * 2;
    whole += twice > 1000 || (twice == 1000 && whole % 2 == 1) ? 1 : 0;
    return below ? -whole : whole;
}

/// The kinds that make a grant larger.
bool is_granting(const std::string& kind) {
    return kind == "grant" || kind == "makegood" || kind == "advance" || kind == "overrun";
}

void add_money(StatementMoney& money, const UsageRow& row) {
    money.list_mvnd += row.list_mvnd;
    money.paid_national_mvnd += row.paid_national_mvnd;
    money.paid_provincial_mvnd += row.paid_provincial_mvnd;
    money.paid_zone_mvnd += row.paid_zone_mvnd;
    money.paid_donor_mvnd += row.paid_donor_mvnd;
    money.paid_enterprise_mvnd += row.paid_enterprise_mvnd;
    money.waived_list_mvnd += row.waived_list_mvnd;
}

}  // namespace

StatementMaker::StatementMaker(const StatementAsked& asked) : asked_(asked) {
    out_.statement_id =
        fmt::format("{}/{}/{}", asked.zone.value, asked.enterprise.value, asked.period);
    out_.is_final = asked.is_final;
    out_.zone_id = asked.zone;
    out_.province_code = asked.province_code;
    out_.enterprise_id = asked.enterprise;
    out_.name = asked.words.name;
    out_.class_ = asked.words.kind;
    out_.period = asked.period;
    out_.period_start = format_utc(asked.start);
    out_.period_end = format_utc(asked.end);
    out_.ledger_first = LedgerSeq{asked.before.value + 1};
    out_.ledger_last = asked.last;
    for (const auto& [grant, frame] : asked.grants) {
        StatementGrant& view = grants_[grant_account(grant)].view;
        view.grant_id = grant;
        view.voucher = frame.voucher;
    }
}

void StatementMaker::add(const UsageRow& row) {
    const std::tuple key{row.programme, row.partition, row.qos};
    StatementUse& use = usage_[key];
    use.programme = row.programme;
    use.partition = row.partition;
    use.qos = row.qos;
    use.attempts += row.row_kind == "usage" ? 1 : 0;
    jobs_[key].insert(row.job_id);
    use.metered_ugs += row.metered_ugs;
    use.surcharge_ugs += row.surcharge_ugs;
    use.discount_ugs += row.discount_ugs;
    use.waived_ugs += row.waived_ugs;
    use.charged_ugs += row.charged_ugs;
    use.list_mvnd += row.list_mvnd;
    add_money(out_.money, row);
    if (row.row_kind == "correction") {
        out_.corrections.push_back({.corrects = row.corrects.value_or(""),
                                    .waived_ugs = row.waived_ugs,
                                    .charged_ugs = row.charged_ugs,
                                    .list_mvnd = row.list_mvnd,
                                    .reason = {},
                                    .decision_ref = {}});
    }
    ++out_.reconcile.rows;
    out_.reconcile.metered_ugs += row.metered_ugs;
    out_.reconcile.charged_ugs += row.charged_ugs;
    out_.reconcile.list_mvnd += row.list_mvnd;
    policies_.insert(row.policy_id.value);
}

void StatementMaker::add(const MeterRow& row) {
    StatementService& service = services_[row.meter];
    service.service = row.service;
    service.meter = row.meter;
    service.unit = row.unit;
    ++service.rows;
    service.quantity_micro += row.quantity_micro;
    service.list_mvnd += row.list_mvnd;
    service.paid_national_mvnd += row.paid_national_mvnd;
    service.paid_provincial_mvnd += row.paid_provincial_mvnd;
    service.paid_zone_mvnd += row.paid_zone_mvnd;
    service.paid_donor_mvnd += row.paid_donor_mvnd;
    service.paid_enterprise_mvnd += row.paid_enterprise_mvnd;
    out_.money.services_list_mvnd += row.list_mvnd;
    out_.money.services_enterprise_mvnd += row.paid_enterprise_mvnd;
    if (row.row_kind == "correction") {
        out_.corrections.push_back({.corrects = row.corrects.value_or(""),
                                    .waived_ugs = {},
                                    .charged_ugs = {},
                                    .list_mvnd = row.list_mvnd,
                                    .quantity_micro = row.quantity_micro,
                                    .reason = row.reason.value_or(""),
                                    .decision_ref = row.decision_ref.value_or("")});
    }
    policies_.insert(row.policy_id.value);
}

bool StatementMaker::is_own(const std::string& account) const {
    return account == wallet_account(asked_.enterprise);
}

void StatementMaker::add(const Entry& entry, const std::string& hash) {
    if (entry.seq > asked_.last) {
        return;
    }
    const bool in_month = entry.seq > asked_.before;
    out_.ledger_head = hash;
    add_to_grant(entry, in_month);
    add_to_wallet(entry, in_month);
}

void StatementMaker::add_to_grant(const Entry& entry, bool in_month) {
    const Atoms amount{entry.amount};
    if (const auto to = grants_.find(entry.credit); to != grants_.end()) {
        StatementGrant& grant = to->second.view;
        grant.available_ugs += amount;
        if (is_granting(entry.kind)) {
            grant.granted_ugs += amount;
            grant.programme = ProgrammeId{entry.debit.substr(entry.debit.find(':') + 1)};
            if (entry.kind == "grant" && grant.decision_ref.empty()) {
                grant.decision_ref = entry.ref;
            }
            grant.advanced_ugs += in_month && entry.kind == "advance" ? amount : Atoms{0};
        } else if (entry.kind == "transfer") {
            grant.granted_ugs += amount;
        } else {
            to->second.spent -= entry.kind == "carry" ? Atoms{0} : amount;
            if (in_month) {
                (entry.kind == "carry" ? grant.carried_in_ugs : grant.refunded_ugs) += amount;
            }
        }
    }
    const auto from = grants_.find(entry.debit);
    if (from == grants_.end()) {
        return;
    }
    StatementGrant& grant = from->second.view;
    std::map<std::string, std::int64_t>& open = from->second.open;
    if (entry.kind == "hold") {
        open[entry.id] = entry.amount;
        grant.held_ugs += amount;
        grant.available_ugs -= amount;
        return;
    }
    if (entry.kind == "settle" || entry.kind == "void") {
        const Atoms held{open[entry.ref]};
        open.erase(entry.ref);
        grant.held_ugs -= held;
        const Atoms settled = entry.kind == "settle" ? amount : Atoms{0};
        grant.available_ugs += held - settled;
        grant.charged_ugs += in_month ? settled : Atoms{0};
        from->second.spent += settled;
        return;
    }
    grant.available_ugs -= amount;
    if (entry.kind == "transfer") {
        grant.granted_ugs -= amount;
        return;
    }
    from->second.spent += entry.kind == "repay" ? amount : Atoms{0};
    if (in_month && entry.kind != "carry") {
        (entry.kind == "pullback" ? grant.pulled_back_ugs
         : entry.kind == "repay"  ? grant.charged_ugs
                                  : grant.expired_ugs) += amount;
    }
}

/// What lies in the wallet; holds are no movement, and a credit limit is nobody's money.
void StatementMaker::add_to_wallet(const Entry& entry, bool in_month) {
    StatementMoney& money = out_.money;
    if (entry.kind == "hold" || entry.kind == "void") {
        return;
    }
    const Mvnd amount{entry.amount};
    if (entry.kind == "fund" || entry.kind == "unfund") {
        money.wallet_credit_limit_mvnd += is_own(entry.credit)  ? amount
                                          : is_own(entry.debit) ? -amount
                                                                : Mvnd{0};
        return;
    }
    if (is_own(entry.credit)) {
        money.wallet_closing_mvnd += amount;
        (in_month ? money.wallet_paid_in_mvnd : money.wallet_opening_mvnd) += amount;
    } else if (is_own(entry.debit)) {
        money.wallet_closing_mvnd -= amount;
        if (in_month) {
            money.wallet_spent_mvnd += amount;
        } else {
            money.wallet_opening_mvnd -= amount;
        }
    }
}

std::vector<StatementDuty> duties_at(const std::map<GrantId, GrantReport>& reports,
                                     const EnterpriseId& enterprise, Moment end) {
    std::vector<StatementDuty> duties;
    for (const auto& [grant, report] : reports) {
        if (report.enterprise != enterprise || report.steps.front().at >= end) {
            continue;
        }
        const ReportStanding stood = standing_of(report, end - milliseconds(1));
        const bool delivered = stood.state == ReportState::Delivered;
        duties.push_back({.grant_id = grant,
                          .state = report_word(stood.state),
                          .due_at = format_utc(stood.due_at),
                          .report = delivered ? stood.last->text : "",
                          .output = delivered ? stood.last->output : ""});
    }
    return duties;
}

void StatementMaker::frame(Balance& balance) const {
    StatementGrant& view = balance.view;
    const GrantFrame& frame = asked_.grants.at(view.grant_id);
    if (const auto tier = asked_.tiers.find(view.programme); tier != asked_.tiers.end()) {
        view.tier = tier->second;
    }
    view.from = format_local_day(frame.from, asked_.utc_offset_minutes);
    view.to = format_local_day(frame.to, asked_.utc_offset_minutes);
    view.available_gpuh = format_gpu_hours(view.available_ugs);
    __extension__ using Wide = __int128;
    view.used_permille = static_cast<std::int64_t>(Wide{(balance.spent + view.held_ugs).value} *
                                                   1000 / view.granted_ugs.value);
    view.days_left = std::max<std::int64_t>(0, (frame.to - asked_.until).value / days(1).value);
}

Statement StatementMaker::finish() {
    out_.duties = asked_.duties;
    for (auto& [account, balance] : grants_) {
        if (balance.view.granted_ugs > Atoms{0}) {
            frame(balance);
            out_.grants.push_back(balance.view);
        }
    }
    for (auto& [key, use] : usage_) {
        use.jobs = static_cast<std::int64_t>(jobs_.at(key).size());
        out_.usage.push_back(use);
    }
    out_.policy_ids.assign(policies_.begin(), policies_.end());
    for (auto& [meter, service] : services_) {
        service.quantity = quantity_text(service.quantity_micro);
        out_.services.push_back(service);
    }
    StatementMoney& money = out_.money;
    const Mvnd own = money.paid_enterprise_mvnd + money.services_enterprise_mvnd;
    money.payable_vnd = whole_dong(own);
    money.rounding_mvnd = Mvnd{money.payable_vnd * 1000} - own;
    return std::move(out_);
}

}  // namespace khu
