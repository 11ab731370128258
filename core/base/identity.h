#pragma once

/// \file
/// Who asks. Made by khud from the channel alone (token, certificate or peer credentials), never
/// from anything in the request.

#include <cstdint>
#include <set>
#include <string>

#include "core/base/describe.h"
#include "core/base/ids.h"

namespace khu {

enum class Role { ZoneAdmin, Holder, Member, Agent, Auditor, Meter };
KHU_DESCRIBE_ENUM(Role, ZoneAdmin, Holder, Member, Agent, Auditor, Meter)

struct Identity {
    UserId user;
    EnterpriseId enterprise;  ///< empty for zone admins, auditors, agents and meters
    std::set<Role> roles;
    std::int64_t uid{-1};  ///< Unix account that jobs run as; -1: the agent's own
    std::int64_t gid{-1};

    [[nodiscard]] bool has(Role role) const { return roles.contains(role); }
    /// May see and act on what belongs to `owner`: its own people, and the zone's admins.
    [[nodiscard]] bool may_act_for(const EnterpriseId& owner) const {
        return has(Role::ZoneAdmin) || (!enterprise.empty() && enterprise == owner);
    }
    /// The same for reading; auditors read everything and change nothing.
    [[nodiscard]] bool may_read(const EnterpriseId& owner) const {
        return may_act_for(owner) || has(Role::Auditor);
    }
};
KHU_DESCRIBE(Identity, user, enterprise, roles, uid, gid)

}  // namespace khu
