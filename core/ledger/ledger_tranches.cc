// Tranches of a grant, what is carried, advanced and pulled back, and its line of overrun.

#include <algorithm>

#include "core/ledger/ledger.h"

namespace khu {
namespace {

__extension__ using Wide = __int128;

Atoms part(Atoms of, int permille) {
    return Atoms{static_cast<std::int64_t>(Wide{of.value} * permille / 1000)};
}

bool has_next(const Grant& grant) {
    return static_cast<std::size_t>(grant.tranche) + 1 < grant.tranches.size();
}

TranchePart& next_of(Grant& grant) {
    return grant.tranches.at(static_cast<std::size_t>(grant.tranche) + 1);
}

Unexpected<Refusal> bad_amount(std::string why) {
    return Unexpected{Refusal(Code::BadField).with("field", "amount").with("why", std::move(why))};
}

}  // namespace

Atoms offered(const Grant& grant) {
    return std::max(grant.offered, grant.granted + grant.moved_out - grant.moved_in);
}

Atoms whole(const Grant& grant) {
    Atoms sum = grant.granted;
    for (std::size_t i = 0; i < grant.tranches.size(); ++i) {
        if (static_cast<int>(i) > grant.tranche) {
            sum += grant.tranches[i].amount - grant.tranches[i].advanced;
        }
    }
    return sum;
}

/// A tranche and at most as much as was carried or advanced: twice the largest is never passed.
Atoms most_at_once(const Grant& grant) {
    Atoms largest;
    for (const TranchePart& tranche : grant.tranches) {
        largest = std::max(largest, tranche.amount);
    }
    return grant.tranches.empty() ? grant.granted : std::min(whole(grant), largest * 2);
}

GrantId overrun_line(const GrantId& grant) {
    return GrantId{grant.value.str() + "-overrun"};
}

std::vector<TranchePart> tranches_of(const GrantOffer& offer) {
    std::vector<TranchePart> parts;
    const std::int64_t all = (offer.to - offer.from).value / days(1).value;
    if (offer.tranches <= 1 || all < offer.tranches) {
        return parts;
    }
    Atoms left = offer.amount;
    for (int i = 0; i < offer.tranches; ++i) {
        const bool last = i + 1 == offer.tranches;
        const Atoms amount = last ? left : Atoms{offer.amount.value / offer.tranches};
        left -= amount;
        parts.push_back({.from = offer.from + days(all * i / offer.tranches), .amount = amount});
    }
    return parts;
}

Entry& Ledger::move_of(Entries& out, const Grant& grant, const char* kind, Moment now,
                       const PolicyId& policy) {
    Entry& entry = write(out, now, policy);
    entry.kind = kind;
    entry.debit = grant_account(grant.id);
    return entry;
}

Ledger::Entries Ledger::turn_tranche(const GrantId& id, int carry_permille, Moment now,
                                     const PolicyId& policy) {
    Grant& grant = grant_at(id);
    KHU_CHECK(has_next(grant), "grant {} is in its last tranche", id.value);
    Entries out;
    const TranchePart& ends = grant.tranches.at(static_cast<std::size_t>(grant.tranche));
    const Atoms kept = std::min(grant.free - grant.carried, part(ends.amount, carry_permille));
    const Atoms gone = grant.free - kept;
    grant.carried = Atoms{0};
    expire_free(out, grant, gone, fmt::format("{}.x{}", id.value, grant.tranche + 1), now, policy);
    for (const bool forth : {true, false}) {
        if (kept > Atoms{0}) {
            Entry& entry = move_of(out, grant, "carry", now, policy);
            entry.id = fmt::format("{}.c{}{}", id.value, grant.tranche + 1, forth ? "" : "b");
            entry.credit = kCarried;
            entry.amount = kept.value;
            if (!forth) {
                std::swap(entry.debit, entry.credit);
            }
        }
    }
    grant.carried = kept;
    const TranchePart& begins = next_of(grant);
    ++grant.tranche;
    if (begins.amount > begins.advanced) {
        mint(out, grant, begins.amount - begins.advanced, "", now, policy);
    }
    repay_overrun(out, grant, now, policy);
    check(grant);
    check_zone();
    return out;
}

/// What the line has spent is taken from the new tranche, and the line may be used again.
void Ledger::repay_overrun(Entries& out, Grant& grant, Moment now, const PolicyId& policy) {
    const auto found = grants_.find(overrun_line(grant.id));
    if (found == grants_.end()) {
        return;
    }
    Grant& line = found->second;
    const Atoms repaid = std::min(line.spent, grant.free - grant.carried);
    if (repaid == Atoms{0}) {
        return;
    }
    Entry& entry = move_of(out, grant, "repay", now, policy);
    entry.id = fmt::format("{}.o{}", grant.id.value, grant.tranche);
    entry.credit = grant_account(line.id);
    entry.amount = repaid.value;
    grant.free -= repaid;
    grant.spent += repaid;
    line.spent -= repaid;
    line.free += repaid;
    check(line);
}

Expected<Done, Refusal> Ledger::can_advance(const GrantId& id, Atoms amount, int most_permille,
                                            Moment now) const {
    const Expected<const Grant*, Refusal> grant = open_window(id, now, "advanced");
    if (!grant) {
        return Unexpected{grant.error()};
    }
    if (!has_next(**grant)) {
        return bad_amount("the grant has no next tranche");
    }
    const TranchePart& next = (*grant)->tranches[static_cast<std::size_t>((*grant)->tranche) + 1];
    const Atoms most = part(next.amount, most_permille) - next.advanced;
    if (amount <= Atoms{0} || amount > most) {
        return bad_amount("of the next tranche " + format_gpu_hours(std::max(most, Atoms{0})) +
                          " GPUh may still be advanced");
    }
    return Done{};
}

Ledger::Entries Ledger::advance(const GrantId& id, Atoms amount, Moment now,
                                const PolicyId& policy) {
    Entries out;
    Grant& grant = grant_at(id);
    KHU_CHECK(has_next(grant) && amount > Atoms{0}, "grant {}", id.value);
    next_of(grant).advanced += amount;
    mint(out, grant, amount, "advance", now, policy);
    out.back().kind = "advance";
    return out;
}

Ledger::Entries Ledger::pull_back(const GrantId& id, int forfeit_permille, Moment now,
                                  const PolicyId& policy) {
    Entries out;
    Grant& grant = grant_at(id);
    grant.pulled_until = now;
    const Atoms back = part(grant.free, forfeit_permille);
    for (std::size_t i = static_cast<std::size_t>(grant.tranche) + 1; i < grant.tranches.size();
         ++i) {
        TranchePart& later = grant.tranches[i];
        later.amount -= part(later.amount - later.advanced, forfeit_permille);
    }
    if (back > Atoms{0}) {
        Entry& entry = move_of(out, grant, "pullback", now, policy);
        entry.id = fmt::format("{}.p{}", id.value, now.value);
        entry.credit = kClawback;
        entry.amount = back.value;
        grant.free -= back;
        grant.carried = std::min(grant.carried, grant.free);
        grant.clawback += back;
        totals_.free -= back;
        totals_.clawback += back;
    }
    check(grant);
    check_zone();
    return out;
}

void Ledger::warned(const GrantId& id, Moment now) {
    grant_at(id).warned_until = now;
}

/// The line of the plan grows to what the plan takes of it.
void Ledger::grow_overrun(Entries& out, const HoldPlan& plan, Moment now, const PolicyId& policy) {
    if (plan.overrun_of.empty()) {
        return;
    }
    const Grant& of = grant_at(plan.overrun_of);
    const GrantId id = overrun_line(of.id);
    Grant& line = grants_[id];
    if (line.id.empty()) {
        line = Grant{.id = id,
                     .enterprise = of.enterprise,
                     .programme = of.programme,
                     .from = of.from,
                     .to = of.to,
                     .decision_ref = of.decision_ref,
                     .permit = of.permit,
                     .overrun_of = of.id};
        index(line);
    }
    const Atoms more = plan.parts.back().amount - line.free;
    if (more > Atoms{0}) {
        mint(out, line, more, "", now, policy);
        out.back().kind = "overrun";
    }
}

}  // namespace khu
