/// The listings of jobs: those that have resources, by number; then those that wait, by the tier of
/// their QoS and by number; then, if asked for, those that have ended, newest first. The queue's
/// own order moves with every hour that somebody uses, so it cannot be read page by page; a listing
/// whose waiting jobs all fit into the first page has them in that order. A page is made in several
/// short turns of the engine, so that a long queue is read without keeping others waiting.

#include <algorithm>
#include <deque>
#include <functional>

#include "core/base/limits.h"
#include "core/schedule/line.h"
#include "daemon/http/paging.h"
#include "daemon/http/visible_job.h"
#include "daemon/stats_view.h"
#include "daemon/views.h"

namespace khu::daemon {
namespace {

constexpr std::int64_t kViewsPerTurn = 250;     // about 2 ms
constexpr std::int64_t kLooksPerTurn = 20'000;  // the same: jobs passed over, of other users
constexpr std::string_view kListing = "q";

enum class Section { Running, Waiting, Ended };

/// The last row of the page before. `began` is when the listing began: a job that has started since
/// is shown where it waited then, so that it is not lost between two pages.
struct Position {
    Section section{Section::Running};
    Moment began;
    ListingPlace place;
};

struct Wish {
    EnterpriseId enterprise;  ///< empty: all
    UserId user;              ///< empty: all
    bool ended_too{false};
    bool factors{false};  ///< of each that waits, every term of its place
    std::int64_t limit{0};
};

/// A page that is being made.
struct Walk {
    Wish wish;
    Position at;
    wire::JobPage page;
    std::vector<HistoryRow> ended;  ///< the rows that follow the live ones
    std::map<JobId, JobEta> etas;   ///< as they were at the first turn
    bool first_page{true};

    [[nodiscard]] std::int64_t room() const {
        return wish.limit - static_cast<std::int64_t>(page.jobs.size());
    }
    [[nodiscard]] bool wants(const Job& job) const {
        return wish.user.empty() || job.spec.user == wish.user;
    }
};
using SharedWalk = std::shared_ptr<Walk>;

std::string text_of(const Position& at) {
    const char* section = at.section == Section::Running   ? "r"
                          : at.section == Section::Waiting ? "w"
                                                           : "e";
    return cursor(kListing, {section, std::to_string(at.began.value), std::to_string(at.place.tier),
                             std::to_string(at.place.job.value)});
}

std::optional<Position> position_of(const std::vector<std::string>& fields) {
    const std::optional<std::int64_t> began = whole_number(fields[1]);
    const bool below = fields[2].starts_with('-');
    const std::optional<std::int64_t> tier = whole_number(fields[2].substr(below ? 1 : 0));
    const std::optional<std::int64_t> job = whole_number(fields[3]);
    const std::size_t section = std::string_view("rwe").find(fields[0]);
    if (fields[0].size() != 1 || section == std::string_view::npos || !began || !tier || !job ||
        *tier > INT32_MAX) {
        return std::nullopt;
    }
    return Position{.section = static_cast<Section>(section),
                    .began = Moment{*began},
                    .place = {.tier = static_cast<int>(below ? -*tier : *tier),
                              .job = JobId{static_cast<std::uint64_t>(*job)}}};
}

bool had_resources(const Job& job, Moment at) {
    const Attempt* attempt = live_attempt(job);
    return attempt != nullptr && attempt->taken_at < at;
}

/// The next few jobs that had resources when the listing began, by number.
std::vector<JobId> next_running(const State& state, const Walk& walk, std::int64_t most) {
    std::vector<JobId> found;
    for (const auto& [key, running] : state.scheduler.running().by_deadline()) {
        const bool wanted =
            walk.wish.enterprise.empty() || running.enterprise == walk.wish.enterprise;
        if (!wanted || running.job <= walk.at.place.job) {
            continue;
        }
        const Job& job = state.truth.jobs.at(running.job);
        if (had_resources(job, walk.at.began) && walk.wants(job)) {
            found.push_back(running.job);
        }
    }
    const auto few = std::min<std::size_t>(found.size(), static_cast<std::size_t>(most));
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(few), found.end());
    found.resize(few);
    return found;
}

/// What one turn of the engine adds to the page.
class TurnOfWalk {
public:
    TurnOfWalk(const Call& call, const State& state, Moment now, Walk& walk)
        : call_(call), state_(state), now_(now), walk_(walk) {}

    /// True when the live part of the page is done.
    bool run() {
        if (walk_.at.section == Section::Running) {
            add_running();
        }
        if (walk_.at.section == Section::Waiting && most() > 0) {
            add_waiting();
        }
        return walk_.at.section == Section::Ended || walk_.room() == 0;
    }

private:
    [[nodiscard]] std::int64_t most() const {
        return std::min(walk_.room(), kViewsPerTurn - views_);
    }

    void add(ListingPlace place) {
        const Job& job = state_.truth.jobs.at(place.job);
        walk_.page.jobs.push_back(job_view(state_, job, now_, call_->language));
        if (walk_.wish.factors && std::holds_alternative<Queued>(job.phase)) {
            walk_.page.jobs.back().standing = standing_view(state_, job);
        }
        if (const auto eta = walk_.etas.find(place.job); eta != walk_.etas.end()) {
            walk_.page.jobs.back().eta = eta_view(eta->second);
        }
        walk_.at.place = place;
        ++views_;
    }

    void add_running() {
        const std::int64_t wanted = most();
        const std::vector<JobId> jobs = next_running(state_, walk_, wanted);
        for (const JobId job : jobs) {
            add({.tier = 0, .job = job});
        }
        if (static_cast<std::int64_t>(jobs.size()) < wanted) {
            walk_.at.section = Section::Waiting;
            walk_.at.place = {};
        }
    }

    void add_waiting() {
        std::int64_t looks = 0;
        const bool end = call_->services.engine.jobs().walk(
            walk_.wish.enterprise, walk_.at.place, [&](ListingPlace place) {
                if (most() == 0 || looks == kLooksPerTurn) {
                    return false;
                }
                ++looks;
                const Job* job = state_.find_job(place.job);
                if (job != nullptr && !had_resources(*job, walk_.at.began) && walk_.wants(*job)) {
                    add(place);
                } else {
                    walk_.at.place = place;
                }
                return true;
            });
        if (end) {
            walk_.at.section = Section::Ended;
            walk_.at.began = kNever;
            walk_.at.place = {.tier = 0, .job = JobId{INT64_MAX}};
        }
    }

    const Call& call_;
    const State& state_;
    Moment now_;
    Walk& walk_;
    std::int64_t views_{0};
};

/// Those that wait, in the order in which they stand in the queue now.
void sort_waiting(const State& state, std::vector<wire::JobView>& jobs) {
    const Queue& queue = state.scheduler.queue();
    const auto waits = [&](const wire::JobView& job) { return queue.contains(job.job); };
    const auto first = std::ranges::stable_partition(jobs, std::not_fn(waits));
    std::ranges::sort(first, [&](const wire::JobView& a, const wire::JobView& b) {
        return queue.order_of(a.job) < queue.order_of(b.job);
    });
}

/// Fills the page with those that have ended, as far as there is room.
void add_ended(Walk& walk) {
    const auto few =
        std::min<std::size_t>(walk.ended.size(), static_cast<std::size_t>(walk.room()));
    for (std::size_t i = 0; i < few; ++i) {
        walk.page.jobs.push_back(view_of(walk.ended[i]));
        walk.at.began = walk.ended[i].ended_at;
        walk.at.place = {.tier = 0, .job = walk.ended[i].job};
    }
    const bool all = few == walk.ended.size();
    const bool more = !all || static_cast<std::int64_t>(few) == walk.wish.limit;
    walk.page.next = more ? text_of(walk.at) : "";
}

void finish(const Call& call, const SharedWalk& walk) {
    if (walk->at.section != Section::Ended) {
        walk->page.next = text_of(walk->at);
    } else if (walk->wish.ended_too) {
        add_ended(*walk);
    }
    answer(call, std::move(walk->page));
}

void go_on(const Call& call, const SharedWalk& walk) {
    call->services.engine.ask([call, walk](State& state, Moment now) {
        if (walk->at.began == Moment{0}) {
            walk->at.began = now + milliseconds(1);
            walk->page.total = call->services.engine.jobs().count(walk->wish.enterprise);
        }
        if (walk->etas.empty()) {
            walk->etas = etas_now(state, now);
        }
        if (TurnOfWalk(call, state, now, *walk).run()) {
            if (walk->first_page && walk->at.section == Section::Ended) {
                sort_waiting(state, walk->page.jobs);
            }
            finish(call, walk);
        } else {
            go_on(call, walk);
        }
    });
}

Expected<std::vector<HistoryRow>, Refusal> ended_rows(const Call& call, const Walk& walk) {
    HistoryQuery past{
        .enterprise = walk.wish.enterprise, .user = walk.wish.user, .limit = walk.wish.limit};
    if (walk.at.section == Section::Ended) {
        past.before_at = walk.at.began;
        past.before_job = walk.at.place.job;
    }
    return call->services.store.history(past);
}

/// `state`: "live", "all", "done".
void list(const Call& call, const std::string& state) {
    const Identity& who = call->caller.who;
    const bool sees_all = who.has(Role::ZoneAdmin) || who.has(Role::Auditor);
    const auto paging = paging_of(call, kListing, 4);
    const auto from = !paging || paging->after.empty() ? Position{} : position_of(paging->after);
    if (!paging || !from) {
        refuse(call, paging ? bad_cursor() : paging.error());
        return;
    }
    const std::string factors = query(call, "factors");
    if (factors != "" && factors != "true" && factors != "false") {
        refuse(call,
               Refusal(Code::BadField).with("field", "factors").with("why", "it is true or false"));
        return;
    }
    auto walk = std::make_shared<Walk>();
    walk->wish = {.enterprise = sees_all ? EnterpriseId{query(call, "enterprise")} : who.enterprise,
                  .user = UserId{query(call, "user")},
                  .ended_too = state != "live",
                  .factors = factors == "true",
                  .limit = paging->limit};
    walk->at = *from;
    walk->first_page = paging->after.empty();
    if (!sees_all && who.enterprise.empty()) {
        answer(call, walk->page);  // an identity without an enterprise has no jobs
        return;
    }
    if (state == "done" && paging->after.empty()) {
        walk->at = {.section = Section::Ended, .began = kNever, .place = {0, JobId{INT64_MAX}}};
    }
    if (walk->wish.ended_too) {
        auto rows = ended_rows(call, *walk);
        if (!rows) {
            refuse(call, rows.error());
            return;
        }
        walk->ended = *std::move(rows);
    }
    if (walk->at.section == Section::Ended) {
        finish(call, walk);
    } else {
        go_on(call, walk);
    }
}

/// The first of those that wait, as the queue orders them, whatever their number: each partition's
/// line, merged. Only those that the caller may see.
class Head {
public:
    Head(const Call& call, const State& state) : call_(call), queue_(state.scheduler.queue()) {
        for (const auto& [partition, shapes] : queue_.partitions()) {
            lines_.emplace_back(queue_, nullptr, partition);
            advance(lines_.size() - 1);
        }
    }

    std::vector<JobId> first(const State& state, std::int64_t most) {
        std::vector<JobId> jobs;
        for (std::int64_t looks = 0; !next_.empty() && looks < kLooksPerTurn &&
                                     static_cast<std::int64_t>(jobs.size()) < most;
             ++looks) {
            const auto [order, line] = next_.extract(next_.begin()).value();
            if (call_->caller.who.may_read(state.truth.jobs.at(order.job).spec.enterprise)) {
                jobs.push_back(order.job);
            }
            advance(line);
        }
        return jobs;
    }

private:
    void advance(std::size_t line) {
        if (const auto place = lines_[line].next()) {
            next_.emplace(place->order, line);
        }
    }

    const Call& call_;
    const Queue& queue_;
    std::deque<Line> lines_;
    std::set<std::pair<QueueOrder, std::size_t>> next_;
};

void show_head(const Call& call, std::int64_t most) {
    answer_from_state(call, [call, most](State& state, Moment now) {
        const EnterpriseId& own = call->caller.who.enterprise;
        const std::map<JobId, JobEta> etas = etas_now(state, now);
        wire::JobPage page;
        for (const JobId id : Head(call, state).first(state, most)) {
            page.jobs.push_back(job_view(state, state.truth.jobs.at(id), now, call->language));
            if (const auto eta = etas.find(id); eta != etas.end()) {
                page.jobs.back().eta = eta_view(eta->second);
            }
        }
        page.total = call->services.engine.jobs().count(own);
        return page;
    });
}

}  // namespace

/// With head=N the first N that wait and nothing else.
void show_queue(const Call& call) {
    const std::string head = query(call, "head");
    if (head.empty()) {
        list(call, "live");
        return;
    }
    const std::optional<std::int64_t> most = whole_number(head);
    if (!most || *most < 1 || *most > kViewsPerTurn) {
        refuse(call,
               Refusal(Code::BadField).with("field", "head").with("why", "it is 1 to 250 jobs"));
        return;
    }
    show_head(call, *most);
}

/// Live jobs; with state=all or state=done those that have ended too, newest first.
void list_jobs(const Call& call) {
    const std::string state = query(call, "state");
    if (state != "" && state != "live" && state != "all" && state != "done") {
        refuse(
            call,
            Refusal(Code::BadField).with("field", "state").with("why", "it is live, all or done"));
        return;
    }
    list(call, state.empty() ? "live" : state);
}

}  // namespace khu::daemon
