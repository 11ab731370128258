/// Money: the funders' budgets and the enterprises' wallets.

#include "daemon/http/paging.h"
#include "daemon/views.h"

namespace khu::daemon {
namespace {

/// Admins and auditors see all, others what their own enterprise pays from.
bool may_see(const Identity& who, const std::string& account) {
    return who.has(Role::ZoneAdmin) || who.has(Role::Auditor) ||
           account == wallet_account(who.enterprise) || account == owed_account(who.enterprise);
}

}  // namespace

void list_purses(const Call& call) {
    const Identity who = call->caller.who;
    const auto paging = paging_of(call, "m", 1);
    if (!paging) {
        refuse(call, paging.error());
        return;
    }
    const auto after =
        paging->after.empty() ? std::optional<std::string>{} : std::optional(paging->after.front());
    answer_from_state(call, [who, after, limit = paging->limit](State& state, Moment) {
        wire::PursePage page;
        page.next = fill_page(
            page.purses, state.truth.ledger.purses(), after, limit,
            [&](const Purse& purse) {
                return may_see(who, purse.account) ? std::optional(purse_view(state, purse))
                                                   : std::nullopt;
            },
            [](const std::string& account) { return cursor("m", {account}); });
        return page;
    });
}

void pay_in(const Call& call) {
    const auto request = body_of<wire::PaymentRequest>(call);
    if (!request) {
        return;
    }
    const EnterpriseId enterprise{call->parts.at(0)};
    PayIn command{.who = call->caller.who,
                  .enterprise = enterprise,
                  .amount = request->amount_mvnd,
                  .ref = request->ref};
    call->services.engine.tell(std::move(command), [call, enterprise](const Answer& told) {
        if (told.refusal) {
            refuse(call, *told.refusal);
            return;
        }
        answer_from_state(call, [enterprise](State& state, Moment) {
            const Purse* purse = state.truth.ledger.find_purse(wallet_account(enterprise));
            return purse == nullptr ? wire::PurseView{} : purse_view(state, *purse);
        });
    });
}

}  // namespace khu::daemon
