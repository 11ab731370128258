#include "core/schedule/pool.h"

#include <algorithm>
#include <numeric>

#include "core/base/check.h"

namespace khu {

std::set<std::pair<int, int>>& Pool::index(int owner) {
    return free_[owner];
}

int Pool::add_node(int units) {
    const auto number = static_cast<int>(nodes_.size());
    nodes_.push_back({.all = units, .free = units});
    index(0).insert({units, number});
    return number;
}

/// The node's free units change by `units`, and its runs by one; an idle node is nobody's.
void Pool::move(int number, int units, int owner) {
    Node& node = nodes_[static_cast<std::size_t>(number)];
    index(node.owner).erase({node.free, number});
    node.free += units;
    node.runs += units < 0 ? 1 : -1;
    node.owner = node.runs == 0 ? 0 : owner;
    index(node.owner).insert({node.free, number});
}

void Pool::take(int owner, Parts parts, Moment end) {
    for (const auto& [node, units] : parts) {
        move(node, -units, owner);
    }
    ends_.push({end, runs_.size()});
    runs_.push_back(std::move(parts));
}

void Pool::give(const Parts& parts) {
    for (const auto& [node, units] : parts) {
        move(node, units, nodes_[static_cast<std::size_t>(node)].owner);
    }
}

void Pool::run(int owner, const Parts& units_on, Moment end) {
    take(owner, units_on, end);
}

bool Pool::whole_nodes(int wanted, const Open& open, Parts& parts) {
    for (auto at = index(0).rbegin(); at != index(0).rend(); ++at) {
        const Node& node = nodes_[static_cast<std::size_t>(at->second)];
        if (node.runs == 0 && static_cast<int>(parts.size()) < wanted &&
            (!open || open(at->second))) {
            parts.emplace_back(at->second, std::max(node.all, 1));
        }
    }
    return static_cast<int>(parts.size()) == wanted;
}

/// Best fit: its owner's nodes first, then the fullest that are anybody's.
bool Pool::units_on_nodes(const PoolJob& job, const Open& open, Parts& parts) {
    for (const int owner : {job.owner, 0}) {
        const auto& nodes = index(owner);
        for (auto at = nodes.lower_bound({job.units, -1}); at != nodes.end(); ++at) {
            if (static_cast<int>(parts.size()) == job.nodes) {
                return true;
            }
            if (!open || open(at->second)) {
                parts.emplace_back(at->second, job.units);
            }
        }
        if (job.owner == 0) {
            break;
        }
    }
    return static_cast<int>(parts.size()) == job.nodes;
}

std::optional<Pool::Parts> Pool::find(const PoolJob& job, const Open& open) {
    Parts parts;
    const bool found = job.units == kWholeNode ? whole_nodes(job.nodes, open, parts)
                                               : units_on_nodes(job, open, parts);
    return found ? std::optional(std::move(parts)) : std::nullopt;
}

/// The first in line of each class, the foremost first. A start frees nothing, so that a class
/// whose first does not fit is done for now.
void Pool::start_what_fits(const std::vector<PoolJob>& jobs, std::vector<Moment>& starts,
                           Moment now) {
    std::set<std::pair<std::size_t, Class>> firsts;
    for (const auto& [each, waiting] : line_) {
        firsts.emplace(waiting.front(), each);
    }
    while (!firsts.empty()) {
        const auto [job, of] = firsts.extract(firsts.begin()).value();
        std::optional<Parts> parts = find(jobs[job]);
        if (!parts) {
            continue;
        }
        starts[job] = now;
        take(jobs[job].owner, *std::move(parts), now + jobs[job].run);
        const auto waiting = line_.find(of);
        waiting->second.pop();
        if (waiting->second.empty()) {
            line_.erase(waiting);
        } else {
            firsts.emplace(waiting->second.front(), of);
        }
    }
}

std::vector<Moment> Pool::play(const std::vector<PoolJob>& jobs, Order order, Moment now) {
    std::vector<Moment> starts(jobs.size(), kNever);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const Class of =
            order == Order::InLine ? Class{} : Class{jobs[i].owner, jobs[i].nodes, jobs[i].units};
        line_[of].push(i);
    }
    for (;;) {
        start_what_fits(jobs, starts, now);
        if (line_.empty()) {
            return starts;
        }
        if (ends_.empty()) {  // Nothing is left to wait for: the first of each can never start.
            for (auto each = line_.begin(); each != line_.end();) {
                each->second.pop();
                each = each->second.empty() ? line_.erase(each) : std::next(each);
            }
            continue;
        }
        now = std::max(now, ends_.top().at);
        end_by(now);
    }
}

void Pool::end_by(Moment now) {
    while (!ends_.empty() && ends_.top().at <= now) {
        give(runs_[ends_.top().run]);
        ends_.pop();
    }
}

std::vector<Moment> Pool::play(const std::vector<PoolJob>& jobs, const PoolCalendar& calendar,
                               Moment now) {
    std::vector<Moment> starts(jobs.size(), kNever);
    std::vector<std::size_t> line(jobs.size());
    std::iota(line.begin(), line.end(), std::size_t{0});
    std::vector<Moment> closed_until(jobs.size());
    auto turn = calendar.turns.begin();
    while (!line.empty()) {
        while (turn != calendar.turns.end() && *turn <= now) {
            ++turn;
        }
        const Moment next_turn = turn == calendar.turns.end() ? kNever : *turn;
        bool held = false;
        std::erase_if(line, [&](std::size_t job) {
            if (held || now < closed_until[job]) {
                return false;
            }
            if (!calendar.may_begin(job, now)) {
                closed_until[job] = next_turn;
                return false;
            }
            std::optional<Parts> parts = find(jobs[job], calendar.open(job, now));
            held = !parts && jobs[job].holds_line;
            if (parts) {
                starts[job] = now;
                take(jobs[job].owner, *std::move(parts), now + jobs[job].run);
            }
            return parts.has_value();
        });
        const Moment next = std::min(next_turn, ends_.empty() ? kNever : ends_.top().at);
        if (next == kNever) {  // Nothing is left to wait for: the first can never start.
            line.erase(line.begin(), line.empty() ? line.end() : line.begin() + 1);
            continue;
        }
        now = std::max(now, next);
        end_by(now);
    }
    return starts;
}

}  // namespace khu
