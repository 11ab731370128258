// The attempts' side of the ledger: asking for a hold, holding, settling, giving back.

#include <algorithm>
#include <functional>

#include "core/base/limits.h"
#include "core/ledger/ledger.h"

namespace khu {
namespace {

std::string join_ids(const std::vector<const Grant*>& grants) {
    std::string out;
    for (const Grant* grant : grants) {
        out += (out.empty() ? "" : ", ") + grant->id.value;
    }
    return out;
}

/// What the four largest of `amounts` sum to.
Atoms largest_sum(std::vector<Atoms> amounts) {
    std::ranges::sort(amounts, std::greater<>{});
    Atoms sum;
    for (std::size_t i = 0; i < amounts.size() && i < limits::grants_per_hold_max; ++i) {
        sum += amounts[i];
    }
    return sum;
}

template <class Amount>
Atoms largest_sum(const std::vector<const Grant*>& grants, Amount amount) {
    std::vector<Atoms> amounts;
    for (const Grant* grant : grants) {
        amounts.push_back(std::invoke(amount, *grant));
    }
    return largest_sum(std::move(amounts));
}

/// Carried hours are used first: they expire first.
HoldPart part_of_grant(const Grant& grant, Atoms amount) {
    return {.grant = grant.id,
            .amount = amount,
            .tranche = grant.tranche,
            .carried = std::min(amount, grant.carried)};
}

/// The shortest run of `active`, in its order, whose four largest suffice; of a longer run the
/// smallest grants are left out, the later one first on a tie. Empty if all together do not
/// suffice.
std::vector<const Grant*> choose(const std::vector<const Grant*>& active, Atoms need,
                                 const std::string& project) {
    const auto free = [&](const Grant* grant) { return usable(*grant, project); };
    std::vector<const Grant*> chosen;
    Atoms sum;
    for (const Grant* grant : active) {
        if (free(grant) == Atoms{0}) {
            continue;
        }
        chosen.push_back(grant);
        sum += free(grant);
        if (chosen.size() > limits::grants_per_hold_max) {
            const auto smallest =
                std::ranges::min_element(chosen.rbegin(), chosen.rend(), {}, free);
            sum -= free(*smallest);
            chosen.erase(std::next(smallest).base());
        }
        if (sum >= need) {
            return chosen;
        }
    }
    return {};
}

}  // namespace

/// The grants of one enterprise and programme by state, each earliest-expiring first.
struct Ledger::Candidates {
    std::vector<const Grant*> active;
    std::vector<const Grant*> suspended;
    std::vector<const Grant*> scheduled;
    const Grant* last_over{nullptr};  ///< of those whose window is over, the one that ended last
};

Ledger::Candidates Ledger::candidates(const EnterpriseId& enterprise, const ProgrammeId& programme,
                                      Moment now) const {
    Candidates out;
    const auto owned = by_owner_.find(Owner{enterprise, programme});
    if (owned == by_owner_.end()) {
        return out;
    }
    // Grants that end at `now` or before are over; the set is in order of ends.
    const auto live = owned->second.lower_bound({now + milliseconds(1), GrantId{}});
    if (live != owned->second.begin()) {
        out.last_over = &grants_.at(std::prev(live)->second);
    }
    for (auto it = live; it != owned->second.end(); ++it) {
        const Grant& grant = grants_.at(it->second);
        if (!grant.overrun_of.empty()) {
            continue;  // never by itself
        }
        switch (state_of(grant, now)) {
            case GrantState::Active:
                out.active.push_back(&grant);
                break;
            case GrantState::Suspended:
                out.suspended.push_back(&grant);
                break;
            case GrantState::Scheduled:
                out.scheduled.push_back(&grant);
                break;
            case GrantState::Closing:
            case GrantState::Closed:
                out.last_over = &grant;
                break;
        }
    }
    return out;
}

Expected<HoldPlan, Reason> Ledger::can_hold(const EnterpriseId& enterprise,
                                            const ProgrammeId& programme, Atoms need, Moment now,
                                            const std::string& project) const {
    KHU_CHECK(need >= Atoms{0}, "{}", need.value);
    HoldPlan plan{.enterprise = enterprise, .programme = programme, .total = need};
    plan.project = project;
    if (need == Atoms{0}) {
        return plan;
    }

    const Candidates have = candidates(enterprise, programme, now);
    Atoms left = need;
    for (const Grant* grant : choose(have.active, need, project)) {
        const Atoms part = std::min(left, usable(*grant, project));
        left -= part;
        plan.parts.push_back(part_of_grant(*grant, part));
    }
    if (left > Atoms{0} && !choose(have.active, need, {}).empty()) {
        return Unexpected{project_short(have.active, project, need)};
    }
    if (left > Atoms{0}) {
        return Unexpected{why_not(have, enterprise, programme, need)};
    }
    return plan;
}

Expected<HoldPlan, Reason> Ledger::can_overrun(const HoldPlan& asked, int permille,
                                               Moment now) const {
    const Candidates have = candidates(asked.enterprise, asked.programme, now);
    const auto open = [&](const Grant* grant) { return usable(*grant, asked.project); };
    std::vector<const Grant*> free = have.active;
    std::erase_if(free, [&](const Grant* grant) { return open(grant) == Atoms{0}; });
    std::ranges::stable_sort(free, std::greater<>{}, open);
    free.resize(std::min(free.size(), std::size_t{limits::grants_per_hold_max - 1}));
    HoldPlan plan = asked;
    Atoms rest = asked.total;
    for (const Grant* grant : free) {
        const Atoms part = std::min(rest, open(grant));
        rest -= part;
        plan.parts.push_back(part_of_grant(*grant, part));
    }
    for (const Grant* grant : have.active) {
        const Grant* line = find(overrun_line(grant->id));
        const Atoms used = line == nullptr ? Atoms{0} : line->held + line->spent;
        __extension__ using Wide = __int128;
        const Atoms most{static_cast<std::int64_t>(Wide{whole(*grant).value} * permille / 1000)};
        const bool capped = !asked.project.empty() &&
                            std::ranges::find(grant->projects, asked.project,
                                              &ProjectCap::project) != grant->projects.end();
        if (!capped && rest > Atoms{0} && most - used >= rest) {
            plan.parts.push_back({.grant = overrun_line(grant->id), .amount = rest});
            plan.overrun_of = grant->id;
            return plan;
        }
    }
    return Unexpected{why_not(have, asked.enterprise, asked.programme, asked.total)};
}

int Ledger::used_permille(const EnterpriseId& enterprise, const ProgrammeId& programme,
                          Moment now) const {
    __extension__ using Wide = __int128;
    Wide used = 0;
    Wide all = 0;
    for (const Grant* grant : candidates(enterprise, programme, now).active) {
        const Grant* line = find(overrun_line(grant->id));
        used += (grant->held + grant->spent).value;
        used += line == nullptr ? 0 : (line->held + line->spent).value;
        all += whole(*grant).value;
    }
    return all == 0 ? 0 : static_cast<int>(std::min<Wide>(used * 1000 / all, 1'000'000));
}

Reason Ledger::why_not(const Candidates& have, const EnterpriseId& enterprise,
                       const ProgrammeId& programme, Atoms need) const {
    std::vector<const Grant*> with_suspended = have.active;
    with_suspended.insert(with_suspended.end(), have.suspended.begin(), have.suspended.end());
    if (!have.suspended.empty() &&
        (have.active.empty() || largest_sum(with_suspended, &Grant::free) >= need)) {
        return Reason(Code::GrantSuspended)
            .with("grant", have.suspended.front()->id.value)
            .with("why", have.suspended.front()->suspended_why)
            .with("why_vi", have.suspended.front()->suspended_why);
    }
    if (!have.active.empty()) {
        Atoms held;
        for (const Grant* grant : have.active) {
            held += grant->held;
        }
        return Reason(Code::HoldDoesNotFit)
            .with("needed_ugs", need.value)
            .with("free_ugs", largest_sum(have.active, &Grant::free).value)
            .with("held_ugs", held.value)
            .with("grants", join_ids(have.active))
            .with("next", "")
            .with("next_vi", "");
    }
    if (!have.scheduled.empty()) {
        const Grant& next = **std::ranges::min_element(
            have.scheduled, {}, [](const Grant* grant) { return grant->from; });
        return Reason(Code::GrantNotStarted)
            .with("grant", next.id.value)
            .with("opens_at", next.from.value);
    }
    if (have.last_over != nullptr) {
        return Reason(Code::GrantOver)
            .with("grant", have.last_over->id.value)
            .with("ended_at", have.last_over->to.value)
            .with("programme", programme.value);
    }
    return no_grant(enterprise, programme);
}

Refusal Ledger::no_grant(const EnterpriseId& enterprise, const ProgrammeId& programme) const {
    std::string programmes;
    for (auto it = by_owner_.lower_bound(Owner{enterprise, ProgrammeId{}});
         it != by_owner_.end() && it->first.first == enterprise; ++it) {
        programmes += (programmes.empty() ? "" : ", ") + it->first.second.value;
    }
    return Refusal(Code::NoGrant)
        .with("enterprise", enterprise.value)
        .with("programme", programme.value)
        .with("programmes", programmes.empty() ? std::string("-") : programmes);
}

Expected<Done, Refusal> Ledger::could_ever_hold(const EnterpriseId& enterprise,
                                                const ProgrammeId& programme, Atoms need,
                                                Moment now) const {
    if (need == Atoms{0}) {
        return Done{};
    }
    Candidates have = candidates(enterprise, programme, now);
    std::vector<const Grant*> all = std::move(have.active);
    all.insert(all.end(), have.suspended.begin(), have.suspended.end());
    all.insert(all.end(), have.scheduled.begin(), have.scheduled.end());
    if (all.empty()) {
        return Unexpected{why_not({.last_over = have.last_over}, enterprise, programme, need)};
    }
    const Atoms granted = largest_sum(all, most_at_once);
    if (need > granted) {
        return Unexpected{Refusal(Code::GrantTooSmall)
                              .with("grant", join_ids(all))
                              .with("granted_ugs", granted.value)
                              .with("needed_ugs", need.value)};
    }
    return Done{};
}

bool Ledger::has_live_grant(const EnterpriseId& enterprise, Moment now) const {
    for (auto it = by_owner_.lower_bound(Owner{enterprise, ProgrammeId{}});
         it != by_owner_.end() && it->first.first == enterprise; ++it) {
        if (!candidates(enterprise, it->first.second, now).active.empty()) {
            return true;
        }
    }
    return false;
}

const OpenHold* Ledger::find_hold(AttemptKey key) const {
    const auto found = holds_.find(key);
    return found == holds_.end() ? nullptr : &found->second;
}

Atoms Ledger::held(AttemptKey key) const {
    Atoms sum;
    if (const OpenHold* hold = find_hold(key)) {
        for (const HoldPart& part : hold->parts) {
            sum += part.amount;
        }
    }
    return sum;
}

Ledger::Entries Ledger::hold(AttemptKey key, const HoldPlan& plan, Moment now,
                             const PolicyId& policy) {
    Entries out;
    OpenHold hold{.key = key,
                  .enterprise = plan.enterprise,
                  .parts = plan.parts,
                  .zone = plan.zone,
                  .money = plan.money,
                  .project = plan.project};
    if (const OpenHold* same = find_hold(key)) {
        KHU_CHECK(*same == hold, "job {} attempt {} holds already", key.job.value,
                  key.attempt.value);
        return out;
    }

    grow_overrun(out, plan, now, policy);
    Atoms sum;
    for (std::size_t i = 0; i < plan.parts.size(); ++i) {
        const HoldPart& part = plan.parts[i];
        Grant& grant = grant_at(part.grant);
        KHU_CHECK(grant.enterprise == plan.enterprise && part.amount > Atoms{0});
        Entry& entry = write(out, now, policy);
        entry.kind = "hold";
        entry.id = attempt_id(key, 1, "h", i);
        entry.debit = grant_account(part.grant);
        entry.credit = kClear;
        entry.amount = part.amount.value;
        KHU_CHECK(part.tranche == grant.tranche, "grant {}: tranche {}", part.grant.value,
                  part.tranche);
        grant.free -= part.amount;
        grant.carried -= part.carried;
        grant.held += part.amount;
        sum += part.amount;
        count(grant, plan.project, part.amount, Atoms{0});
        check(grant);
    }
    KHU_CHECK(sum == plan.total, "parts {} of {}", sum.value, plan.total.value);
    totals_.free -= sum;
    totals_.held += sum;
    hold_money(out, hold, now, policy);
    holds_.emplace(key, std::move(hold));
    check_zone();
    return out;
}

Ledger::Entries Ledger::settle(AttemptKey key, const SettleInput& input, Moment now,
                               const PolicyId& policy) {
    const auto found = holds_.find(key);
    KHU_CHECK(found != holds_.end(), "L203: job {} attempt {} holds nothing", key.job.value,
              key.attempt.value);
    OpenHold& hold = found->second;
    KHU_CHECK(input.slice == hold.slice, "slice {}, next is {}", input.slice, hold.slice);
    KHU_CHECK(input.charge.charged <= held(key), "L204: charge {} above hold {}",
              input.charge.charged.value, held(key).value);

    Entries out;
    const Atoms into_clear = settle_parts(out, hold, input, now, policy);
    const Atoms out_of_clear = post_parts(out, key, input, now, policy);
    KHU_CHECK(into_clear == out_of_clear, "clear: in {} out {}", into_clear.value,
              out_of_clear.value);
    finish_slice(out, hold, input, now, policy);
    settle_money(out, hold, input, now, policy);
    bear_loss(out, input.loss,
              {.id = attempt_id(key, input.slice, "mw"),
               .ref = input.cause,
               .now = now,
               .policy = policy});
    if (input.last) {
        holds_.erase(found);
    }
    check_zone();
    return out;
}

/// Resolves each hold of the slice; what is not charged is for finish_slice() to move on.
Atoms Ledger::settle_parts(Entries& out, OpenHold& hold, const SettleInput& input, Moment now,
                           const PolicyId& policy) {
    Atoms left = input.charge.charged;
    for (std::size_t i = 0; i < hold.parts.size(); ++i) {
        HoldPart& part = hold.parts[i];
        const Atoms taken = std::min(left, part.amount);
        left -= taken;
        Entry& entry = write(out, now, policy);
        entry.kind = "settle";
        entry.id = attempt_id(hold.key, hold.slice, "s", i);
        entry.debit = grant_account(part.grant);
        entry.credit = kClear;
        entry.amount = taken.value;
        entry.ref = attempt_id(hold.key, hold.slice, "h", i);
        part.amount -= taken;
        part.carried -= std::min(taken, part.carried);
        Grant& grant = grant_at(part.grant);
        grant.held -= taken;
        grant.spent += taken;
        count(grant, hold.project, -taken, taken);
        check(grant);
    }
    const Atoms spent = input.charge.charged - left;
    totals_.held -= spent;
    totals_.spent += spent;
    return spent;
}

/// Posts what was physically used: paid, discounted and waived parts together are all of it (I-03).
Atoms Ledger::post_parts(Entries& out, AttemptKey key, const SettleInput& input, Moment now,
                         const PolicyId& policy) {
    const Charge& charge = input.charge;
    const std::string used = used_account(input.partition);
    const auto post = [&](std::string_view kind, std::string_view letter, std::string_view debit,
                          Atoms amount) -> Entry* {
        if (amount == Atoms{0}) {
            return nullptr;
        }
        Entry& entry = write(out, now, policy);
        entry.kind = kind;
        entry.id = attempt_id(key, input.slice, letter);
        entry.debit = debit;
        entry.credit = used;
        entry.amount = amount.value;
        entry.ref = input.cause;
        return &entry;
    };

    const Atoms paid = charge.charged - charge.surcharge;
    post("post", "u", kClear, paid);
    if (Entry* premium = post("post", "p", kClear, charge.surcharge)) {
        premium->credit = kPremium;
        premium->ref = input.qos.value;
    }
    if (Entry* discount = post("discount", "d", kZoneDiscount, charge.discount)) {
        discount->ref = input.qos.value;
    }
    post("waive", "w", kZoneLoss, charge.waived);

    const Atoms metered = paid + charge.discount + charge.waived;
    KHU_CHECK(metered == charge.metered, "posted {} of {}", metered.value, charge.metered.value);
    used_[input.partition] += metered;
    totals_.used += metered;
    totals_.premium += charge.surcharge;
    totals_.discounts += charge.discount;
    totals_.losses += charge.waived;
    return paid + charge.surcharge;
}

/// After the last slice the rest goes back; after any other it is held again, which cannot fail.
void Ledger::finish_slice(Entries& out, OpenHold& hold, const SettleInput& input, Moment now,
                          const PolicyId& policy) {
    if (input.last) {
        for (std::size_t i = 0; i < hold.parts.size(); ++i) {
            count(grant_at(hold.parts[i].grant), hold.project, -hold.parts[i].amount, Atoms{0});
            give_back(out, hold.parts[i], attempt_id(hold.key, hold.slice, "x", i), now, policy);
        }
        return;
    }
    ++hold.slice;
    std::erase_if(hold.parts, [](const HoldPart& part) { return part.amount == Atoms{0}; });
    for (std::size_t i = 0; i < hold.parts.size(); ++i) {
        Entry& entry = write(out, now, policy);
        entry.kind = "hold";
        entry.id = attempt_id(hold.key, hold.slice, "h", i);
        entry.debit = grant_account(hold.parts[i].grant);
        entry.credit = kClear;
        entry.amount = hold.parts[i].amount.value;
    }
}

void Ledger::give_back(Entries& out, const HoldPart& rest, const std::string& id, Moment now,
                       const PolicyId& policy) {
    Grant& grant = grant_at(rest.grant);
    grant.held -= rest.amount;
    totals_.held -= rest.amount;
    if (!grant.ended && rest.tranche == grant.tranche) {
        grant.free += rest.amount;
        grant.carried += rest.carried;
        totals_.free += rest.amount;
    } else if (rest.amount > Atoms{0}) {
        Entry& entry = write(out, now, policy);
        entry.kind = "expire";
        entry.id = id;
        entry.debit = grant_account(rest.grant);
        entry.credit = kExpired;
        entry.amount = rest.amount.value;
        grant.expired += rest.amount;
        totals_.expired += rest.amount;
    }
    check(grant);
}

Ledger::Entries Ledger::void_hold(AttemptKey key, Moment now, const PolicyId& policy) {
    const auto found = holds_.find(key);
    KHU_CHECK(found != holds_.end(), "L203: job {} attempt {} holds nothing", key.job.value,
              key.attempt.value);

    Entries out;
    const OpenHold& hold = found->second;
    for (std::size_t i = 0; i < hold.parts.size(); ++i) {
        Entry& entry = write(out, now, policy);
        entry.kind = "void";
        entry.id = attempt_id(key, hold.slice, "v", i);
        entry.debit = grant_account(hold.parts[i].grant);
        entry.credit = kClear;
        entry.amount = hold.parts[i].amount.value;
        entry.ref = attempt_id(key, hold.slice, "h", i);
        count(grant_at(hold.parts[i].grant), hold.project, -hold.parts[i].amount, Atoms{0});
        give_back(out, hold.parts[i], attempt_id(key, hold.slice, "x", i), now, policy);
    }
    void_money(out, hold, now, policy);
    holds_.erase(found);
    check_zone();
    return out;
}

}  // namespace khu
