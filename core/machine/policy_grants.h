#pragma once

/// \file
/// The grants that a policy gives, brought into the books.

#include "core/ledger/ledger.h"
#include "core/policy/policy.h"

namespace khu {

struct GivenGrant {
    const Enterprise& enterprise;
    const PolicyGrant& grant;
};

/// A grant of the policy that the ledger does not know is opened; one that has grown is extended.
/// review() has refused whatever would shrink one.
Ledger::Entries bring_in(Ledger& ledger, const Policy& policy, const GivenGrant& given, Moment at);

}  // namespace khu
