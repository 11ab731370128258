#include "cli/roles.h"

#include <array>
#include <utility>

#include "core/base/check.h"

namespace khu::cli {
namespace {

constexpr std::array<std::pair<std::string_view, Role>, 6> kRoles{{{"zone_admin", Role::ZoneAdmin},
                                                                   {"holder", Role::Holder},
                                                                   {"member", Role::Member},
                                                                   {"auditor", Role::Auditor},
                                                                   {"agent", Role::Agent},
                                                                   {"meter", Role::Meter}}};

}  // namespace

Role role_of(std::string_view name) {
    for (const auto& [known, role] : kRoles) {
        if (known == name) {
            return role;
        }
    }
    KHU_CHECK(false, "role {}", name);
    return Role::Member;
}

std::string roles_text(const std::vector<Role>& roles) {
    std::string out;
    for (const auto& [name, role] : kRoles) {
        for (const Role has : roles) {
            if (has == role) {
                out += out.empty() ? "" : ",";
                out += name;
            }
        }
    }
    return out;
}

}  // namespace khu::cli
