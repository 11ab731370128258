#pragma once

/// \file
/// Those who watch the zone's events. Each has a place in the history and is given what follows it
/// as fast as it takes it: from memory while it keeps up, else from the store. So a slow one costs
/// no memory; one that takes nothing for long is cut and told where to resume. One thread of its
/// own does all of this.

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/identity.h"
#include "daemon/engine.h"
#include "wire/event.h"

namespace khu::daemon {

/// Where one watcher's lines go. Called on the thread of Events.
class Outlet {
public:
    virtual ~Outlet() = default;
    /// False: it is gone.
    virtual bool send(const wire::Event& event) = 0;
    virtual bool send(const wire::Pulse& pulse) = 0;
    /// After the last pulse.
    virtual void close() = 0;
    [[nodiscard]] virtual bool alive() const = 0;
    /// Bytes sent and not yet taken by the peer.
    [[nodiscard]] virtual std::size_t queued() const = 0;
};

class Events {
public:
    Events(Engine& engine, Store& store) : engine_(engine), store_(store) {}
    ~Events() { stop(); }
    Events(const Events&) = delete;
    Events& operator=(const Events&) = delete;

    /// `last`: the newest fact that is stored.
    void start(EventSeq last);
    /// Says goodbye to all; before the engine stops. Idempotent.
    void stop();

    /// A stored fact; each seq once, in order. Cheap, on the storing thread.
    void tell(const wire::Event& event);

    /// A place among those who watch, taken before the caller is answered.
    struct Place {
        std::string key;  ///< whose it is, for the bound
        EnterpriseId enterprise;
        bool sees_all{false};
        EventSeq next;
    };
    /// Of one who watches from `from` on; none: what happens from now on. Errors: BadField if
    /// `from` is later than the next event, TooManyWatchers.
    Expected<Place, Refusal> reserve(const Identity& who, std::optional<EventSeq> from);
    /// Begins, with a pulse. `place` is used up.
    void watch(const Place& place, std::unique_ptr<Outlet> outlet);
    [[nodiscard]] std::size_t watchers() const;

private:
    using Shared = std::shared_ptr<const wire::Event>;
    struct Watcher {
        Place place;
        std::unique_ptr<Outlet> outlet;
        Moment said_at;                 ///< when the last line was given to it
        std::optional<Moment> full_at;  ///< since when it takes nothing
        std::size_t full_bytes{0};
    };
    enum class Step { Idle, More, Gone };

    void run();
    void leave(const Place& place);
    Step serve(Watcher& watcher);
    bool give(Watcher& watcher, const std::vector<Shared>& events);
    Step wait_or_cut(Watcher& watcher);
    void cut(Watcher& watcher, const char* why);
    std::optional<std::vector<Shared>> events_from(EventSeq next);
    std::optional<std::vector<Shared>> past_from(EventSeq next);
    void find_owners(std::vector<wire::Event>& events);
    EnterpriseId owner_of(JobId job);
    [[nodiscard]] EventSeq last() const;

    Engine& engine_;
    Store& store_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Shared> kept_;
    EventSeq last_;
    std::vector<std::unique_ptr<Watcher>> coming_;
    std::map<std::string, std::int64_t> watching_;
    std::int64_t count_{0};
    bool stopping_{false};
    std::thread thread_;

    // Only the thread uses these.
    std::vector<std::unique_ptr<Watcher>> watchers_;
    std::map<JobId, EnterpriseId> owners_;  ///< of jobs that have ended, found lately
};

}  // namespace khu::daemon
