#include "core/machine/money.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/machine/calendar.h"
#include "core/machine/citing.h"
#include "core/machine/counted.h"
#include "core/machine/grant_duties.h"
#include "core/machine/grant_terms.h"

namespace khu {
namespace {

std::vector<MoneyPart> parts_of(const State& state, const JobSpec& spec, const PriceTerms& terms) {
    const std::vector<Mvnd> amounts =
        money_holds(terms, hold_for(terms, spec.time_limit), spec.time_limit);
    std::vector<MoneyPart> parts;
    for (std::size_t i = 0; i < amounts.size(); ++i) {
        const Payer& payer = terms.payers[i];
        const bool own = payer.kind == PayerKind::Enterprise;
        parts.push_back({.account = own ? payer_account(*state.truth.policy, spec.enterprise)
                                        : funder_account(payer.id),
                         .amount = amounts[i]});
    }
    return parts;
}

std::optional<Reason> closed_funder(const Policy& policy, const PriceTerms& terms, Moment now) {
    for (const Payer& payer : terms.payers) {
        const Funder* funder = find_funder(policy, payer.id);
        if (funder != nullptr && payer.permille > 0 && !funder->window.contains(now)) {
            return Reason(Code::FunderClosed)
                .with("funder", funder->id.value)
                .with("from_at", funder->window.from.value)
                .with("to_at", funder->window.to.value)
                .limited_by(key_of(funder->id, "window"));
        }
    }
    return std::nullopt;
}

/// What the programme offers where its grants do not suffice: the line of overrun, if any.
Expected<HoldPlan, Reason> beyond_grants(const State& state, const JobSpec& spec, Atoms need,
                                         const Ledger& hours, Moment now,
                                         Expected<HoldPlan, Reason> otherwise) {
    const Programme* programme = find_programme(*state.truth.policy, spec.programme);
    if (programme == nullptr || programme->exhausted != Exhausted::LowPriority) {
        return otherwise;
    }
    HoldPlan asked{.enterprise = spec.enterprise, .programme = spec.programme, .total = need};
    asked.project = spec.project.str();
    return hours.can_overrun(asked, programme->overrun_max_permille, now);
}

/// Says when the next tranche of one of the enterprise's grants begins, if there is one.
Reason with_next_tranche(const State& state, const JobSpec& spec, Reason lacks, Moment now) {
    std::optional<Moment> begins;
    Atoms amount;
    for (const Grant& grant : state.truth.ledger.balance(spec.enterprise)) {
        const bool counts =
            grant.programme == spec.programme && state_of(grant, now) == GrantState::Active;
        const GrantOutlook ahead = counts ? outlook_of(state, grant, now) : GrantOutlook{};
        if (ahead.next_tranche_at && (!begins || *ahead.next_tranche_at < *begins)) {
            begins = ahead.next_tranche_at;
            amount = ahead.next_tranche;
        }
    }
    if (!begins) {
        return lacks;
    }
    const int offset = state.truth.policy->utc_offset_minutes;
    const std::string day = format_local(*begins, offset).substr(0, 10);
    const std::string hours = format_gpu_hours_short(amount);
    for (Datum& datum : lacks.data) {
        if (datum.key == "next") {
            datum.value = fmt::format("; the next tranche of {} begins on {}", hours, day);
        } else if (datum.key == "next_vi") {
            datum.value = fmt::format("; đợt cấp kế tiếp {} bắt đầu ngày {}", hours, day);
        }
    }
    return std::move(lacks).with("next_tranche_at", begins->value);
}

Reason short_of(const State& state, const MoneyPart& part, const Promised& promised,
                const EnterpriseId& enterprise) {
    const Purse* purse = state.truth.ledger.find_purse(part.account);
    const auto before = promised.money.find(part.account);
    const Mvnd promise = before == promised.money.end() ? Mvnd{0} : before->second;
    const Mvnd have = purse == nullptr ? Mvnd{0} : available(*purse);
    const Mvnd held = purse == nullptr ? Mvnd{0} : purse->held;
    const std::string name = part.account.substr(part.account.find(':') + 1);
    const bool own = part.account == wallet_account(enterprise);
    std::string key =
        own ? key_of(enterprise, "wallet.credit_limit") : key_of(FunderId{name}, "budget");
    return Reason(own ? Code::WalletShort : Code::FunderShort)
        .with(own ? "enterprise" : "funder", name)
        .with("needed_mvnd", part.amount.value)
        .with("free_mvnd", (have - promise).value)
        .with("held_mvnd", (held + promise).value)
        .with("short_mvnd", (part.amount + promise - have).value)
        .limited_by(std::move(key));
}

/// As the policy wants it, and 0 for an account that the policy no longer has.
std::vector<Budget> wanted_budgets(const State& state) {
    std::vector<Budget> wanted;
    std::set<std::string> named;
    const auto want = [&](std::string account, Mvnd budget) {
        if (named.insert(account).second) {
            wanted.push_back({std::move(account), budget});
        }
    };
    for (const Funder& funder : state.truth.policy->funders) {
        want(funder_account(funder.id), funder.budget);
    }
    for (const Enterprise& enterprise : state.truth.policy->enterprises) {
        if (enterprise.wallet.mode != WalletMode::None) {
            const bool postpaid = enterprise.wallet.mode == WalletMode::Postpaid;
            want(wallet_account(enterprise.id),
                 postpaid ? enterprise.wallet.credit_limit : Mvnd{0});
        }
    }
    for (const auto& [account, purse] : state.truth.ledger.purses()) {
        want(account, Mvnd{0});
    }
    return wanted;
}

}  // namespace

PayerKind payer_kind(FunderKind kind) {
    switch (kind) {
        case FunderKind::National:
            return PayerKind::National;
        case FunderKind::Provincial:
            return PayerKind::Provincial;
        case FunderKind::Zone:
            return PayerKind::Zone;
        case FunderKind::Donor:
            return PayerKind::Donor;
    }
    KHU_CHECK(false);
}

std::string payer_account(const Policy& policy, const EnterpriseId& enterprise) {
    const Enterprise* known = find_enterprise(policy, enterprise);
    const bool wallet = known != nullptr && known->wallet.mode != WalletMode::None;
    return wallet ? wallet_account(enterprise) : owed_account(enterprise);
}

Expected<HoldPlan, Reason> plan_start(const State& state, const JobSpec& spec,
                                      const PriceTerms& terms, const Promised& promised,
                                      Moment now) {
    if (std::optional<Reason> late = late_report(state, spec.enterprise, spec.programme, now)) {
        return Unexpected{std::move(*late)};
    }
    const Atoms need = hold_for(terms, spec.time_limit);
    Expected<HoldPlan, Reason> plan =
        promised.hours.can_hold(spec.enterprise, spec.programme, need, now, spec.project.str());
    if (!plan && plan.error().code == Code::HoldDoesNotFit) {
        plan = beyond_grants(state, spec, need, promised.hours, now, std::move(plan));
    }
    if (!plan && plan.error().code == Code::HoldDoesNotFit) {
        return Unexpected{with_next_tranche(state, spec, plan.error(), now)};
    }
    if (!plan && plan.error().code == Code::ProjectShort) {
        return Unexpected{std::move(plan).error().citing(
            {.layer = Layer::Enterprise, .policy = spec.enterprise.value, .line = 0})};
    }
    if (!plan || need == Atoms{0}) {
        return plan;
    }
    if (std::optional<Reason> closed = closed_funder(*state.truth.policy, terms, now)) {
        return Unexpected{std::move(*closed)};
    }
    plan->zone = zone_name(state);
    plan->money = parts_of(state, spec, terms);
    if (const MoneyPart* lacks = state.truth.ledger.money_short(plan->money, promised.money)) {
        return Unexpected{short_of(state, *lacks, promised, spec.enterprise)};
    }
    return plan;
}

namespace {

Loss loss_for(const State& state, const FunderId& payer, Mvnd value) {
    if (payer.empty()) {
        return {};
    }
    return {.of = {.account = funder_account(payer), .amount = value}, .zone = zone_name(state)};
}

}  // namespace

Loss loss_of(const State& state, Mvnd value) {
    return loss_for(state, state.truth.policy->refunds.payer, value);
}

Loss loss_of(const State& state, EndCause cause, Mvnd value) {
    const FunderId& payer = state.truth.policy->preemption.charge_lost.payer;
    const bool its_own = cause == EndCause::Preempted && !payer.empty();
    return its_own ? loss_for(state, payer, value) : loss_of(state, value);
}

std::vector<Budget> budgets_due(const State& state) {
    if (!state.truth.policy) {
        return {};
    }
    const Ledger& ledger = state.truth.ledger;
    std::vector<Budget> due = wanted_budgets(state);
    std::erase_if(due, [&](const Budget& wanted) {
        const Purse* purse = ledger.find_purse(wanted.account);
        return purse != nullptr && purse->budget == ledger.budget_after(wanted);
    });
    return due;
}

std::optional<Moment> next_opening(const State& state) {
    std::optional<Moment> next = state.truth.ledger.next_opening(state.openings_seen);
    if (!state.truth.policy) {
        return next;
    }
    for (const Funder& funder : state.truth.policy->funders) {
        const Moment opens = funder.window.from;
        if (opens > state.openings_seen && (!next || opens < *next)) {
            next = opens;
        }
    }
    for (const std::optional<Moment>& end :
         {next_blackout_end(*state.truth.policy, state.openings_seen),
          next_counted_end(state, state.openings_seen)}) {
        next = end && (!next || *end < *next) ? end : next;
    }
    return next;
}

}  // namespace khu
