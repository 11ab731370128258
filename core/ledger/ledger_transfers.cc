// Free hours that go from one grant to another of the same enterprise and programme.

#include <algorithm>

#include "core/ledger/ledger.h"

namespace khu {
namespace {

Unexpected<Refusal> bad_field(std::string field, std::string why) {
    return Unexpected{
        Refusal(Code::BadField).with("field", std::move(field)).with("why", std::move(why))};
}

}  // namespace

Expected<Done, Refusal> Ledger::can_transfer(const GrantId& from, const GrantId& to, Atoms amount,
                                             Moment now) const {
    const Expected<const Grant*, Refusal> giver = open_window(from, now, "transferred");
    if (!giver) {
        return Unexpected{giver.error()};
    }
    const Expected<const Grant*, Refusal> taker = open_window(to, now, "transferred to");
    if (!taker) {
        return Unexpected{taker.error()};
    }
    if (from == to || (*giver)->enterprise != (*taker)->enterprise ||
        (*giver)->programme != (*taker)->programme) {
        return bad_field("to", "hours go between two grants of one enterprise and programme");
    }
    const Atoms most = (*giver)->free - (*giver)->carried;
    if (amount <= Atoms{0} || amount > most) {
        return bad_field("amount", "of grant " + from.value.str() + " " + format_gpu_hours(most) +
                                       " GPUh may be transferred");
    }
    return Done{};
}

Ledger::Entries Ledger::transfer(const GrantId& from, const GrantId& to, Atoms amount,
                                 const std::string& ref, Moment now, const PolicyId& policy) {
    KHU_CHECK(can_transfer(from, to, amount, now).has_value(), "grants {} and {}", from.value,
              to.value);
    Entries out;
    Grant& giver = grant_at(from);
    Grant& taker = grant_at(to);
    ++giver.moves;
    Entry& entry = move_of(out, giver, "transfer", now, policy);
    entry.id = fmt::format("{}.t{}", from.value, giver.moves);
    entry.credit = grant_account(to);
    entry.amount = amount.value;
    entry.ref = clean_ref(ref);
    giver.granted -= amount;
    giver.free -= amount;
    giver.moved_out += amount;
    taker.granted += amount;
    taker.free += amount;
    taker.moved_in += amount;
    check(giver);
    check(taker);
    check_zone();
    return out;
}

}  // namespace khu
