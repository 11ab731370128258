#include "daemon/engine.h"

#include <algorithm>
#include <future>

#include "core/base/limits.h"
#include "daemon/event_view.h"
#include "daemon/meter_rows.h"
#include "daemon/policy_lines.h"
#include "daemon/snapshot.h"
#include "wire/json.h"

namespace khu::daemon {
namespace {

/// A store that failed is left alone for so long: what would be stored is refused at once.
constexpr Span kPauseAfterFailure = milliseconds(500);
constexpr int kRoundsPerTurn = 4;
constexpr std::size_t kNamesRemembered = 10'000;

}  // namespace

Engine::Engine(ZoneId zone, Store& store) : zone_(std::move(zone)), store_(store) {}

Expected<std::unique_ptr<Engine>, Refusal> Engine::open(ZoneId zone, Store& store) {
    std::unique_ptr<Engine> engine(new Engine(std::move(zone), store));
    if (Expected<Done, Refusal> loaded = engine->load(); !loaded) {
        return Unexpected{std::move(loaded).error()};
    }
    return engine;
}

Engine::~Engine() {
    stop();
}

Expected<Done, Refusal> Engine::load() {
    auto machine = std::make_unique<Machine>(zone_);
    SnapshotReader snapshot;
    std::optional<Refusal> trouble;
    bool loaded = false;
    const auto load_snapshot = [&] {
        if (!loaded && snapshot.any()) {
            Truth truth = std::move(snapshot).finish();
            find_lines(truth);
            machine->load(std::move(truth));
        }
        loaded = true;
    };
    RecoverSteps steps;
    steps.snapshot_chunk = [&](EventSeq, const std::string& piece) {
        auto taken = snapshot.take(piece);
        if (!taken && !trouble) {
            trouble = std::move(taken).error();
        }
    };
    steps.fact = [&](const StoredFact& row) {
        if (trouble) {
            return;
        }
        load_snapshot();
        auto fact = wire::from_json_text<Fact>(row.json, wire::Unknown::Ignore);
        if (!fact) {
            trouble = Refusal(Code::StateDamaged)
                          .with("path", "fact " + std::to_string(row.seq.value))
                          .with("why", fact.error().why);
            return;
        }
        find_lines(*fact);
        machine->replay({.seq = row.seq, .at = row.at, .fact = std::move(fact).value()});
    };
    auto recovered = store_.recover(steps);
    if (!recovered) {
        return Unexpected{std::move(recovered).error()};
    }
    if (trouble) {
        return Unexpected{std::move(*trouble)};
    }
    load_snapshot();
    remarks_ = recovered->remarks;
    snapshot_at_ = recovered->snapshot;
    if (!clock_) {
        clock_.emplace(machine->state().truth.last_at);
    }
    machine->recovered(clock_->now());
    machine_ = std::move(machine);
    named_.clear();
    jobs_.rebuild(machine_->state());
    return Done{};
}

void Engine::start(Performer& performer) {
    KHU_CHECK(performer_ == nullptr);
    performer_ = &performer;
    storer_ = std::thread([this] { store_loop(); });
    decider_ = std::thread([this] { decide_loop(); });
}

void Engine::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_decider_.notify_all();
    if (decider_.joinable()) {
        decider_.join();
    }
    if (storer_.joinable()) {
        storer_.join();
    }
}

void Engine::tell(Command command, Callback done, std::string payload) {
    {
        const std::lock_guard lock(mutex_);
        tasks_.push_back({.command = std::move(command),
                          .question = {},
                          .rows = {},
                          .payload = std::move(payload),
                          .done = std::move(done)});
    }
    wake_decider_.notify_one();
}

void Engine::ask(std::function<void(State&, Moment)> question) {
    {
        const std::lock_guard lock(mutex_);
        tasks_.push_back({.command = std::nullopt,
                          .question = std::move(question),
                          .rows = {},
                          .payload = {},
                          .done = {}});
    }
    wake_decider_.notify_one();
}

void Engine::ask_and_wait(const std::function<void(State&, Moment)>& question) {
    std::promise<void> answered;
    ask([&](State& state, Moment now) {
        question(state, now);
        answered.set_value();
    });
    answered.get_future().wait();
}

void Engine::store_values(std::vector<KeyValue> values, Callback done) {
    store_rows({.values = std::move(values)}, std::move(done));
}

void Engine::store_rows(Batch rows, Callback done) {
    {
        const std::lock_guard lock(mutex_);
        tasks_.push_back({.command = std::nullopt,
                          .question = {},
                          .rows = std::move(rows),
                          .payload = {},
                          .done = std::move(done)});
    }
    wake_decider_.notify_one();
}

void Engine::at(Moment when, std::function<void()> action) {
    timers_.emplace(when, std::move(action));
}

EngineStats Engine::stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
}

// --- The deciding thread ----------------------------------------------------------------------

void Engine::decide_loop() {
    bool stopping = false;
    while (!stopping) {
        std::deque<Task> tasks = wait_for_tasks();
        {
            const std::lock_guard lock(mutex_);
            stopping = stopping_ && tasks_.empty();
        }
        reload_if_failed();
        Turn turn;
        bool changed = false;
        for (Task& task : tasks) {
            run_task(task, turn, changed);
        }
        changed = run_timers() || changed;
        run_due(turn, changed);
        add_snapshot_if_due(turn, stopping);
        turn.last = stopping;
        hand_over(std::move(turn));
    }
}

std::deque<Engine::Task> Engine::wait_for_tasks() {
    Moment due = machine_->next_wake();
    if (!timers_.empty()) {
        due = std::min(due, timers_.begin()->first);
    }
    const Span wait = std::clamp(due - clock_->now(), Span{0}, seconds(1));
    std::unique_lock lock(mutex_);
    wake_decider_.wait_for(lock, std::chrono::milliseconds(wait.value + 1),
                           [this] { return stopping_ || !tasks_.empty(); });
    std::deque<Task> taken;
    while (!tasks_.empty() &&
           static_cast<std::int64_t>(taken.size()) < limits::batch_commands_max) {
        taken.push_back(std::move(tasks_.front()));
        tasks_.pop_front();
    }
    return taken;
}

bool Engine::paused() const {
    return clock_->now() < paused_until_;
}

void Engine::run_task(Task& task, Turn& turn, bool& changed) {
    if (task.question) {
        task.question(machine_->borrow(), clock_->now());
        return;
    }
    Answer answer;
    if (paused() && !(task.command && std::holds_alternative<HearNode>(*task.command))) {
        if (task.done) {
            answer.refusal = pause_why_;
            turn.answers.emplace_back(std::move(task.done), std::move(answer));
        }
        return;
    }
    if (task.command) {
        Outcome outcome = machine_->handle(*task.command, clock_->now());
        answer = {.refusal = outcome.refusal,
                  .job = outcome.job,
                  .existed = outcome.existed,
                  .request = outcome.request};
        changed = changed || !outcome.facts.empty();
        if (!task.payload.empty() && !outcome.refusal && !outcome.existed) {
            turn.batch.payloads.push_back({outcome.job, std::move(task.payload)});
        }
        collect(std::move(outcome), turn);
    }
    std::ranges::move(task.rows.values, std::back_inserter(turn.batch.values));
    std::ranges::move(task.rows.history, std::back_inserter(turn.batch.history));
    std::ranges::move(task.rows.drop_history, std::back_inserter(turn.batch.drop_history));
    if (task.done) {
        turn.answers.emplace_back(std::move(task.done), std::move(answer));
    }
    const std::lock_guard lock(mutex_);
    ++stats_.commands;
}

bool Engine::run_timers() {
    bool any = false;
    while (!timers_.empty() && timers_.begin()->first <= clock_->now()) {
        const std::function<void()> action = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
        action();
        any = true;
    }
    return any;
}

/// What the clock makes due, then rounds until one starts nothing more.
void Engine::run_due(Turn& turn, bool changed) {
    if (paused()) {
        return;
    }
    const Moment now = clock_->now();
    const bool due = machine_->next_wake() <= now;
    if (due) {
        Outcome outcome = machine_->handle(Tick{}, now);
        collect(std::move(outcome), turn);
    }
    if (!changed && !due) {
        return;
    }
    for (int round = 0; round < kRoundsPerTurn; ++round) {
        Outcome outcome = machine_->handle(RunRound{}, now);
        const bool started = !outcome.facts.empty();
        collect(std::move(outcome), turn);
        if (!started) {
            return;
        }
    }
    at(now, [] {});  // a bound may have cut the last round off: another turn at once
}

void Engine::collect(Outcome outcome, Turn& turn) {
    for (Stamped& fact : outcome.facts) {
        index_new_job(fact.fact);
        std::string json = wire::to_json_text(fact.fact);
        turn.events.push_back(event_of(machine_->state(), fact));
        turn.batch.facts.push_back({.seq = fact.seq, .at = fact.at, .json = std::move(json)});
    }
    for (Effect& effect : outcome.effects) {
        collect_effect(std::move(effect), turn);
    }
}

void Engine::index_new_job(const Fact& fact) {
    const auto* queued = std::get_if<JobQueued>(&fact);
    const auto* element = std::get_if<ElementQueued>(&fact);
    if (queued == nullptr && element == nullptr) {
        return;
    }
    const State& state = machine_->state();
    if (const Job* job = state.find_job(queued != nullptr ? queued->job : element->job)) {
        jobs_.add(job->spec.enterprise, tier_of(state, job->spec), job->id);
    }
}

/// With its name beside it, once for each user and month.
void Engine::collect_usage(UsageRow row, Batch& batch) {
    if (pseudonyms_) {
        std::optional<KeyValue> name = pseudonyms_->hide(row);
        if (named_.size() > kNamesRemembered) {
            named_.clear();
        }
        if (name && named_.insert(name->key).second) {
            batch.values.push_back(*std::move(name));
        }
    }
    batch.usage.push_back(std::move(row));
}

void Engine::collect_effect(Effect effect, Turn& turn) {
    Batch& batch = turn.batch;
    if (auto* post = std::get_if<PostEntries>(&effect)) {
        std::ranges::move(post->entries, std::back_inserter(batch.entries));
        return;
    }
    if (auto* post = std::get_if<PostUsage>(&effect)) {
        collect_usage(std::move(post->row), batch);
        return;
    }
    if (const auto* readings = std::get_if<PostReadings>(&effect)) {
        store_readings(*readings, batch.values);
        return;
    }
    if (const auto* archive = std::get_if<ArchiveJob>(&effect)) {
        const Job& job = archive->job;
        jobs_.remove(job.spec.enterprise, job.id);
        batch.history.push_back({.job = job.id,
                                 .enterprise = job.spec.enterprise,
                                 .user = job.spec.user,
                                 .ended_at = std::get<Finished>(job.phase).at,
                                 .json = wire::to_json_text(*archive)});
        batch.drop_payloads.push_back(job.id);
        for (wire::Event& event : turn.events) {
            if (event.job == job.id) {
                event.enterprise = job.spec.enterprise;  // it had left memory when its end was told
            }
        }
    }
    turn.effects.push_back(std::move(effect));
}

void Engine::add_snapshot_if_due(Turn& turn, bool stopping) {
    const Truth& truth = machine_->state().truth;
    const auto since = static_cast<std::int64_t>(truth.last.value - snapshot_at_.value);
    if (since >= limits::snapshot_every_facts || (stopping && since > 0)) {
        turn.batch.snapshot = Snapshot{.up_to = truth.last, .chunks = write_snapshot(truth)};
        snapshot_at_ = truth.last;
    }
}

void Engine::hand_over(Turn turn) {
    const bool nothing = turn.batch.facts.empty() && turn.batch.values.empty() &&
                         turn.answers.empty() && turn.effects.empty() && !turn.batch.snapshot &&
                         !turn.last;
    if (nothing) {
        return;
    }
    std::unique_lock lock(mutex_);
    handed_over_.wait(lock, [this] { return !turn_; });
    turn_ = std::move(turn);
    wake_storer_.notify_one();
}

/// After a failed commit the state in memory is ahead of the store: it is thrown away.
void Engine::reload_if_failed() {
    std::unique_lock lock(mutex_);
    if (!failed_) {
        return;
    }
    handed_over_.wait(lock, [this] { return !turn_ && !storing_; });
    pause_why_ = std::move(*failed_);
    failed_.reset();
    lock.unlock();
    paused_until_ = clock_->now() + kPauseAfterFailure;
    const Expected<Done, Refusal> loaded = load();
    KHU_CHECK(loaded.has_value(), "reload after a failed commit: {}",
              text(loaded.error(), Language::English));
}

// --- The storing thread ----------------------------------------------------------------------

void Engine::store_loop() {
    for (bool last = false; !last;) {
        Turn turn;
        {
            std::unique_lock lock(mutex_);
            wake_storer_.wait(lock, [this] { return turn_.has_value(); });
            turn = std::move(*turn_);
            turn_.reset();
            storing_ = true;
        }
        handed_over_.notify_all();
        last = turn.last;
        store_turn(turn);
        {
            const std::lock_guard lock(mutex_);
            storing_ = false;
        }
        handed_over_.notify_all();
    }
}

void Engine::store_turn(Turn& turn) {
    const Batch& batch = turn.batch;
    const bool durable = !batch.facts.empty() || !batch.values.empty() || batch.snapshot;
    if (const std::optional<Refusal> before = failure()) {
        fail_turn(turn, *before);  // decided on a state that was never stored
        return;
    }
    if (durable && !commit(batch)) {
        fail_turn(turn, *failure());
        return;
    }
    for (const PayloadRow& row : batch.payloads) {
        performer_->payload_stored(row.job, row.json);
    }
    for (const Effect& effect : turn.effects) {
        performer_->perform(effect);
    }
    for (const auto& [done, answer] : turn.answers) {
        done(answer);
    }
    for (const wire::Event& event : turn.events) {
        performer_->tell(event);
    }
}

bool Engine::commit(const Batch& batch) {
    const auto started = std::chrono::steady_clock::now();
    Expected<Done, Refusal> stored = store_.commit(batch);
    const auto took = std::chrono::steady_clock::now() - started;
    const std::lock_guard lock(mutex_);
    if (!stored) {
        ++stats_.store_failures;
        failed_ = std::move(stored).error();
        return false;
    }
    stats_.facts += batch.facts.size();
    ++stats_.batches;
    stats_.commit_last_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    return true;
}

std::optional<Refusal> Engine::failure() const {
    const std::lock_guard lock(mutex_);
    return failed_;
}

/// Refuses everybody whose wish was in the batch. Heartbeats of agents are answered all the same:
/// they need no store, and running jobs go on while the disk is full.
void Engine::fail_turn(Turn& turn, const Refusal& why) {
    for (const Effect& effect : turn.effects) {
        const auto* send = std::get_if<SendToAgent>(&effect);
        if (send != nullptr && std::holds_alternative<HeartbeatAck>(send->message)) {
            performer_->perform(effect);
        }
    }
    for (auto& [done, answer] : turn.answers) {
        Answer refused = answer;
        refused.refusal = answer.refusal ? answer.refusal : std::optional<Refusal>(why);
        done(refused);
    }
}

}  // namespace khu::daemon
