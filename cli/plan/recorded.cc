#include "cli/plan/recorded.h"

#include <algorithm>

#include "cli/given.h"
#include "cli/plan/trace_bounds.h"
#include "config/layer_reader.h"
#include "config/policy_reader.h"
#include "core/base/limits.h"
#include "wire/net/http.h"

namespace khu::cli {
namespace {

plan::TraceJob job_of(const wire::JobView& view) {
    plan::TraceJob job;
    job.id = std::to_string(view.job.value);
    job.submit = Span{Moment(view.submitted_at).value};
    job.duration = Moment(view.ended_at) - Moment(view.taken_at);
    job.nodes = view.spec.nodes;
    job.gpus = view.spec.nodes * view.spec.gpus_per_node;
    job.cpus = view.spec.nodes * view.spec.cores_per_node;
    job.tenant = view.spec.enterprise.value;
    job.user = view.spec.user.value;
    job.programme = view.spec.programme.value;
    job.limit = seconds(view.spec.time_limit_s);
    return job;
}

/// A replay counts whole seconds from the first submission. Gives when that was.
Moment begin_at_zero(std::vector<plan::TraceJob>& jobs) {
    std::ranges::stable_sort(jobs, {}, &plan::TraceJob::submit);
    const Span first = jobs.front().submit;
    for (plan::TraceJob& job : jobs) {
        job.submit = seconds((job.submit - first).value / 1000);
        job.duration = seconds(whole_seconds_up(job.duration));
    }
    return Moment{first.value};
}

/// Adds the page's jobs that ended after `from`; false once one ended before it.
bool take_page(const std::vector<wire::JobView>& page, Moment from, Trace& trace) {
    for (const wire::JobView& view : page) {
        if (view.ended_at < from) {
            return false;
        }
        if (view.taken_at == Moment{0}) {
            ++trace.never_ran;
        } else if (trace.jobs.size() < trace_bounds::jobs_max) {
            trace.jobs.push_back(job_of(view));
        } else {
            return false;
        }
    }
    return true;
}

/// What nodes have that is alike says nothing of which node it is.
Inventory without_names(Inventory inventory) {
    inventory.hostname = "node";
    for (Gpu& gpu : inventory.gpus) {
        gpu.uuid.clear();
    }
    return inventory;
}

void add_node(Inventory inventory, std::vector<plan::NodeGroup>& groups) {
    const auto same = std::ranges::find(groups, inventory, &plan::NodeGroup::inventory);
    if (same != groups.end()) {
        ++same->count;
    } else {
        groups.push_back(
            {.count = 1, .inventory = std::move(inventory), .rack_of = 0, .tenant = ""});
    }
}

Expected<MachineFile, Failure> zone_machine(Session& session) {
    const Expected<Received<wire::NodePage>, Failure> page =
        session.get_all("/v1/nodes", &wire::NodePage::nodes);
    if (!page) {
        return Unexpected{page.error()};
    }
    const std::vector<wire::NodeView>& nodes = page->answer.nodes;
    const bool gpus =
        std::ranges::any_of(nodes, [](const wire::NodeView& node) { return node.gpus > 0; });
    MachineFile made;
    made.counted = gpus ? Counted::Gpus : Counted::Nodes;
    for (const wire::NodeView& listed : nodes) {
        if (gpus && listed.gpus == 0) {
            continue;
        }
        const Expected<Received<wire::NodeView>, Failure> node =
            session.get<wire::NodeView>("/v1/nodes/" + wire::net::percent_encode(listed.name));
        if (!node) {
            return Unexpected{node.error()};
        }
        if (node->answer.inventory) {
            add_node(without_names(*node->answer.inventory), made.machine.groups);
        }
    }
    return made;
}

Expected<std::optional<Policy>, Failure> zone_policy(Session& session) {
    const Expected<Received<wire::PolicyAnswer>, Failure> policy =
        session.get<wire::PolicyAnswer>("/v1/policy");
    if (!policy) {
        return Unexpected{policy.error()};
    }
    config::PolicyCheck check = config::check_policy(policy->answer.text, "zone", {});
    return std::move(check.policy);
}

/// The rules above the zone that bind now, at most one of each level.
Expected<std::vector<LayerRules>, Failure> zone_rules(Session& session) {
    std::vector<LayerRules> above;
    for (const Layer level : {Layer::National, Layer::Province}) {
        const Expected<Received<wire::PolicyAnswer>, Failure> rules =
            session.get<wire::PolicyAnswer>("/v1/policy/layers/" + word_of(level));
        if (!rules && rules.error().status == 404) {
            continue;
        }
        if (!rules) {
            return Unexpected{rules.error()};
        }
        auto read = config::read_layer_above(rules->answer.text, rules->answer.policy);
        if (!read) {
            return Unexpected{complained(session, read.error(), Message::PlanPolicyRemedy)};
        }
        above.push_back(*std::move(read));
    }
    return above;
}

}  // namespace

Expected<Trace, Failure> recorded_jobs(Session& session) {
    const Expected<Span, Failure> span = given_duration(session, "--last");
    if (!span) {
        return Unexpected{span.error()};
    }
    const Moment from = wall_now() - *span;
    Trace trace;
    std::string after;
    do {
        const Expected<Received<wire::JobPage>, Failure> page = session.get<wire::JobPage>(
            "/v1/jobs" + query({{"state", "done"},
                                {"limit", std::to_string(limits::page_rows_max)},
                                {"after", after}}));
        if (!page) {
            return Unexpected{page.error()};
        }
        after = take_page(page->answer.jobs, from, trace) ? page->answer.next : "";
        session.progress(session.say(Message::Listing, {std::to_string(trace.jobs.size())}));
    } while (!after.empty());
    session.progress("");
    if (trace.jobs.empty()) {
        return Unexpected{
            Failure{.exit = ExitCode::Refused,
                    .text = session.say(Message::PlanNothingRan, {format_span(*span)}),
                    .remedy = session.say(Message::PlanNothingRanRemedy)}};
    }
    trace.begins = begin_at_zero(trace.jobs);
    return trace;
}

Expected<Setting, Failure> zone_as_it_is(Session& session) {
    Setting setting;
    setting.name = "zone";
    setting.machine_file = "zone";
    Expected<std::vector<LayerRules>, Failure> above = zone_rules(session);
    if (!above) {
        return Unexpected{std::move(above).error()};
    }
    setting.above = *std::move(above);
    if (!session.arguments.has("--machine")) {
        Expected<MachineFile, Failure> machine = zone_machine(session);
        if (!machine) {
            return Unexpected{std::move(machine).error()};
        }
        setting.machine = *std::move(machine);
    }
    if (!session.arguments.has("--policy")) {
        Expected<std::optional<Policy>, Failure> policy = zone_policy(session);
        if (!policy) {
            return Unexpected{std::move(policy).error()};
        }
        setting.policy = *std::move(policy);
        if (setting.policy) {
            tighten(*setting.policy, setting.above);
        }
    }
    return setting;
}

}  // namespace khu::cli
