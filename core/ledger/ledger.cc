#include "core/ledger/ledger.h"

namespace khu {

Ledger::Ledger(const LedgerState& state) : last_seq_(state.last_seq), totals_(state.totals) {
    for (const Grant& grant : state.grants) {
        grants_.emplace(grant.id, grant);
        index(grant);
    }
    for (const OpenHold& hold : state.holds) {
        holds_.emplace(hold.key, hold);
    }
    for (const UsedTotal& used : state.used) {
        used_.emplace(used.partition, used.metered);
    }
    for (const Purse& purse : state.purses) {
        purses_.emplace(purse.account, purse);
    }
    check_zone();
}

LedgerState Ledger::state() const {
    LedgerState state{.last_seq = last_seq_, .totals = totals_};
    for (const auto& [id, grant] : grants_) {
        state.grants.push_back(grant);
    }
    for (const auto& [key, hold] : holds_) {
        state.holds.push_back(hold);
    }
    for (const auto& [partition, metered] : used_) {
        state.used.push_back(UsedTotal{.partition = partition, .metered = metered});
    }
    for (const auto& [account, purse] : purses_) {
        state.purses.push_back(purse);
    }
    return state;
}

Ledger Ledger::part_of(const EnterpriseId& enterprise) const {
    LedgerState part{.grants = balance(enterprise)};
    for (const Grant& grant : part.grants) {
        part.totals.minted += grant.granted;
        part.totals.free += grant.free;
        part.totals.held += grant.held;
        part.totals.spent += grant.spent;
        part.totals.expired += grant.expired;
        part.totals.clawback += grant.clawback;
    }
    part.totals.used = part.totals.spent;
    return Ledger(part);
}

const Grant* Ledger::redeemed(const std::string& voucher) const {
    const auto found = vouchers_.find(voucher);
    return found == vouchers_.end() ? nullptr : find(found->second);
}

const Grant* Ledger::find(const GrantId& grant) const {
    const auto found = grants_.find(grant);
    return found == grants_.end() ? nullptr : &found->second;
}

std::vector<Grant> Ledger::balance(const EnterpriseId& enterprise) const {
    std::vector<Grant> out;
    for (auto it = by_owner_.lower_bound(Owner{enterprise, ProgrammeId{}});
         it != by_owner_.end() && it->first.first == enterprise; ++it) {
        for (const auto& [to, id] : it->second) {
            out.push_back(grants_.at(id));
        }
    }
    return out;
}

Grant& Ledger::grant_at(const GrantId& id) {
    const auto found = grants_.find(id);
    KHU_CHECK(found != grants_.end(), "grant {}", id.value);
    return found->second;
}

Entry& Ledger::write(Entries& out, Moment now, const PolicyId& policy) {
    last_seq_ = LedgerSeq{last_seq_.value + 1};
    out.push_back(Entry{.seq = last_seq_, .at = now, .policy = policy});
    return out.back();
}

void Ledger::index(const Grant& grant) {
    by_owner_[Owner{grant.enterprise, grant.programme}].emplace(grant.to, grant.id);
    if (!grant.voucher.empty()) {
        vouchers_.emplace(grant.voucher, grant.id);
    }
    if (!grant.ended) {
        ends_.emplace(grant.to, grant.id);
        openings_.emplace(grant.from, grant.id);
    }
}

void Ledger::unindex(const Grant& grant) {
    by_owner_.at(Owner{grant.enterprise, grant.programme}).erase({grant.to, grant.id});
    ends_.erase({grant.to, grant.id});
    openings_.erase({grant.from, grant.id});
}

void Ledger::check(const Grant& grant) const {
    KHU_CHECK(grant.free >= Atoms{0} && grant.held >= Atoms{0} && grant.spent >= Atoms{0} &&
                  grant.expired >= Atoms{0} && grant.clawback >= Atoms{0},
              "grant {}: free {} held {} spent {} expired {} clawback {}", grant.id.value,
              grant.free.value, grant.held.value, grant.spent.value, grant.expired.value,
              grant.clawback.value);
    KHU_CHECK(
        grant.granted == grant.free + grant.held + grant.spent + grant.expired + grant.clawback,
        "grant {}: granted {} free {} held {} spent {} expired {} clawback {}", grant.id.value,
        grant.granted.value, grant.free.value, grant.held.value, grant.spent.value,
        grant.expired.value, grant.clawback.value);
    KHU_CHECK(grant.carried >= Atoms{0} && grant.carried <= grant.free, "grant {}: carried {}",
              grant.id.value, grant.carried.value);
    KHU_CHECK(!grant.ended || grant.free == Atoms{0}, "grant {} is over and has {}", grant.id.value,
              grant.free.value);
}

void Ledger::check_zone() const {
    const LedgerTotals& t = totals_;
    KHU_CHECK(t.minted == t.free + t.held + t.spent + t.expired + t.clawback,
              "minted {} free {} held {} spent {} expired {}", t.minted.value, t.free.value,
              t.held.value, t.spent.value, t.expired.value);
    KHU_CHECK(t.spent == t.used - t.discounts - t.losses + t.premium,
              "spent {} used {} discounts {} losses {} premium {}", t.spent.value, t.used.value,
              t.discounts.value, t.losses.value, t.premium.value);
}

std::vector<std::string> Ledger::audit() const {
    std::vector<std::string> broken;
    const auto claim = [&](bool holds, std::string words) {
        if (!holds) {
            broken.push_back(std::move(words));
        }
    };

    std::map<GrantId, Atoms> held;
    for (const auto& [key, hold] : holds_) {
        for (const HoldPart& part : hold.parts) {
            held[part.grant] += part.amount;
            const Grant* grant = find(part.grant);
            claim(grant != nullptr && grant->enterprise == hold.enterprise,
                  fmt::format("I-06: job {} holds of {}", key.job.value, part.grant.value));
        }
    }
    LedgerTotals sum{
        .premium = totals_.premium, .losses = totals_.losses, .discounts = totals_.discounts};
    for (const auto& [id, grant] : grants_) {
        check(grant);
        claim(grant.held == held[id], fmt::format("grant {}: held {} but its holds sum to {}",
                                                  id.value, grant.held.value, held[id].value));
        sum.minted += grant.granted;
        sum.free += grant.free;
        sum.held += grant.held;
        sum.spent += grant.spent;
        sum.expired += grant.expired;
        sum.clawback += grant.clawback;
    }
    for (const auto& [partition, metered] : used_) {
        sum.used += metered;
    }
    claim(sum == totals_, "the zone's totals differ from the sums of the records");
    audit_money(broken);
    check_zone();
    return broken;
}

}  // namespace khu
