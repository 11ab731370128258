#include "core/machine/policy_grants.h"

#include <algorithm>

#include "core/machine/grant_rules.h"

namespace khu {
namespace {

GrantOffer offer_of(const Policy& policy, const GivenGrant& given) {
    const PolicyGrant& grant = given.grant;
    return {.id = grant.id,
            .enterprise = given.enterprise.id,
            .programme = grant.programme,
            .amount = grant.amount,
            .from = grant.window.from,
            .to = grant.window.to,
            .decision_ref = grant.decision_ref,
            .permit = grant.permit,
            .tranches = tranches_in(policy, grant.programme),
            .voucher = grant.voucher};
}

}  // namespace

Ledger::Entries bring_in(Ledger& ledger, const Policy& policy, const GivenGrant& given, Moment at) {
    const PolicyGrant& grant = given.grant;
    const Grant* known = ledger.find(grant.id);
    if (known == nullptr) {
        return ledger.open(offer_of(policy, given), at, policy.id);
    }
    const GrantExtension extension{.id = grant.id,
                                   .add = std::max(Atoms{0}, grant.amount - offered(*known)),
                                   .to = grant.window.to > known->to ? grant.window.to : Moment{0},
                                   .decision_ref = grant.decision_ref};
    const bool grows = extension.add > Atoms{0} || extension.to > Moment{0};
    if (grows && ledger.can_extend(extension, at)) {
        return ledger.extend(extension, at, policy.id);
    }
    return {};
}

}  // namespace khu
