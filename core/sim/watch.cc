#include "core/sim/watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/limits.h"
#include "core/jobs/alternatives.h"
#include "core/sim/owner_waits.h"
#include "core/sim/zone.h"

namespace khu::sim {
namespace {

constexpr Span kUndoneWithin = seconds(10);
constexpr Span kKnownFor = seconds(1);

std::string name_of(AttemptKey key) {
    return fmt::format("{}.{}", key.job.value, key.attempt.value);
}

}  // namespace

void Watch::billed(const UsageRow& row) {
    const auto spec = specs_.find(row.job_id);
    if (spec != specs_.end() && booked_.contains(spec->second.where->reservation) &&
        row.charged_ugs != Atoms{0} && !broken_) {
        broken_ = fmt::format("I-34 job {} of reservation {} is charged {}", row.job_id.value,
                              spec->second.where->reservation.str(), row.charged_ugs.value);
    }
    const bool blames_user = row.end_cause == "user_error" || row.end_cause == "oom";
    const AttemptKey key{row.job_id, row.attempt};
    if (blames_user && !failed_by_itself_.contains(key) && !broken_) {
        broken_ =
            fmt::format("I9 attempt {} is put down to its user ({}), whose ranks did not fail",
                        name_of(key), row.end_cause);
    }
}

std::optional<std::string> Watch::broken(const Controller& controller, const Hosts& hosts,
                                         Moment now) {
    const std::vector<Stamped>& facts = controller.store().facts;
    for (; facts_seen_ < facts.size(); ++facts_seen_) {
        learn(facts[facts_seen_]);
    }
    for (const auto& host : hosts) {
        for (const auto& [key, process] : host->processes()) {
            if (process.prepared && process.order.nodes.size() > 1) {
                prepared_[key].insert(host->name());
            }
        }
    }
    for (const auto& host : hosts) {
        look_at(*host, now);
    }
    if (!broken_) {
        broken_ = half_launched(hosts, now);
    }
    if (!broken_) {
        broken_ = layers_.broken(now, zone_calm_since_);
    }
    if (!broken_ && controller.up()) {
        broken_ = owner_kept_waiting(controller.machine()->state(), now);
    }
    return broken_;
}

// --- What is stored ----------------------------------------------------------------------

void Watch::learn(const Stamped& stamped) {
    const Fact& fact = stamped.fact;
    learn_calendar(fact, stamped.at);
    layers_.learn(stamped);
    if (const auto* joined = std::get_if<NodeJoined>(&fact)) {
        NodeSeen& node = nodes_[joined->node];
        node.name = joined->name.value;
        node.lost_at = kNever;
        node_ids_[node.name] = joined->node;
        lending_.up(joined->node, !node.drained);
    } else if (const auto* lost = std::get_if<NodeLost>(&fact)) {
        nodes_.at(lost->node).lost_at = stamped.at;
        lending_.up(lost->node, false);
        fewer_nodes_since_ = stamped.at;
    } else if (const auto* drained = std::get_if<NodeDrained>(&fact)) {
        nodes_.at(drained->node).drained = true;
        lending_.up(drained->node, false);
        fewer_nodes_since_ = stamped.at;
    } else if (const auto* resumed = std::get_if<NodeResumed>(&fact)) {
        nodes_.at(resumed->node).drained = false;
        lending_.up(resumed->node, nodes_.at(resumed->node).lost_at == kNever);
    } else if (const auto* placed = std::get_if<JobPlaced>(&fact)) {
        learn_placed(*placed, stamped.at);
    } else if (const auto* applied = std::get_if<PolicyApplied>(&fact)) {
        lending_.rules(applied->policy);
    } else if (const auto* queued = std::get_if<JobQueued>(&fact)) {
        if (queued->spec.qos == QosId{kIdleQos}) {
            idle_.insert(queued->job);
        }
    } else if (const auto* element = std::get_if<ElementQueued>(&fact)) {
        if (idle_.contains(element->array)) {
            idle_.insert(element->job);
        }
    } else if (const auto* offered = std::get_if<QosOffered>(&fact)) {
        if (offered->qos == QosId{kIdleQos}) {
            idle_.insert(offered->job);
            asked_otherwise_.insert(offered->job);
        } else {
            idle_.erase(offered->job);
        }
    } else if (const auto* promised = std::get_if<PlacePromised>(&fact)) {
        learn_promised(*promised, stamped.at);
    } else if (const auto* lapsed = std::get_if<PromiseLapsed>(&fact)) {
        learn_lapsed(lapsed->job);
    } else if (const auto* closed = std::get_if<AttemptClosed>(&fact)) {
        lending_.closed(closed->job);
        if (asked_otherwise_.erase(closed->job) > 0) {
            idle_.erase(closed->job);  // It asks for its hours again.
        }
    } else if (const auto* ending = std::get_if<AttemptEnding>(&fact)) {
        ending_known_.emplace(AttemptKey{ending->job, ending->attempt}, stamped.at);
    }
}

/// The calendar, and what must be known of jobs to hold them against it.
void Watch::learn_calendar(const Fact& fact, Moment at) {
    if (const auto* placed = std::get_if<ReservationPlaced>(&fact)) {
        const ReservedWindow& window = placed->window;
        for (const NodeId node : window.placed) {
            set_aside_at_[node] = at;
        }
        reserved_.insert_or_assign({window.id, window.window.from}, window);
    } else if (const auto* booked = std::get_if<ReservationBooked>(&fact)) {
        booked_.insert(booked->booked.what.id);
    } else if (const auto* over = std::get_if<ReservationEnded>(&fact)) {
        reserved_.erase({over->id, over->from});
    } else if (const auto* queued = std::get_if<JobQueued>(&fact)) {
        specs_[queued->job] = queued->spec;
    } else if (const auto* element = std::get_if<ElementQueued>(&fact)) {
        specs_[element->job] = specs_.at(element->array);
    } else if (const auto* changed = std::get_if<JobChanged>(&fact)) {
        specs_[changed->job] = changed->spec;
    }
}

void Watch::look_at_calendar(const JobPlaced& fact, Moment at) {
    const int way = std::max(fact.placement.receipt.alternative - 1, 0);
    const JobSpec spec = in_way(specs_.at(fact.job), way);
    const std::string& named = spec.where->reservation;
    const Moment to = at + spec.time_limit;
    for (const NodeAllocation& each : fact.placement.nodes) {
        bool inside = named.empty();
        for (const auto& [key, window] : reserved_) {
            const bool its = std::ranges::binary_search(window.placed, each.node);
            const bool meets = window.window.from < to && at < window.window.to;
            if (its && meets && window.id != named && !broken_) {
                broken_ = fmt::format("I-33 job {} runs into reservation {} on {}", fact.job.value,
                                      window.id, nodes_.at(each.node).name);
            }
            inside = inside || (its && window.id == named && window.window.from <= at &&
                                to <= window.window.to);
        }
        if (!inside && !broken_) {
            broken_ = fmt::format("I-33 job {} of reservation {} is placed outside of it, on {}",
                                  fact.job.value, named, nodes_.at(each.node).name);
        }
    }
}

void Watch::learn_placed(const JobPlaced& fact, Moment at) {
    look_at_calendar(fact, at);
    const int way = std::max(fact.placement.receipt.alternative - 1, 0);
    std::optional<std::string> lent =
        lending_.placed(fact, in_way(specs_.at(fact.job), way), !idle_.contains(fact.job));
    if (lent && !broken_) {
        broken_ = std::move(lent);
    }
    for (const NodeAllocation& each : fact.placement.nodes) {
        const NodeSeen& node = nodes_.at(each.node);
        if ((node.drained || node.lost_at != kNever) && !broken_) {
            broken_ = fmt::format("I8 job {} is placed on {}, which is {}", fact.job.value,
                                  node.name, node.drained ? "drained" : "lost");
        }
    }
}

void Watch::learn_promised(const PlacePromised& fact, Moment at) {
    cleared_for_[fact.job] = {.nodes = fact.nodes, .at = at};
    for (const JobId victim : fact.victims) {
        gave_way_.emplace(victim, fact.job);
        const bool lent = lending_.borrowed(victim);
        if ((gave_way_.contains({fact.job, victim}) || (!idle_.contains(victim) && !lent) ||
             idle_.contains(fact.job)) &&
            !broken_) {
            broken_ = fmt::format("I-26 job {} gives way to {}", victim.value, fact.job.value);
        }
    }
}

void Watch::learn_lapsed(JobId job) {
    const Cleared& cleared = cleared_for_.at(job);
    const bool excused =
        zone_calm_since_ >= cleared.at ||
        (lending_.has_rules() && fewer_nodes_since_ >= cleared.at) ||
        lending_.would_borrow_too_much(specs_.at(job)) ||
        std::ranges::any_of(cleared.nodes, [&](NodeId id) {
            const NodeSeen& node = nodes_.at(id);
            const auto set_aside = set_aside_at_.find(id);
            return node.drained || node.lost_at != kNever || calm_since(node.name) >= cleared.at ||
                   (set_aside != set_aside_at_.end() && set_aside->second >= cleared.at);
        });
    if (!excused && !broken_) {
        broken_ = fmt::format(
            "I-25 nothing happened, and job {} did not get the place cleared for it", job.value);
    }
}

// --- What runs ----------------------------------------------------------------------

void Watch::look_at(const Host& host, Moment now) {
    const auto id = node_ids_.find(host.name());
    const Moment lost = id == node_ids_.end() ? kNever : nodes_.at(id->second).lost_at;
    for (const auto& [key, process] : host.processes()) {
        if (lost != kNever && process.began_at - lost > kKnownFor && !broken_) {
            broken_ = fmt::format("I8 attempt {} began on {} {} after that was known to be lost",
                                  name_of(key), host.name(), format_span(process.began_at - lost));
        }
        if (process.order.nodes.size() > 1) {
            look_at_gang(host, key, process, now);
        }
    }
}

void Watch::look_at_gang(const Host& host, AttemptKey key, const Process& process, Moment now) {
    if (process.began_at == Moment{0} || whole_.contains(key)) {
        return;
    }
    Launch& launch = partial_.try_emplace(key, Launch{.began = {}, .since = now}).first->second;
    if (!launch.began.insert(host.name()).second) {
        return;
    }
    std::vector<std::string>& gang = gangs_[key];
    gang.clear();
    for (const PeerNode& peer : process.order.nodes) {
        gang.push_back(peer.name);
        if (!prepared_[key].contains(peer.name) && !broken_) {
            broken_ = fmt::format("I6 attempt {} began on {} before {} was prepared", name_of(key),
                                  host.name(), peer.name);
        }
    }
    if (launch.began.size() == gang.size()) {
        whole_.insert(key);
        partial_.erase(key);
    }
}

std::optional<std::string> Watch::half_launched(const Hosts& hosts, Moment now) const {
    for (const auto& [key, launch] : partial_) {
        std::set<std::string> running;
        for (const auto& host : hosts) {
            const auto process = host->processes().find(key);
            if (process != host->processes().end() && process->second.running) {
                running.insert(host->name());
            }
        }
        const Moment since = std::max(launch.since, calm_since(key, launch, running));
        if (!running.empty() && now - since > kUndoneWithin) {
            return fmt::format("I6 attempt {} has run on {} of {} nodes for {}", name_of(key),
                               launch.began.size(), gangs_.at(key).size(),
                               format_span(now - since));
        }
    }
    return std::nullopt;
}

/// Since when nothing hinders the launch from becoming whole or being undone: the nodes that run a
/// part must be reachable for either, the others only until the end is decided without them.
Moment Watch::calm_since(AttemptKey key, const Launch&,
                         const std::set<std::string>& running) const {
    Moment since = zone_calm_since_;
    const auto ending = ending_known_.find(key);
    const bool decided = ending != ending_known_.end();
    if (decided) {
        since = std::max(since, ending->second);
    }
    for (const std::string& node : gangs_.at(key)) {
        if (!decided || running.contains(node)) {
            since = std::max(since, calm_since(node));
        }
    }
    return since;
}

Moment Watch::calm_since(const std::string& host) const {
    const auto since = calm_since_.find(host);
    return since == calm_since_.end() ? Moment{0} : since->second;
}

// --- What is remembered ----------------------------------------------------------------------

namespace {

/// What khud's indexes are about.
struct Census {
    std::size_t queued{0}, dated{0}, live{0}, nodes_held{0}, wishes{0};
};

Census count(const State& state) {
    Census census;
    for (const auto& [id, job] : state.truth.jobs) {
        const Attempt* attempt = live_attempt(job);
        census.queued += std::holds_alternative<Queued>(job.phase) ? 1 : 0;
        census.dated += attempt == nullptr && job.spec.when->deadline > Moment{0} ? 1 : 0;
        census.live += attempt != nullptr ? 1 : 0;
        if (attempt != nullptr) {
            census.wishes += job.spec.counted->all.size();
            census.nodes_held += static_cast<std::size_t>(std::ranges::count_if(
                attempt->stages, [](NodeStage stage) { return stage != NodeStage::Released; }));
        }
    }
    return census;
}

std::size_t users_of_resources(const State& state) {
    std::size_t users = 0;
    for (const auto& [resource, of] : state.counted_use) {
        users += of.size();
    }
    return users;
}

struct Bound {
    const char* what;
    std::size_t size, most;
};

std::vector<Bound> bounds_of_khud(const State& state) {
    const Census census = count(state);
    std::size_t on_nodes = 0;
    for (const auto& [node, jobs] : state.jobs_on) {
        on_nodes += jobs.size();
    }
    return {{"queue", state.scheduler.queue().size(), census.queued},
            {"promises", state.scheduler.clearings().all().size(), census.queued},
            {"books", state.truth.books.size(), census.live},
            {"counted resources' users", users_of_resources(state), census.wishes},
            {"job timers", state.job_timers.size(), census.live + census.dated},
            {"jobs on nodes", on_nodes, census.nodes_held},
            {"nodes heard", state.heard_at.size(), state.truth.nodes.size()},
            {"idempotency keys by age", state.key_ages.size(), state.truth.keys.size()},
            {"attempts to close", state.to_close.size(), 0}};
}

std::vector<Bound> bounds_of_agent(const NodeMachine& node, const Inventory& inventory) {
    const NodeMemory memory = node.memory();
    const std::size_t beats =
        static_cast<std::size_t>(limits::lease.value / limits::heartbeat_every.value) + 2;
    return {{"living attempts", memory.living, inventory.gpus.size()},
            {"heartbeats without an answer", memory.heartbeats, beats},
            {"tombstones", memory.tombstones, static_cast<std::size_t>(limits::tombstones_max)}};
}

std::optional<std::string> first_over(const std::string& who, const std::vector<Bound>& bounds) {
    for (const Bound& each : bounds) {
        if (each.size > each.most) {
            return fmt::format("I17 {} of {}: {}, at most {}", each.what, who, each.size,
                               each.most);
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> unbounded(const Controller& controller, const Watch::Hosts& hosts) {
    for (const auto& host : hosts) {
        const NodeMachine* node = host->agent();
        if (node == nullptr) {
            continue;
        }
        if (auto over = first_over(host->name(), bounds_of_agent(*node, host->inventory()))) {
            return over;
        }
    }
    if (!controller.up()) {
        return std::nullopt;
    }
    return first_over("khud", bounds_of_khud(controller.machine()->state()));
}

}  // namespace khu::sim
