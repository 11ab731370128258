/// Commands about money.

#include <algorithm>

#include "core/machine/decide.h"
#include "core/machine/grant_rules.h"

namespace khu::decide_detail {
namespace {

Unexpected<Refusal> bad_field(const char* field, std::string why) {
    return Unexpected{Refusal(Code::BadField).with("field", field).with("why", std::move(why))};
}

Expected<Done, Refusal> has_wallet(const State& state, const EnterpriseId& id) {
    const Enterprise* enterprise =
        state.truth.policy ? find_enterprise(*state.truth.policy, id) : nullptr;
    if (enterprise == nullptr) {
        return Unexpected{not_in_policy("enterprise", id.value)};
    }
    if (enterprise->wallet.mode == WalletMode::None) {
        return Unexpected{Refusal(Code::NoWallet).with("enterprise", id.value)};
    }
    return Done{};
}

}  // namespace

/// Errors: N403, A133 (enterprise), L220, L221, H422.
Decided on(State& state, const PayIn& command, Moment) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "wallet pay-in"); !role) {
        return Unexpected{std::move(role).error()};
    }
    if (auto wallet = has_wallet(state, command.enterprise); !wallet) {
        return Unexpected{std::move(wallet).error()};
    }
    constexpr std::int64_t most = 1'000'000'000'000'000'000;  // Nine such still fit into 63 bits.
    if (command.amount <= Mvnd{0} || command.amount > Mvnd{most}) {
        return bad_field("amount", "a payment is more than 0, and at most 1000000000000000 VND");
    }
    if (command.ref.empty() || command.ref.size() > 200) {
        return bad_field("ref", "a payment needs the bank's reference, at most 200 bytes");
    }
    const Purse* purse = state.truth.ledger.find_purse(wallet_account(command.enterprise));
    if (purse != nullptr) {
        const auto same = std::ranges::find(purse->payments, command.ref, &Payment::ref);
        if (same != purse->payments.end() && same->amount != command.amount) {
            return Unexpected{Refusal(Code::PaymentTaken)
                                  .with("ref", command.ref)
                                  .with("enterprise", command.enterprise.value)
                                  .with("amount_mvnd", same->amount.value)};
        }
        if (same != purse->payments.end()) {
            return Decision{.existed = true};
        }
        if (purse->paid_in + command.amount > Mvnd{most}) {
            return bad_field("amount", "all payments together are at most 1000000000000000 VND");
        }
    }
    return Decision{.facts = {WalletPaidIn{.enterprise = command.enterprise,
                                           .amount = command.amount,
                                           .ref = command.ref,
                                           .by = command.who.user}}};
}

}  // namespace khu::decide_detail
