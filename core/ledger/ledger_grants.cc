// The grants' side of the ledger: opening, extending, suspending, closing and expiring.

#include <algorithm>

#include "core/base/enum_name.h"
#include "core/ledger/ledger.h"

namespace khu {
namespace {

constexpr std::size_t kVoucherBytesMax = 64;

Refusal bad_field(std::string field, std::string why) {
    return Refusal(Code::BadField).with("field", std::move(field)).with("why", std::move(why));
}

Refusal wrong_state(const Grant& grant, Moment now, const std::string& verb) {
    return Refusal(Code::GrantWrongState)
        .with("grant", grant.id.value)
        .with("state", enum_name(state_of(grant, now)))
        .with("verb", verb);
}

/// A grant that is opened late loses nothing: what its past tranches would have had comes with the
/// one that runs.
Atoms first_amount(Grant& grant, const GrantOffer& offer, Moment now) {
    if (grant.tranches.empty()) {
        return offer.amount;
    }
    for (std::size_t next = 1; next < grant.tranches.size(); ++next) {
        if (grant.tranches[next].from <= now) {
            grant.tranches[next].amount += grant.tranches[next - 1].amount;
            grant.tranches[next - 1].amount = Atoms{0};
            grant.tranche = static_cast<int>(next);
        }
    }
    return grant.tranches[static_cast<std::size_t>(grant.tranche)].amount;
}

bool same_content(const Grant& grant, const GrantOffer& offer) {
    return grant.enterprise == offer.enterprise && grant.programme == offer.programme &&
           offered(grant) == offer.amount && grant.from == offer.from && grant.to == offer.to &&
           (offer.voucher.empty() || grant.voucher == offer.voucher);
}

}  // namespace

bool is_voucher(const std::string& text) {
    return text.size() <= kVoucherBytesMax && std::ranges::all_of(text, [](char c) {
               return c > ' ' && c != '|' && c != ',' && c != '"' && c != 0x7f;
           });
}

Moment end_before(const Grant& grant, Moment at) {
    const auto moved =
        std::ranges::find_if(grant.ends, [at](const EarlierEnd& end) { return end.until >= at; });
    return moved == grant.ends.end() ? grant.to : moved->to;
}

GrantState state_of(const Grant& grant, Moment now) {
    if (grant.ended || now >= grant.to) {
        return grant.held > Atoms{0} ? GrantState::Closing : GrantState::Closed;
    }
    if (grant.suspended) {
        return GrantState::Suspended;
    }
    return now < grant.from ? GrantState::Scheduled : GrantState::Active;
}

Expected<Done, Refusal> Ledger::can_open(const GrantOffer& offer) const {
    if (offer.id.empty()) {
        return Unexpected{bad_field("id", "a grant needs an id")};
    }
    if (offer.amount <= Atoms{0}) {
        return Unexpected{bad_field("amount", "a grant must be more than 0")};
    }
    if (offer.to <= offer.from) {
        return Unexpected{bad_field("to", "the window must end after it starts")};
    }
    if (!is_voucher(offer.voucher)) {
        return Unexpected{
            bad_field("voucher", "it is at most 64 ASCII characters without space , | \"")};
    }
    const Grant* grant = find(offer.id);
    if (grant != nullptr && !same_content(*grant, offer)) {
        return Unexpected{Refusal(Code::GrantIdTaken).with("grant", offer.id.value)};
    }
    const Grant* redeemer = redeemed(offer.voucher);
    if (redeemer != nullptr && redeemer->id != offer.id) {
        return Unexpected{Refusal(Code::VoucherRedeemed)
                              .with("voucher", offer.voucher)
                              .with("grant", redeemer->id.value)};
    }
    return Done{};
}

Ledger::Entries Ledger::open(const GrantOffer& offer, Moment now, const PolicyId& policy) {
    KHU_CHECK(can_open(offer).has_value(), "grant {}", offer.id.value);
    Entries out;
    if (grants_.contains(offer.id)) {
        return out;
    }

    Grant& grant = grants_[offer.id];
    grant = Grant{.id = offer.id,
                  .enterprise = offer.enterprise,
                  .programme = offer.programme,
                  .from = offer.from,
                  .to = offer.to,
                  .decision_ref = offer.decision_ref,
                  .permit = offer.permit,
                  .makegood = offer.makegood,
                  .tranches = tranches_of(offer),
                  .pulled_until = now,
                  .warned_until = now,
                  .offered = offer.amount,
                  .voucher = offer.voucher};
    index(grant);
    mint(out, grant, first_amount(grant, offer, now), offer.decision_ref, now, policy);
    return out;
}

Expected<const Grant*, Refusal> Ledger::open_window(const GrantId& id, Moment now,
                                                    const std::string& verb) const {
    const Grant* grant = find(id);
    if (grant == nullptr || !grant->overrun_of.empty()) {  // that goes as its grant goes
        return Unexpected{Refusal(Code::UnknownGrant).with("grant", id.value)};
    }
    if (grant->ended || now >= grant->to) {
        return Unexpected{wrong_state(*grant, now, verb)};
    }
    return grant;
}

Expected<Done, Refusal> Ledger::can_extend(const GrantExtension& extension, Moment now) const {
    const Expected<const Grant*, Refusal> grant = open_window(extension.id, now, "extended");
    if (!grant) {
        return Unexpected{grant.error()};
    }
    if (extension.add < Atoms{0}) {
        return Unexpected{bad_field("amount", "a grant cannot be made smaller")};
    }
    if (extension.to != Moment{} && extension.to < (*grant)->to) {
        return Unexpected{bad_field("to", "a window cannot be made shorter; close the grant")};
    }
    return Done{};
}

Ledger::Entries Ledger::extend(const GrantExtension& extension, Moment now,
                               const PolicyId& policy) {
    KHU_CHECK(can_extend(extension, now).has_value(), "grant {}", extension.id.value);

    Entries out;
    Grant& grant = grant_at(extension.id);
    if (extension.to != Moment{}) {
        move_end(grant, extension.to, now);
    }
    if (extension.add > Atoms{0}) {
        grant.offered = offered(grant) + extension.add;
        mint(out, grant, extension.add, extension.decision_ref, now, policy);
    }
    return out;
}

Expected<Done, Refusal> Ledger::can_suspend(const GrantId& id, Moment now) const {
    const Expected<const Grant*, Refusal> grant = open_window(id, now, "suspended");
    if (!grant) {
        return Unexpected{grant.error()};
    }
    if ((*grant)->suspended) {
        return Unexpected{wrong_state(**grant, now, "suspended")};
    }
    return Done{};
}

void Ledger::suspend(const GrantId& id, const std::string& why) {
    Grant& grant = grant_at(id);
    grant.suspended = true;
    grant.suspended_why = why;
}

Expected<Done, Refusal> Ledger::can_resume(const GrantId& id, Moment now) const {
    const Expected<const Grant*, Refusal> grant = open_window(id, now, "resumed");
    if (!grant) {
        return Unexpected{grant.error()};
    }
    if (!(*grant)->suspended) {
        return Unexpected{wrong_state(**grant, now, "resumed")};
    }
    return Done{};
}

void Ledger::resume(const GrantId& id) {
    Grant& grant = grant_at(id);
    grant.suspended = false;
    grant.suspended_why.clear();
}

Expected<Done, Refusal> Ledger::can_close(const GrantId& id, Moment now) const {
    const Expected<const Grant*, Refusal> grant = open_window(id, now, "closed");
    if (!grant) {
        return Unexpected{grant.error()};
    }
    return Done{};
}

Ledger::Entries Ledger::close(const GrantId& id, Moment now, const PolicyId& policy) {
    KHU_CHECK(can_close(id, now).has_value(), "grant {}", id.value);

    Entries out;
    Grant& grant = grant_at(id);
    const GrantId line = overrun_line(id);
    move_end(grant, now, now);
    end_window(out, grant, now, policy);
    if (grants_.contains(line)) {
        end_window(out, grant_at(line), now, policy);
    }
    return out;
}

/// With its line of overrun.
void Ledger::move_end(Grant& grant, Moment to, Moment now) {
    const auto line = grants_.find(overrun_line(grant.id));
    for (Grant* each : {&grant, line == grants_.end() ? nullptr : &line->second}) {
        if (each != nullptr) {
            unindex(*each);
            if (each->to != to) {
                each->ends.push_back({.until = now, .to = each->to});
            }
            each->to = to;
            index(*each);
        }
    }
}

Ledger::Entries Ledger::expire(Moment now, const PolicyId& policy) {
    Entries out;
    while (!ends_.empty() && ends_.begin()->first <= now) {
        end_window(out, grant_at(ends_.begin()->second), now, policy);
    }
    return out;
}

std::optional<Moment> Ledger::next_expiry() const {
    if (ends_.empty()) {
        return std::nullopt;
    }
    return ends_.begin()->first;
}

std::optional<Moment> Ledger::next_opening(Moment now) const {
    const auto next = openings_.lower_bound({now + milliseconds(1), GrantId{}});
    if (next == openings_.end()) {
        return std::nullopt;
    }
    return next->first;
}

void Ledger::mint(Entries& out, Grant& grant, Atoms amount, const std::string& ref, Moment now,
                  const PolicyId& policy) {
    ++grant.mints;
    Entry& entry = write(out, now, policy);
    entry.kind = grant.makegood ? "makegood" : "grant";
    entry.id = fmt::format("{}.g{}", grant.id.value, grant.mints);
    entry.debit = pool_account(grant.programme);
    entry.credit = grant_account(grant.id);
    entry.amount = amount.value;
    entry.ref = clean_ref(ref);

    grant.granted += amount;
    grant.free += amount;
    totals_.minted += amount;
    totals_.free += amount;
    check(grant);
    check_zone();
}

void Ledger::end_window(Entries& out, Grant& grant, Moment now, const PolicyId& policy) {
    ends_.erase({grant.to, grant.id});
    openings_.erase({grant.from, grant.id});
    grant.ended = true;
    grant.carried = Atoms{0};
    expire_free(out, grant, grant.free, grant.id.value + ".x", now, policy);
    check(grant);
    check_zone();
}

void Ledger::expire_free(Entries& out, Grant& grant, Atoms amount, const std::string& id,
                         Moment now, const PolicyId& policy) {
    if (amount == Atoms{0}) {
        return;
    }
    Entry& entry = write(out, now, policy);
    entry.kind = "expire";
    entry.id = id;
    entry.debit = grant_account(grant.id);
    entry.credit = kExpired;
    entry.amount = amount.value;
    grant.free -= amount;
    grant.expired += amount;
    totals_.free -= amount;
    totals_.expired += amount;
}

}  // namespace khu
