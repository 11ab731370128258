#include "core/machine/admission.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "core/base/enum_name.h"
#include "core/base/limits.h"
#include "core/base/nearest.h"
#include "core/jobs/alternatives.h"
#include "core/machine/citing.h"
#include "core/machine/counted.h"
#include "core/machine/money.h"
#include "core/machine/own_rules.h"
#include "core/machine/reservations.h"
#include "core/machine/sane_job.h"
#include "core/topology/gpu_model.h"

namespace khu {
namespace {

using Checked = Expected<Done, Refusal>;

template <class T>
void sort_out(std::vector<T>& names) {
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
}

/// Lists in order, so that equal wishes are one shape of the queue.
void sort_out(JobSpec& spec) {
    if (spec.where.filled()) {
        NodeRules& where = spec.where.edit();
        sort_out(where.include);
        sort_out(where.exclude);
        sort_out(where.features);
    }
    if (spec.counted.filled()) {
        spec.counted = sorted(std::move(spec.counted.edit()));
    }
}

template <class Things>
std::vector<std::string> ids_of(const Things& things) {
    std::vector<std::string> ids;
    for (const auto& thing : things) {
        if constexpr (requires { thing.id; }) {
            ids.push_back(thing.id.value);
        } else {
            ids.push_back(thing.value);
        }
    }
    return ids;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : ", ") + word;
    }
    return text.empty() ? "none" : text;
}

Refusal unknown(const char* what, const std::string& name, const std::vector<std::string>& known) {
    const std::vector<std::string_view> candidates(known.begin(), known.end());
    const std::optional<std::string_view> close = nearest(name, candidates);
    return Refusal(Code::UnknownName)
        .with("what", what)
        .with("name", name)
        .with("known", joined(known))
        .with("nearest", std::string(close.value_or("-")));
}

/// `open`: what the policy opens, at its `key`.
Refusal not_open(const char* what, const std::string& name, const JobSpec& spec,
                 const std::vector<std::string>& open, std::string key) {
    return Refusal(Code::NotOpen)
        .with("what", what)
        .with("name", name)
        .with("enterprise", spec.enterprise.value)
        .with("programme", spec.programme.value)
        .with("open", joined(open))
        .limited_by(std::move(key));
}

/// The limit of a programme, a partition, ... and its key in the policy.
struct Limit {
    std::string of;
    std::string key;
};

/// `asked` and `limit`: numbers, or words where a bare number would not say its unit.
template <class Amount>
Refusal over(const char* what, Amount asked, const Limit& where,
             std::type_identity_t<Amount> limit) {
    return Refusal(Code::OverLimit)
        .with("what", what)
        .with("asked", asked)
        .with("where", where.of)
        .with("limit", limit)
        .limited_by(where.key);
}

/// Who submits for whom: the identity decides; only a zone admin may name another enterprise.
Checked settle_owner(const Policy& policy, const Identity& who, JobSpec& spec) {
    spec.user = who.user;
    if (spec.enterprise.empty()) {
        spec.enterprise = who.enterprise;
    }
    const Enterprise* enterprise = find_enterprise(policy, spec.enterprise);
    const bool own = spec.enterprise == who.enterprise && enterprise != nullptr &&
                     (is_member(*enterprise, who.user) || is_holder(*enterprise, who.user));
    if (own || (enterprise != nullptr && who.has(Role::ZoneAdmin))) {
        return Done{};
    }
    return Unexpected{Refusal(Code::UnknownEnterprise)
                          .with("user", who.user.value)
                          .with("enterprise", spec.enterprise.empty() ? std::string("(none)")
                                                                      : spec.enterprise.value)};
}

void settle_choice(const State& state, const Policy& policy, JobSpec& spec, Moment now) {
    GrantedProgrammes granted;
    for (const Grant& grant : state.truth.ledger.balance(spec.enterprise)) {
        granted.any.push_back(grant.programme);
        if (state_of(grant, now) == GrantState::Active) {
            granted.live.push_back(grant.programme);
        }
    }
    const std::string& name = spec.where->reservation;
    const std::optional<KnownReservation> inside =
        name.empty() ? std::nullopt : find_reservation(state, name);
    if (inside) {
        const Reservation& what = inside->what;
        spec.programme = spec.programme.empty() ? what.programme : spec.programme;
        spec.partition = spec.partition.empty() ? what.partition : spec.partition;
        spec.qos = spec.qos.empty() ? what.qos : spec.qos;
    }
    const Choice asked{spec.programme, spec.partition, spec.qos};
    const ChoiceNeeds needs{.gpus = spec.shape.gpus, .gpu_model = spec.shape.gpu_model};
    const Choice chosen = choose(policy, asked, needs, granted);
    spec.programme = chosen.programme;
    spec.partition = chosen.partition;
    spec.qos = chosen.qos;
}

std::vector<std::string> models_of(const Partition& partition) {
    std::vector<std::string> models;
    for (const ModelOffer& offer : offers_of(partition)) {
        models.push_back(offer.model.value);
    }
    return models;
}

/// The model that the job names is nobody's, or none of those that are `open` to it by `key`.
Refusal model_refused(const Policy& policy, const JobSpec& spec,
                      const std::vector<std::string>& open, std::string key) {
    const std::string& model = spec.shape.gpu_model.value;
    std::vector<std::string> models;
    for (const Partition& each : policy.partitions) {
        const std::vector<std::string> own = models_of(each);
        models.insert(models.end(), own.begin(), own.end());
    }
    return std::ranges::find(models, model) == models.end()
               ? unknown("GPU model", model, models)
               : not_open("GPU model", model, spec, open, std::move(key));
}

/// No partition of the job's programme has the model.
Refusal model_nowhere(const Policy& policy, const JobSpec& spec) {
    std::vector<std::string> open;
    for (const PartitionId& id : find_programme(policy, spec.programme)->partitions) {
        const Partition* partition = find_partition(policy, id);
        const std::vector<std::string> own =
            partition == nullptr ? std::vector<std::string>{} : models_of(*partition);
        open.insert(open.end(), own.begin(), own.end());
    }
    return model_refused(policy, spec, open, key_of(spec.programme, "partitions"));
}

Checked known_names(const Policy& policy, const JobSpec& spec) {
    if (find_programme(policy, spec.programme) == nullptr) {
        return Unexpected{unknown("programme", spec.programme.value, ids_of(policy.programmes))};
    }
    if (spec.partition.empty() && !spec.shape.gpu_model.empty()) {
        return Unexpected{model_nowhere(policy, spec)};
    }
    if (find_partition(policy, spec.partition) == nullptr) {
        return Unexpected{unknown("partition", spec.partition.value, ids_of(policy.partitions))};
    }
    if (find_qos(policy, spec.qos) == nullptr) {
        return Unexpected{unknown("qos", spec.qos.value, ids_of(policy.qos))};
    }
    return Done{};
}

/// Whether the partition has the model that the job names. One without a name means a whole GPU.
Checked model_open(const Policy& policy, const JobSpec& spec) {
    const Partition& partition = *find_partition(policy, spec.partition);
    const GpuModel& model = spec.shape.gpu_model;
    if (model.empty()) {
        const bool meant = spec.shape.gpus == 0 || !is_slice_model(partition.gpu);
        return meant ? Checked(Done{})
                     : Unexpected{not_open("GPU model", "(any whole GPU)", spec,
                                           models_of(partition), key_of(partition.id, "gpu"))};
    }
    if (offer_of(partition, model)) {
        return Done{};
    }
    return Unexpected{
        model_refused(policy, spec, models_of(partition), key_of(partition.id, "gpu"))};
}

Checked open_to(const Policy& policy, const JobSpec& spec) {
    const Programme& programme = *find_programme(policy, spec.programme);
    if (!opens(programme, spec.partition)) {
        return Unexpected{not_open("partition", spec.partition.value, spec,
                                   ids_of(programme.partitions),
                                   key_of(programme.id, "partitions"))};
    }
    if (!opens(programme, spec.qos)) {
        return Unexpected{not_open("qos", spec.qos.value, spec, ids_of(programme.qos),
                                   key_of(programme.id, "qos"))};
    }
    if (std::optional<Refusal> refused = counted_not_offered(policy, spec)) {
        return Unexpected{*std::move(refused)};
    }
    return model_open(policy, spec);
}

Checked settle_time(const Policy& policy, JobSpec& spec, Moment now) {
    const Partition& partition = *find_partition(policy, spec.partition);
    const Qos& qos = *find_qos(policy, spec.qos);
    Span most = partition.time_limit.max;
    Limit where{"partition " + partition.id.value, key_of(partition.id, "time_limit.max")};
    if (qos.time_limit > Span{0} && qos.time_limit < most) {
        most = qos.time_limit;
        where = {"qos " + qos.id.value, key_of(qos.id, "time_limit")};
    }
    if (spec.time_limit == Span{0}) {
        spec.time_limit = std::min(partition.time_limit.default_limit, most);
    }
    if (spec.time_limit == Span{0}) {
        return Unexpected{Refusal(Code::TimeLimitMissing)
                              .with("partition", partition.id.value)
                              .with("limit_s", most.value / 1000)
                              .limited_by(where.key)};
    }
    if (spec.time_limit > most) {
        return Unexpected{
            over("time limit", format_span(spec.time_limit), where, format_span(most))};
    }
    const Moment ends = std::max(now, spec.not_before) + spec.time_limit;
    if (spec.when->deadline > Moment{0} && ends > spec.when->deadline) {
        return Unexpected{Refusal(Code::DeadlineTooSoon)
                              .with("deadline_at", spec.when->deadline.value)
                              .with("earliest_at", ends.value)
                              .with("limit_s", spec.time_limit.value / 1000)};
    }
    return Done{};
}

/// Cores and memory that were left to the zone: the GPUs' share, or a core per task and a GiB per
/// core.
void settle_shape(const Policy& policy, JobSpec& spec) {
    const Partition& partition = *find_partition(policy, spec.partition);
    Shape& shape = spec.shape;
    const ModelOffer offer = offer_of(partition, shape.gpu_model).value_or(ModelOffer{});
    const bool by_gpu = shape.gpus > 0;
    if (shape.cores == 0) {
        shape.cores = std::max(spec.tasks_per_node, by_gpu ? shape.gpus * offer.cores : 1);
    }
    if (shape.memory == Bytes{0}) {
        const bool shared = by_gpu && offer.mem_gib > 0;
        shape.memory = gibibytes(shared ? std::int64_t{shape.gpus} * offer.mem_gib : shape.cores);
    }
    if (by_gpu) {
        shape.gpu_model = offer.model;
    }
}

Checked inside_limits(const Policy& policy, const JobSpec& spec) {
    const Programme& programme = *find_programme(policy, spec.programme);
    const Qos& qos = *find_qos(policy, spec.qos);
    const std::int64_t gpus = gpus_asked(spec);
    const auto exceeds = [](std::int64_t n, int limit) { return limit > 0 && n > limit; };
    if (exceeds(gpus, programme.limits.max_gpus_per_job)) {
        const Limit where{"programme " + programme.id.value,
                          key_of(programme.id, "limits.max_gpus_per_job")};
        return Unexpected{over("GPUs of the job", gpus, where, programme.limits.max_gpus_per_job)};
    }
    for (const auto& [key, limit] :
         {std::pair{"max_gpus_per_job", qos.max_gpus_per_job},
          std::pair{"max_gpus_per_enterprise", qos.max_gpus_per_enterprise}}) {
        if (exceeds(gpus, limit)) {
            const Limit where{"qos " + qos.id.value, key_of(qos.id, key)};
            return Unexpected{over("GPUs of the job", gpus, where, limit)};
        }
    }
    if (std::optional<Refusal> beyond = beyond_lending(policy, spec)) {
        return Unexpected{*std::move(beyond)};
    }
    if (std::optional<Refusal> over_all = counted_over(policy, spec)) {
        return Unexpected{*std::move(over_all)};
    }
    return Done{};
}

/// Who once took part counts for as long as the enterprise has him.
Checked few_users(const State& state, const Policy& policy, const JobSpec& spec) {
    const int limit = find_programme(policy, spec.programme)->limits.max_users;
    const Enterprise* enterprise = find_enterprise(policy, spec.enterprise);
    const auto takers = state.truth.takers.find({spec.enterprise, spec.programme});
    if (limit == 0 || enterprise == nullptr || takers == state.truth.takers.end() ||
        takers->second.contains(spec.user)) {
        return Done{};
    }
    const std::int64_t others = std::ranges::count_if(takers->second, [&](const UserId& user) {
        return is_member(*enterprise, user) || is_holder(*enterprise, user);
    });
    if (others < limit) {
        return Done{};
    }
    return Unexpected{Refusal(Code::TooManyUsers)
                          .with("enterprise", spec.enterprise.value)
                          .with("users", others)
                          .with("programme", spec.programme.value)
                          .with("limit", limit)
                          .limited_by(key_of(spec.programme, "limits.max_users"))};
}

Checked room_in_queue(const State& state, const Policy& policy, const JobSpec& spec) {
    const Programme& programme = *find_programme(policy, spec.programme);
    const auto use = state.usage.find({spec.enterprise, spec.programme});
    const std::int64_t queued = use == state.usage.end() ? 0 : use->second.queued;
    const std::int64_t limit = programme.limits.max_jobs_queued;
    if (limit > 0 && queued + 1 > limit) {
        return Unexpected{Refusal(Code::TooManyQueued)
                              .with("enterprise", spec.enterprise.value)
                              .with("queued", queued)
                              .with("programme", programme.id.value)
                              .with("limit", limit)
                              .limited_by(key_of(programme.id, "limits.max_jobs_queued"))};
    }
    if (static_cast<std::int64_t>(state.scheduler.queue().size()) >= limits::jobs_pending_max) {
        return Unexpected{
            Refusal(Code::QueueFull)
                .with("queued", static_cast<std::int64_t>(state.scheduler.queue().size()))};
    }
    return Done{};
}

/// A GPU partition runs GPU jobs, unless its policy says otherwise: a job that takes none there is
/// charged for GPUs all the same.
Checked right_kind(const Policy& policy, const JobSpec& spec) {
    const Partition& partition = *find_partition(policy, spec.partition);
    if (partition.gpus_per_node > 0 && spec.shape.gpus == 0 && !partition.cpu_jobs) {
        return in_range("GPUs per node", 0, 1, partition.gpus_per_node);
    }
    const ModelOffer offer = offer_of(partition, spec.shape.gpu_model).value_or(ModelOffer{});
    if (spec.shape.gpus > offer.per_node) {
        return Unexpected{Refusal(Code::ImpossibleShape)
                              .with("wanted", "such node")
                              .with("partition", partition.id.value)
                              .with("what", "gpus")
                              .with("asked", spec.shape.gpus)
                              .with("largest", offer.per_node)};
    }
    if (spec.nodes > static_cast<std::int64_t>(partition.nodes.size())) {
        return Unexpected{Refusal(Code::TooFewNodes)
                              .with("nodes", spec.nodes)
                              .with("partition", partition.id.value)
                              .with("fitting", static_cast<std::int64_t>(partition.nodes.size()))
                              .limited_by(key_of(partition.id, "nodes"))};
    }
    return Done{};
}

/// One grant that stands in the policy is cited; several, or one of `khu grant`, have no line.
Refusal of_written_grant(const Policy& policy, const JobSpec& spec, Refusal small) {
    const Enterprise* enterprise = find_enterprise(policy, spec.enterprise);
    const auto named = std::ranges::find(small.data, "grant", &Datum::key);
    if (enterprise == nullptr || named == small.data.end()) {
        return small;
    }
    const std::string& id = std::get<std::string>(named->value);
    const bool written = std::ranges::any_of(
        enterprise->grants, [&](const PolicyGrant& grant) { return grant.id.value == id; });
    return written
               ? std::move(small).limited_by(key_of(spec.enterprise, "grants." + id + ".amount"))
               : small;
}

Checked could_run(const State& state, const Policy& policy, const JobSpec& spec, Moment now) {
    if (Checked kind = right_kind(policy, spec); !kind) {
        return kind;
    }
    if (Checked fits = could_ever_fit(state.scheduler.cluster(), request_of(spec, NodeId{}));
        !fits) {
        return fits;
    }
    const PriceTerms terms = price(state, spec, now);
    const Atoms need = hold_for(terms, spec.time_limit);
    Checked held = state.truth.ledger.could_ever_hold(spec.enterprise, spec.programme, need, now);
    if (!held && held.error().code == Code::GrantTooSmall) {
        Refusal small = std::move(held)
                            .error()
                            .with("gpus", std::int64_t{spec.nodes} * spec.shape.gpus)
                            .with("limit_s", spec.time_limit.value / 1000);
        return Unexpected{of_written_grant(policy, spec, std::move(small))};
    }
    return held;
}

/// Everything but who asks and whether there is room: `spec` has its owner, programme, partition
/// and QOS.
Checked settle(const State& state, const Policy& policy, JobSpec& spec, Moment now) {
    using Step = Checked (*)(const State&, const Policy&, JobSpec&, Moment);
    const Step steps[] = {
        [](const State&, const Policy& p, JobSpec& s, Moment) { return known_names(p, s); },
        [](const State&, const Policy& p, JobSpec& s, Moment) { return open_to(p, s); },
        [](const State&, const Policy& p, JobSpec& s, Moment t) { return settle_time(p, s, t); },
        [](const State&, const Policy& p, JobSpec& s, Moment) {
            settle_shape(p, s);
            return inside_limits(p, s);
        },
        [](const State& z, const Policy&, JobSpec& s, Moment) -> Checked {
            if (std::optional<Refusal> refused = reservation_refused(z, s)) {
                return Unexpected{std::move(*refused)};
            }
            return Done{};
        },
        [](const State& z, const Policy&, JobSpec& s, Moment t) -> Checked {
            if (std::optional<Refusal> lacks = lacks_live_grant(z, s, t)) {
                return Unexpected{std::move(*lacks)};
            }
            return Done{};
        },
        [](const State& z, const Policy& p, JobSpec& s, Moment t) { return could_run(z, p, s, t); },
    };
    for (const Step step : steps) {
        if (Checked passed = step(state, policy, spec, now); !passed) {
            return passed;
        }
    }
    return Done{};
}

Checked settle_way(const State& state, JobSpec& spec, Moment now) {
    const Policy& policy = policy_for(state, spec.enterprise);
    settle_choice(state, policy, spec, now);
    return settle(state, policy, spec, now);
}

/// Each alternative must be able to run, or the job is refused with the first that cannot. All of
/// them have the programme and the QOS that the first got.
Checked settle_ways(const State& state, JobSpec& spec, Moment now) {
    const int ways = static_cast<int>(spec.any_of->ways.size());
    if (Checked few = in_range("alternatives", ways, 0, limits::alternatives_max); !few) {
        return few;
    }
    if (ways == 0) {
        return settle_way(state, spec, now);
    }
    for (int way = 0; way < ways; ++way) {
        JobSpec one = in_way(spec, way);
        Checked settled = sane_numbers(one);
        if (settled) {
            settled = settle_way(state, one, now);
        }
        if (!settled) {
            return Unexpected{std::move(settled).error().with("alternative", way + 1)};
        }
        keep_way(one, way);
        spec.programme = one.programme;
        spec.qos = one.qos;
        spec.any_of = std::move(one.any_of);
    }
    spec = ways == 1 ? only_way(spec, 0) : in_way(spec, 0);
    return Done{};
}

/// `spec` has its owner.
Expected<JobSpec, Refusal> admit_owned(const State& state, JobSpec spec, Moment now) {
    if (state.truth.ledger.balance(spec.enterprise).empty()) {
        return Unexpected{Refusal(Code::NoGrant)
                              .with("enterprise", spec.enterprise.value)
                              .with("programme", spec.programme.empty() ? std::string("(any)")
                                                                        : spec.programme.value)
                              .with("programmes", "none")};
    }
    sort_out(spec);
    if (Checked settled = settle_ways(state, spec, now); !settled) {
        return Unexpected{std::move(settled).error()};
    }
    const Policy& policy = policy_for(state, spec.enterprise);
    if (Checked few = few_users(state, policy, spec); !few) {
        return Unexpected{std::move(few).error()};
    }
    if (Checked room = room_in_queue(state, policy, spec); !room) {
        return Unexpected{std::move(room).error()};
    }
    return spec;
}

}  // namespace

Expected<JobSpec, Refusal> admit(const State& state, const Identity& who, JobSpec asked,
                                 Moment now) {
    if (!state.truth.policy) {
        return Unexpected{
            Refusal(Code::UnknownEnterprise).with("user", who.user.value).with("enterprise", "-")};
    }
    JobSpec spec = std::move(asked);
    if (Checked sane = sane_numbers(spec); !sane) {
        return Unexpected{std::move(sane).error()};
    }
    if (Checked owner = settle_owner(*state.truth.policy, who, spec); !owner) {
        return Unexpected{std::move(owner).error()};
    }
    const EnterpriseId enterprise = spec.enterprise;
    Expected<JobSpec, Refusal> admitted = admit_owned(state, std::move(spec), now);
    return admitted ? std::move(admitted)
                    : Unexpected{cited_own(state, enterprise, std::move(admitted).error())};
}

Expected<JobSpec, Refusal> readmit(const State& state, JobSpec changed, Moment now) {
    if (Checked sane = sane_numbers(changed); !sane) {
        return Unexpected{std::move(sane).error()};
    }
    sort_out(changed);
    if (Checked settled = settle_ways(state, changed, now); !settled) {
        return Unexpected{cited_own(state, changed.enterprise, std::move(settled).error())};
    }
    return changed;
}

Expected<HoldPlan, Reason> plan_hold(const State& state, const JobSpec& spec, Moment now) {
    return plan_start(state, spec, price(state, spec, now), {state.truth.ledger}, now);
}

std::optional<Reason> not_offered(const State& state, const JobSpec& spec) {
    const Policy& policy = policy_for(state, spec.enterprise);
    Checked offered = known_names(policy, spec);
    if (offered) {
        offered = open_to(policy, spec);
    }
    return offered ? std::nullopt
                   : std::optional<Reason>(
                         cited_own(state, spec.enterprise, std::move(offered).error()));
}

std::optional<Reason> lacks_live_grant(const State& state, const JobSpec& spec, Moment now) {
    const Ledger& ledger = state.truth.ledger;
    const Qos* qos = find_qos(*state.truth.policy, spec.qos);
    if (qos == nullptr || !qos->needs_live_grant || ledger.has_live_grant(spec.enterprise, now)) {
        return std::nullopt;
    }
    std::vector<std::string> grants;
    for (const Grant& grant : ledger.balance(spec.enterprise)) {
        grants.push_back(grant.id.value + " " + enum_name(state_of(grant, now)));
    }
    return Reason(Code::NoLiveGrant)
        .with("qos", spec.qos.value)
        .with("enterprise", spec.enterprise.value)
        .with("grants", joined(grants))
        .limited_by(key_of(spec.qos, "needs_live_grant"));
}

}  // namespace khu
