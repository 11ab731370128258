#include "daemon/events.h"

#include <algorithm>
#include <future>
#include <utility>

#include "core/base/limits.h"
#include "daemon/event_view.h"
#include "wire/json.h"

namespace khu::daemon {
namespace {

constexpr std::int64_t kAtOnce = 256;         // then the next watcher has its turn
constexpr std::size_t kOwnersKept = 100'000;  // 6 MB
constexpr auto kLookAgain = std::chrono::milliseconds(20);
constexpr auto kIdle = std::chrono::milliseconds(1000);

bool is_full(const Outlet& outlet) {
    return outlet.queued() >= static_cast<std::size_t>(limits::watcher_bytes_max);
}

}  // namespace

void Events::start(EventSeq last) {
    last_ = last;
    thread_ = std::thread([this] { run(); });
}

void Events::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Events::tell(const wire::Event& event) {
    {
        const std::lock_guard lock(mutex_);
        kept_.push_back(std::make_shared<const wire::Event>(event));
        last_ = event.seq;
        if (static_cast<std::int64_t>(kept_.size()) > limits::events_kept) {
            kept_.pop_front();
        }
        if (count_ == 0) {
            return;
        }
    }
    wake_.notify_one();
}

EventSeq Events::last() const {
    const std::lock_guard lock(mutex_);
    return last_;
}

std::size_t Events::watchers() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(count_);
}

Expected<Events::Place, Refusal> Events::reserve(const Identity& who,
                                                 std::optional<EventSeq> from) {
    Place place{.key = who.user.value + "@" + who.enterprise.value,
                .enterprise = who.enterprise,
                .sees_all = who.has(Role::ZoneAdmin) || who.has(Role::Auditor),
                .next = {}};
    const std::lock_guard lock(mutex_);
    place.next = EventSeq{last_.value + 1};
    if (from && *from > place.next) {
        return Unexpected{
            Refusal(Code::BadField)
                .with("field", "from")
                .with("why", "the next event will be number " + std::to_string(place.next.value))};
    }
    place.next = from ? std::max(*from, EventSeq{1}) : place.next;
    std::int64_t& own = watching_[place.key];
    if (own >= limits::watchers_per_user_max || count_ >= limits::watchers_max) {
        return Unexpected{
            Refusal(Code::TooManyWatchers).with("user", who.user.value).with("limit", own)};
    }
    ++own;
    ++count_;
    return place;
}

void Events::watch(const Place& place, std::unique_ptr<Outlet> outlet) {
    auto watcher = std::make_unique<Watcher>();
    watcher->place = place;
    watcher->outlet = std::move(outlet);
    const std::lock_guard lock(mutex_);
    coming_.push_back(std::move(watcher));
    wake_.notify_one();
}

void Events::leave(const Place& place) {
    const std::lock_guard lock(mutex_);
    --count_;
    if (--watching_[place.key] == 0) {
        watching_.erase(place.key);
    }
}

// --- The thread ----------------------------------------------------------------------

void Events::run() {
    bool more = false;
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            const EventSeq seen = last_;
            if (!more) {
                const bool any = !watchers_.empty();
                wake_.wait_for(lock, any ? kLookAgain : kIdle, [&] {
                    return stopping_ || !coming_.empty() || (any && last_ != seen);
                });
            }
            std::ranges::move(coming_, std::back_inserter(watchers_));
            coming_.clear();
            if (stopping_) {
                break;
            }
        }
        more = false;
        std::erase_if(watchers_, [&](const std::unique_ptr<Watcher>& watcher) {
            const Step step = serve(*watcher);
            more = more || step == Step::More;
            if (step == Step::Gone) {
                leave(watcher->place);
            }
            return step == Step::Gone;
        });
    }
    for (const std::unique_ptr<Watcher>& watcher : watchers_) {
        cut(*watcher, "khud stops");
    }
}

Events::Step Events::serve(Watcher& watcher) {
    if (!watcher.outlet->alive()) {
        return Step::Gone;
    }
    if (is_full(*watcher.outlet)) {
        return wait_or_cut(watcher);
    }
    watcher.full_at.reset();
    const Moment now = engine_.now();
    if (watcher.said_at + limits::watcher_pulse <= now) {
        watcher.said_at = now;
        if (!watcher.outlet->send(wire::Pulse{.resume_from = watcher.place.next, .cut = {}})) {
            return Step::Gone;
        }
    }
    if (watcher.place.next > last()) {
        return Step::Idle;
    }
    const std::optional<std::vector<Shared>> events = events_from(watcher.place.next);
    if (!events) {
        cut(watcher, "the past cannot be read now");
        return Step::Gone;
    }
    return give(watcher, *events) ? Step::More : Step::Gone;
}

bool Events::give(Watcher& watcher, const std::vector<Shared>& events) {
    for (const Shared& event : events) {
        const bool own =
            !event->enterprise.empty() && event->enterprise == watcher.place.enterprise;
        if (watcher.place.sees_all || own) {
            if (!watcher.outlet->send(*event)) {
                return false;
            }
        }
        watcher.place.next = EventSeq{event->seq.value + 1};
    }
    return true;
}

Events::Step Events::wait_or_cut(Watcher& watcher) {
    const Moment now = engine_.now();
    const std::size_t queued = watcher.outlet->queued();
    if (!watcher.full_at || queued < watcher.full_bytes) {
        watcher.full_at = now;
        watcher.full_bytes = queued;
    }
    if (*watcher.full_at + limits::watcher_stall_max > now) {
        return Step::Idle;
    }
    cut(watcher, "too slow");
    return Step::Gone;
}

void Events::cut(Watcher& watcher, const char* why) {
    watcher.outlet->send(wire::Pulse{.resume_from = watcher.place.next, .cut = why});
    watcher.outlet->close();
}

std::optional<std::vector<Events::Shared>> Events::events_from(EventSeq next) {
    {
        const std::lock_guard lock(mutex_);
        if (!kept_.empty() && next >= kept_.front()->seq) {
            const auto skip = static_cast<std::ptrdiff_t>(next.value - kept_.front()->seq.value);
            const auto left = static_cast<std::ptrdiff_t>(kept_.size()) - skip;
            const auto few = std::min<std::ptrdiff_t>(left, kAtOnce);
            return std::vector<Shared>(kept_.begin() + skip, kept_.begin() + skip + few);
        }
    }
    return past_from(next);
}

/// From the store, where facts stand without their owners.
std::optional<std::vector<Events::Shared>> Events::past_from(EventSeq next) {
    const auto rows = store_.facts(next, kAtOnce);
    if (!rows || rows->empty()) {
        return std::nullopt;
    }
    std::vector<Stamped> facts;
    for (const StoredFact& row : *rows) {
        auto fact = wire::from_json_text<Fact>(row.json, wire::Unknown::Ignore);
        if (!fact) {
            return std::nullopt;
        }
        facts.push_back({.seq = row.seq, .at = row.at, .fact = std::move(fact).value()});
    }
    std::vector<wire::Event> events;
    engine_.ask_and_wait([&](State& state, Moment) {
        for (const Stamped& fact : facts) {
            events.push_back(event_of(state, fact));
        }
    });
    find_owners(events);
    std::vector<Shared> shared;
    for (wire::Event& event : events) {
        shared.push_back(std::make_shared<const wire::Event>(std::move(event)));
    }
    return shared;
}

/// Of jobs that have left memory: the history knows them. One that left it a moment ago is in the
/// history when all that is decided so far is stored.
void Events::find_owners(std::vector<wire::Event>& events) {
    bool stored = false;
    for (wire::Event& event : events) {
        if (!event.job || !event.enterprise.empty()) {
            continue;
        }
        event.enterprise = owner_of(*event.job);
        if (event.enterprise.empty() && !std::exchange(stored, true)) {
            std::promise<void> done;
            engine_.store_values({}, [&done](const Answer&) { done.set_value(); });
            done.get_future().wait();
            event.enterprise = owner_of(*event.job);
        }
    }
}

/// Empty if the history does not have it.
EnterpriseId Events::owner_of(JobId job) {
    const auto known = owners_.find(job);
    if (known != owners_.end()) {
        return known->second;
    }
    const auto row = store_.history_of(job);
    if (!row || !*row) {
        return {};
    }
    if (owners_.size() >= kOwnersKept) {
        owners_.clear();
    }
    return owners_.emplace(job, (*row)->enterprise).first->second;
}

}  // namespace khu::daemon
