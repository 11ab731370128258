#pragma once

/// \file
/// The only owner of the machine. One turn of it:
///
///     decide all waiting commands -> apply in memory -> store one batch durably
///     -> only then perform the effects and answer the callers
///
/// One thread decides; another stores, and performs what it has stored. While one batch is being
/// stored the next is decided, never performed. If the store fails, nothing of that batch was
/// promised to anyone: its callers are refused (L209) and the machine is loaded again from the
/// store, which is the same path as a restart.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/machine/machine.h"
#include "daemon/clock.h"
#include "daemon/job_index.h"
#include "daemon/pseudonyms.h"
#include "daemon/store/store.h"
#include "wire/event.h"

namespace khu::daemon {

/// What a caller is told after the commit.
struct Answer {
    std::optional<Refusal> refusal;
    JobId job;
    bool existed{false};
    std::uint64_t request{0};  ///< number of the grant request that was made or decided
};

/// Who performs the effects of a stored batch. Called on the storing thread, in order.
class Performer {
public:
    virtual ~Performer() = default;
    virtual void perform(const Effect& effect) = 0;
    /// A fact of the batch, for those who watch.
    virtual void tell(const wire::Event& event) = 0;
    /// A payload that was stored with this batch; its job may start at once.
    virtual void payload_stored(JobId job, const std::string& json) = 0;
};

struct EngineStats {
    std::uint64_t commands{0}, refusals{0}, facts{0}, batches{0}, store_failures{0};
    std::uint64_t batch_last{0};  ///< commands in the newest batch
    std::uint64_t commit_last_us{0};
};

class Engine {
public:
    using Callback = std::function<void(const Answer&)>;

    /// Loads the zone from `store`. Errors: those of Store::recover, StateDamaged.
    static Expected<std::unique_ptr<Engine>, Refusal> open(ZoneId zone, Store& store);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// The newest fact; before start().
    [[nodiscard]] EventSeq last() const { return machine_->state().truth.last; }
    void start(Performer& performer);
    /// Stores what was decided, answers it, and writes a snapshot. Idempotent.
    void stop();

    /// `payload` is stored with the job that a SubmitJob makes. `done` is called on the storing
    /// thread after the commit, or with a refusal.
    void tell(Command command, Callback done, std::string payload = {});
    /// Runs `question` on the deciding thread, between commands. It must be quick.
    void ask(std::function<void(State&, Moment now)> question);
    /// The same, and waits for it. Not on the engine's own threads.
    void ask_and_wait(const std::function<void(State&, Moment now)>& question);
    /// Small data of others (tokens), stored in the next batch; `done` as above.
    void store_values(std::vector<KeyValue> values, Callback done);
    /// The same for `values`, `history` and `drop_history` of a batch; the rest of it is not
    /// stored.
    void store_rows(Batch rows, Callback done);
    /// Rows of usage are stored with pseudonyms from now on; before start().
    void hide_names(Pseudonyms pseudonyms) { pseudonyms_ = std::move(pseudonyms); }

    /// Runs `action` on the deciding thread at `when` or soon after; only from questions.
    void at(Moment when, std::function<void()> action);

    /// The live jobs in the order of listings; only from questions.
    [[nodiscard]] const JobIndex& jobs() const { return jobs_; }

    [[nodiscard]] Moment now() const { return clock_->now(); }
    [[nodiscard]] EngineStats stats() const;
    [[nodiscard]] const std::vector<std::string>& remarks() const { return remarks_; }

private:
    struct Task {
        std::optional<Command> command;
        std::function<void(State&, Moment)> question;
        Batch rows;
        std::string payload;
        Callback done;
    };
    /// A decided batch on its way to the store.
    struct Turn {
        Batch batch;
        Effects effects;
        std::vector<wire::Event> events;
        std::vector<std::pair<Callback, Answer>> answers;
        bool last{false};
    };

    Engine(ZoneId zone, Store& store);
    Expected<Done, Refusal> load();
    void decide_loop();
    void store_loop();
    std::deque<Task> wait_for_tasks();
    void run_task(Task& task, Turn& turn, bool& changed);
    void run_due(Turn& turn, bool changed);
    bool run_timers();
    void collect(Outcome outcome, Turn& turn);
    void collect_effect(Effect effect, Turn& turn);
    void collect_usage(UsageRow row, Batch& batch);
    void index_new_job(const Fact& fact);
    void add_snapshot_if_due(Turn& turn, bool stopping);
    void hand_over(Turn turn);
    void store_turn(Turn& turn);
    bool commit(const Batch& batch);
    [[nodiscard]] std::optional<Refusal> failure() const;
    [[nodiscard]] bool paused() const;
    void fail_turn(Turn& turn, const Refusal& why);
    void reload_if_failed();

    ZoneId zone_;
    Store& store_;
    std::optional<Clock> clock_;
    std::unique_ptr<Machine> machine_;
    Performer* performer_{nullptr};
    std::vector<std::string> remarks_;
    EventSeq snapshot_at_;
    std::optional<Pseudonyms> pseudonyms_;
    std::set<std::string> named_;  ///< names that are stored or on their way; a memory, not a truth
    JobIndex jobs_;                ///< only the deciding thread uses it
    std::multimap<Moment, std::function<void()>> timers_;  ///< only the deciding thread uses it
    Moment paused_until_;  ///< only the deciding thread reads and writes these two
    Refusal pause_why_;

    mutable std::mutex mutex_;
    std::condition_variable wake_decider_;
    std::condition_variable wake_storer_;
    std::condition_variable handed_over_;
    std::deque<Task> tasks_;
    std::optional<Turn> turn_;       ///< decided, waiting for the storing thread
    std::optional<Refusal> failed_;  ///< set by the storing thread; the deciding one reloads
    bool storing_{false};
    bool stopping_{false};
    EngineStats stats_;
    std::thread decider_;
    std::thread storer_;
};

}  // namespace khu::daemon
