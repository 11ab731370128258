// Parts of a grant that a holder leaves to one project.

#include <algorithm>

#include "core/base/limits.h"
#include "core/ledger/ledger.h"

namespace khu {
namespace {

ProjectCap* cap_of(Grant& grant, const std::string& project) {
    const auto found = std::ranges::find(grant.projects, project, &ProjectCap::project);
    return project.empty() || found == grant.projects.end() ? nullptr : &*found;
}

}  // namespace

Atoms usable(const Grant& grant, const std::string& project) {
    const auto found = std::ranges::find(grant.projects, project, &ProjectCap::project);
    if (project.empty() || found == grant.projects.end()) {
        return grant.free;
    }
    return std::min(grant.free, std::max(Atoms{0}, found->cap - found->held - found->spent));
}

Expected<Done, Refusal> Ledger::can_cap(const GrantId& id, const std::string& project, Atoms cap,
                                        Moment now) const {
    const Expected<const Grant*, Refusal> grant = open_window(id, now, "capped");
    if (!grant) {
        return Unexpected{grant.error()};
    }
    const bool known = std::ranges::find((*grant)->projects, project, &ProjectCap::project) !=
                       (*grant)->projects.end();
    const auto count = static_cast<std::int64_t>((*grant)->projects.size());
    const char* why = project.empty()  ? "name the project"
                      : cap < Atoms{0} ? "a cap is at least 0"
                      : !known && count >= limits::projects_per_grant_max
                          ? "the grant has as many capped projects as there may be"
                          : nullptr;
    if (why != nullptr) {
        return Unexpected{Refusal(Code::BadField)
                              .with("field", cap < Atoms{0} ? "cap_ugs" : "project")
                              .with("why", why)};
    }
    return Done{};
}

void Ledger::cap_project(const GrantId& id, const std::string& project, Atoms cap, const UserId& by,
                         Moment now) {
    Grant& grant = grant_at(id);
    if (ProjectCap* known = cap_of(grant, project)) {
        known->cap = cap;
        known->set_by = by;
        known->set_at = now;
        return;
    }
    ProjectCap made{.project = project, .cap = cap, .set_by = by, .set_at = now};
    for (const auto& [key, hold] : holds_) {
        for (const HoldPart& part : hold.parts) {
            made.held += hold.project == project && part.grant == id ? part.amount : Atoms{0};
        }
    }
    grant.projects.push_back(std::move(made));
}

void Ledger::uncap_project(const GrantId& id, const std::string& project) {
    std::erase_if(grant_at(id).projects,
                  [&](const ProjectCap& each) { return each.project == project; });
}

void Ledger::count(Grant& grant, const std::string& project, Atoms held, Atoms spent) {
    if (ProjectCap* cap = cap_of(grant, project)) {
        cap->held += held;
        cap->spent = std::max(Atoms{0}, cap->spent + spent);  // a refund may be of before the cap
        KHU_CHECK(cap->held >= Atoms{0}, "{} in {}: {}", project, grant.id.value, cap->held.value);
    }
}

Reason Ledger::project_short(const std::vector<const Grant*>& active, const std::string& project,
                             Atoms need) {
    Atoms free;
    Atoms held;
    Atoms caps;
    std::string grants;
    ProjectCap last;
    for (const Grant* grant : active) {
        const auto cap = std::ranges::find(grant->projects, project, &ProjectCap::project);
        free += usable(*grant, project);
        if (cap != grant->projects.end()) {
            held += cap->held;
            caps += cap->cap;
            grants += (grants.empty() ? "" : ", ") + grant->id.value;
            last = cap->set_at >= last.set_at ? *cap : last;
        }
    }
    Reason why = Reason(Code::ProjectShort)
                     .with("project", project)
                     .with("grants", grants)
                     .with("needed_ugs", need.value)
                     .with("free_ugs", free.value)
                     .with("cap_ugs", caps.value)
                     .with("held_ugs", held.value);
    return last.set_by.empty()
               ? why
               : std::move(why).with("set_by", last.set_by.value).with("set_at", last.set_at.value);
}

}  // namespace khu
