#include "core/plan/replay.h"

#include <set>
#include <unordered_map>
#include <utility>

#include "core/base/check.h"
#include "core/machine/machine.h"

namespace khu::plan {
namespace {

constexpr std::size_t kProgressEvery = 500;

class Replay {
public:
    Replay(const PlannedZone& zone, const std::vector<TraceJob>& jobs, Runtimes runtimes,
           const Progress& progress, bool etas)
        : zone_(zone),
          jobs_(jobs),
          runtimes_(runtimes),
          progress_(progress),
          etas_(etas),
          machine_(zone.policy.zone.id) {
        result_.jobs.resize(jobs.size());
    }

    ReplayResult run() {
        open();
        while (next_ < jobs_.size() || !ends_.empty()) {
            const Moment next = next_moment();
            now_ = etas_ ? std::min(next, machine_.state().eta_due_at) : next;
            if (now_ == next) {
                end_jobs();
                submit_jobs();
                start_jobs();
            }
            if (etas_) {
                machine_.handle(GiveEtas{}, now_);
            }
        }
        for (const auto& [kind, counts] : machine_.state().truth.waits.rows()) {
            result_.waits += counts;
        }
        return std::move(result_);
    }

private:
    void open();
    [[nodiscard]] Moment next_moment() const;
    void end_jobs();
    void end_job(JobId id);
    void submit_jobs();
    void start_jobs();
    void count_done();

    const PlannedZone& zone_;
    const std::vector<TraceJob>& jobs_;
    Runtimes runtimes_;
    const Progress& progress_;
    bool etas_;
    khu::Machine machine_;
    ReplayResult result_;
    Moment now_{kStart};
    std::size_t next_{0};
    std::set<std::pair<Moment, JobId>> ends_;
    std::unordered_map<JobId, std::size_t> index_;  // looked up, never walked
    std::size_t done_{0};
};

void Replay::open() {
    const Identity admin{.user = UserId{"plan"}, .enterprise = {}, .roles = {Role::ZoneAdmin}};
    const Outcome applied =
        machine_.handle(ApplyPolicy{.who = admin, .policy = zone_.policy, .text = ""}, now_);
    KHU_CHECK(!applied.refusal, "{}", text(*applied.refusal, Language::English));
    for (const PlannedNode& node : zone_.nodes) {
        Hello hello;
        hello.run = hello.number = 1;
        hello.node = node.name.value;
        hello.instance = node.name.value;
        hello.inventory = node.inventory;
        const Outcome joined = machine_.handle(RegisterNode{std::move(hello)}, now_);
        KHU_CHECK(!joined.refusal, "{}", text(*joined.refusal, Language::English));
    }
}

Moment Replay::next_moment() const {
    Moment next = kNever;
    if (next_ < jobs_.size()) {
        next = kStart + jobs_[next_].submit;
    }
    return ends_.empty() ? next : std::min(next, ends_.begin()->first);
}

void Replay::end_jobs() {
    while (!ends_.empty() && ends_.begin()->first <= now_) {
        const JobId id = ends_.begin()->second;
        ends_.erase(ends_.begin());
        end_job(id);
        result_.jobs[index_.at(id)].end = now_ - kStart;
        index_.erase(id);
        count_done();
    }
}

void Replay::end_job(JobId id) {
    const Attempt attempt = *live_attempt(machine_.state().truth.jobs.at(id));
    for (const NodeAllocation& each : attempt.placement.nodes) {
        const Epoch epoch = machine_.state().truth.nodes.at(each.node).epoch;
        const AttemptReport report{.job = id,
                                   .attempt = attempt.number,
                                   .stage = AgentStage::Ended,
                                   .result = AttemptResult{.fault_code = "", .fault_text = ""}};
        machine_.handle(ReportFromNode{each.node, epoch, report}, now_);
    }
    KHU_CHECK(!machine_.state().truth.jobs.contains(id), "job {}", id.value);
}

void Replay::submit_jobs() {
    for (; next_ < jobs_.size() && kStart + jobs_[next_].submit <= now_; ++next_) {
        JobSpec spec = spec_of(zone_, jobs_[next_], runtimes_);
        const Identity who{
            .user = spec.user, .enterprise = spec.enterprise, .roles = {Role::ZoneAdmin}};
        const Outcome outcome =
            machine_.handle(SubmitJob{.who = who, .spec = std::move(spec), .key = ""}, now_);
        if (outcome.refusal) {
            const std::string code(info(outcome.refusal->code).id);
            result_.refusals.try_emplace(code, *outcome.refusal);
            result_.jobs[next_].refused = code;
            count_done();
        } else {
            index_.emplace(outcome.job, next_);
        }
    }
}

void Replay::start_jobs() {
    for (bool more = true; more;) {
        more = false;
        ++result_.rounds;
        const Outcome outcome = machine_.handle(RunRound{}, now_);
        for (const Stamped& fact : outcome.facts) {
            if (const auto* placed = std::get_if<JobPlaced>(&fact.fact)) {
                const std::size_t index = index_.at(placed->job);
                result_.jobs[index].start = now_ - kStart;
                ends_.emplace(now_ + jobs_[index].duration, placed->job);
                more = true;
            }
        }
    }
}

void Replay::count_done() {
    ++done_;
    if (progress_ && done_ % kProgressEvery == 0) {
        progress_(done_);
    }
}

}  // namespace

ReplayResult replay(const PlannedZone& zone, const std::vector<TraceJob>& jobs, Runtimes runtimes,
                    const Progress& progress, bool etas) {
    for (std::size_t i = 1; i < jobs.size(); ++i) {
        KHU_CHECK(jobs[i - 1].submit <= jobs[i].submit, "job {}", jobs[i].id);
    }
    return Replay(zone, jobs, runtimes, progress, etas).run();
}

}  // namespace khu::plan
