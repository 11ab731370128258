#include "core/plan/replay.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "core/base/check.h"
#include "core/machine/calendar.h"
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
        while (next_ < jobs_.size() || !index_.empty()) {
            const Moment next = next_moment();
            if (next == kNever || nothing_moves(next)) {
                break;  // What is left never starts.
            }
            now_ = etas_ ? std::min(next, machine_.state().eta_due_at) : next;
            if (now_ == next) {
                end_jobs();
                submit_jobs();
                keep_idle_jobs();
                start_jobs();
            }
            if (etas_) {
                machine_.handle(GiveEtas{}, now_);
            }
        }
        for (const auto& [kind, counts] : machine_.state().truth.waits.rows()) {
            result_.waits += counts;
        }
        cut_idle_jobs();
        return std::move(result_);
    }

private:
    void open();
    [[nodiscard]] Moment next_moment() const;
    void end_jobs();
    void end_job(JobId id);
    [[nodiscard]] Moment ends_by_itself(const Job& job) const;
    void submit_jobs();
    void start_jobs();
    void count_done();
    void note(const JobPlaced& placed);
    void note(const PlacePromised& promised) { promised_at_[promised.job] = now_; }
    void note(const AttemptEnding& ending);
    void end_idle_job(JobId id);
    [[nodiscard]] bool nothing_moves(Moment next) const;
    void keep_idle_jobs();
    void cut_idle_jobs();

    const PlannedZone& zone_;
    const std::vector<TraceJob>& jobs_;
    Runtimes runtimes_;
    const Progress& progress_;
    bool etas_;
    khu::Machine machine_;
    ReplayResult result_;
    Moment now_{zone_.begins};
    std::size_t next_{0};
    std::set<std::pair<Moment, JobId>> ends_;
    std::unordered_map<JobId, std::size_t> index_;  // looked up, never walked
    std::size_t done_{0};
    Moment moved_at_{
        zone_.begins};           ///< when a job of the trace was last submitted, started or ended
    std::int64_t live_runs_{0};  ///< of jobs of the trace
    std::int64_t idle_jobs_{0};  ///< that live
    std::map<JobId, IdleRun> idle_runs_;
    std::map<JobId, Moment> promised_at_;
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
        next = zone_.begins + jobs_[next_].submit;
    }
    const State& state = machine_.state();
    const bool calendar = zone_.policy.calendar != Calendar{};
    if (zone_.idle || calendar || !zone_.policy.borrowing.empty()) {
        next = std::min(next, state.scheduler.next_wake().value_or(kNever));
    }
    if (calendar) {
        next = std::min({next, state.reservation_due_at,
                         next_blackout_end(zone_.policy, now_).value_or(kNever)});
    }
    return std::max(now_, ends_.empty() ? next : std::min(next, ends_.begin()->first));
}

void Replay::end_jobs() {
    while (!ends_.empty() && ends_.begin()->first <= now_) {
        const JobId id = ends_.begin()->second;
        ends_.erase(ends_.begin());
        end_job(id);
        if (const auto idle = idle_runs_.find(id); idle != idle_runs_.end()) {
            end_idle_job(id);
            continue;
        }
        moved_at_ = now_;
        --live_runs_;
        if (machine_.state().truth.jobs.contains(id)) {
            continue;  // It gave back what it had borrowed, and begins anew.
        }
        result_.jobs[index_.at(id)].end = now_ - zone_.begins;
        index_.erase(id);
        count_done();
    }
}

/// Of a job with an attempt.
Moment Replay::ends_by_itself(const Job& job) const {
    const auto traced = index_.find(job.id);
    const Span run = traced == index_.end() ? zone_.idle->run : jobs_[traced->second].duration;
    return live_attempt(job)->taken_at + run;
}

void Replay::end_job(JobId id) {
    const Job& job = machine_.state().truth.jobs.at(id);
    const Attempt attempt = *live_attempt(job);
    const bool told = std::holds_alternative<Ending>(job.phase) && now_ < ends_by_itself(job);
    const NodeEnd end = told ? NodeEnd::Asked : NodeEnd::Itself;
    for (const NodeAllocation& each : attempt.placement.nodes) {
        const Epoch epoch = machine_.state().truth.nodes.at(each.node).epoch;
        const AttemptReport report{
            .job = id,
            .attempt = attempt.number,
            .stage = AgentStage::Ended,
            .result = AttemptResult{.fault_code = "", .fault_text = "", .end = end}};
        machine_.handle(ReportFromNode{each.node, epoch, report}, now_);
    }
}

void Replay::submit_jobs() {
    for (; next_ < jobs_.size() && zone_.begins + jobs_[next_].submit <= now_; ++next_) {
        moved_at_ = now_;
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
        more = !outcome.facts.empty();
        for (const Stamped& fact : outcome.facts) {
            if (const auto* placed = std::get_if<JobPlaced>(&fact.fact)) {
                note(*placed);
            } else if (const auto* promised = std::get_if<PlacePromised>(&fact.fact)) {
                note(*promised);
            } else if (const auto* lapsed = std::get_if<PromiseLapsed>(&fact.fact)) {
                promised_at_.erase(lapsed->job);  // What it starts in later was not cleared for it.
            } else if (const auto* ending = std::get_if<AttemptEnding>(&fact.fact)) {
                note(*ending);
            }
        }
    }
}

void Replay::note(const JobPlaced& placed) {
    const auto found = index_.find(placed.job);
    if (found == index_.end()) {
        idle_runs_[placed.job] = {.start = now_ - zone_.begins, .end = {}};
        ends_.emplace(now_ + zone_.idle->run, placed.job);
        return;
    }
    const std::size_t index = found->second;
    moved_at_ = now_;
    ++live_runs_;
    Replayed& job = result_.jobs[index];
    job.start = job.start.value_or(now_ - zone_.begins);
    ends_.emplace(now_ + jobs_[index].duration, placed.job);
    if (const auto promised = promised_at_.extract(placed.job); !promised.empty()) {
        ++result_.idle.made_way;
        result_.idle.longest_way = std::max(result_.idle.longest_way, now_ - promised.mapped());
    }
}

// --- The idle load ----------------------------------------------------------------------

/// It was told to leave, and uses all of its grace.
void Replay::note(const AttemptEnding& ending) {
    if (index_.contains(ending.job)) {
        const Moment end = ends_by_itself(machine_.state().truth.jobs.at(ending.job));
        ends_.erase({end, ending.job});
        ends_.emplace(std::min(end, ending.stop_by), ending.job);
        ++result_.reclaimed;
        return;
    }
    IdleRun& run = idle_runs_.at(ending.job);
    ends_.erase({zone_.begins + run.start + zone_.idle->run, ending.job});
    run.told = true;
    ends_.emplace(ending.stop_by, ending.job);
}

void Replay::end_idle_job(JobId id) {
    IdleRun run = idle_runs_.extract(id).mapped();
    run.end = now_ - zone_.begins;
    idle_jobs_ -= run.told ? 0 : 1;  // Who gave way waits again.
    result_.idle.runs.push_back(run);
}

/// The idle load alone goes on for ever.
bool Replay::nothing_moves(Moment next) const {
    return zone_.idle && next_ == jobs_.size() && live_runs_ == 0 &&
           next - moved_at_ > zone_.idle->run + zone_.idle->sure + zone_.idle->grace + hours(1);
}

void Replay::keep_idle_jobs() {
    if (!zone_.idle) {
        return;
    }
    const JobSpec spec = idle_spec(zone_);
    const Identity who{
        .user = spec.user, .enterprise = spec.enterprise, .roles = {Role::ZoneAdmin}};
    for (; idle_jobs_ < installed(zone_); ++idle_jobs_) {
        const Outcome outcome =
            machine_.handle(SubmitJob{.who = who, .spec = spec, .key = ""}, now_);
        KHU_CHECK(!outcome.refusal, "{}", text(*outcome.refusal, Language::English));
    }
}

void Replay::cut_idle_jobs() {
    for (auto& [job, run] : idle_runs_) {
        run.end = now_ - zone_.begins;
        result_.idle.runs.push_back(run);
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
