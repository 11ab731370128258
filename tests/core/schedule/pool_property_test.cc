/// The pool against a model that is slow and plain: an array of nodes, every one looked at each
/// time, time moved from one end to the next.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "core/schedule/pool.h"

namespace khu {
namespace {

struct PlainNode {
    int all{0};
    int free{0};
    int owner{0};
    int runs{0};
};
struct PlainRun {
    Moment end;
    std::vector<std::pair<int, int>> parts;
    bool over{false};
};

class Plain {
public:
    std::vector<PlainNode> nodes;
    std::vector<PlainRun> runs;

    void run(int owner, const std::vector<std::pair<int, int>>& parts, Moment end) {
        for (const auto& [node, units] : parts) {
            at(node).free -= units;
            at(node).owner = owner;
            ++at(node).runs;
        }
        runs.push_back({end, parts, false});
    }

    std::vector<Moment> play(const std::vector<PoolJob>& jobs, bool in_line, Moment now) {
        std::vector<Moment> starts(jobs.size(), kNever);
        std::vector<bool> gone(jobs.size(), false);
        for (;;) {
            try_all(jobs, in_line, now, starts, gone);
            const auto next = std::ranges::min_element(
                runs, {}, [](const PlainRun& each) { return each.over ? kNever : each.end; });
            if (std::ranges::all_of(gone, [](bool each) { return each; })) {
                return starts;
            }
            if (next == runs.end() || next->over) {
                // Nobody runs: what did not fit never will; in line, the next ones may.
                const auto first = std::ranges::find(gone, false);
                *first = true;
                continue;
            }
            now = std::max(now, next->end);
            for (PlainRun& each : runs) {
                if (!each.over && each.end <= now) {
                    end(each);
                }
            }
        }
    }

private:
    PlainNode& at(int node) { return nodes[static_cast<std::size_t>(node)]; }

    void end(PlainRun& run) {
        run.over = true;
        for (const auto& [node, units] : run.parts) {
            at(node).free += units;
            if (--at(node).runs == 0) {
                at(node).owner = 0;
            }
        }
    }

    void try_all(const std::vector<PoolJob>& jobs, bool in_line, Moment now,
                 std::vector<Moment>& starts, std::vector<bool>& gone) {
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            if (gone[i]) {
                continue;
            }
            const auto parts = find(jobs[i]);
            if (static_cast<int>(parts.size()) == jobs[i].nodes) {
                starts[i] = now;
                gone[i] = true;
                run(jobs[i].owner, parts, now + jobs[i].run);
            } else if (in_line) {
                return;
            }
        }
    }

    std::vector<std::pair<int, int>> find(const PoolJob& job) {
        std::vector<std::pair<int, int>> parts;
        std::vector<int> order;
        for (int n = 0; n < static_cast<int>(nodes.size()); ++n) {
            const PlainNode& node = at(n);
            const bool whole = job.units == kWholeNode;
            if (whole ? node.runs == 0
                      : node.free >= job.units && (node.owner == 0 || node.owner == job.owner)) {
                order.push_back(n);
            }
        }
        std::ranges::sort(order, {}, [&](int n) {
            const bool own = job.owner != 0 && at(n).owner == job.owner;
            return job.units == kWholeNode ? std::tuple(0, -at(n).free, -n)
                                           : std::tuple(own ? 0 : 1, at(n).free, n);
        });
        for (const int n : order) {
            if (static_cast<int>(parts.size()) < job.nodes) {
                parts.emplace_back(n, job.units == kWholeNode ? at(n).all : job.units);
            }
        }
        return parts;
    }
};

const Moment kNow{1'000'000};

RC_GTEST_PROP(Pool, AnswersLikeThePlainModel, ()) {
    const auto sizes = *rc::gen::nonEmpty(
        rc::gen::resize(6, rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 9))));
    const bool shared = *rc::gen::arbitrary<bool>();
    const bool in_line = *rc::gen::arbitrary<bool>();
    Pool pool;
    Plain plain;
    for (const int units : sizes) {
        pool.add_node(units);
        plain.nodes.push_back({.all = units, .free = units});
    }
    for (int n = 0; n < static_cast<int>(sizes.size()); ++n) {
        if (*rc::gen::arbitrary<bool>()) {
            const int owner = shared ? 0 : *rc::gen::inRange(1, 4);
            const int units = *rc::gen::inRange(1, sizes[static_cast<std::size_t>(n)] + 1);
            const Moment end = kNow + seconds(*rc::gen::inRange(0, 50));
            pool.run(owner, {{n, units}}, end);
            plain.run(owner, {{n, units}}, end);
        }
    }
    std::vector<PoolJob> jobs;
    for (int i = *rc::gen::inRange(0, 15); i > 0; --i) {
        PoolJob job;
        job.owner = shared ? 0 : *rc::gen::inRange(1, 4);
        job.nodes = *rc::gen::inRange(1, 4);
        job.units = *rc::gen::weightedOneOf<int>(
            {{5, rc::gen::inRange(1, 9)}, {1, rc::gen::just(kWholeNode)}});
        job.run = seconds(*rc::gen::inRange(1, 60));
        jobs.push_back(job);
    }

    const PoolCalendar empty{.may_begin = [](std::size_t, Moment) { return true; },
                             .open = [](std::size_t, Moment) { return std::function<bool(int)>(); },
                             .turns = {}};
    if (in_line) {
        RC_ASSERT(Pool(pool).play(jobs, empty, kNow) == Plain(plain).play(jobs, true, kNow));
    }

    const auto starts =
        pool.play(jobs, in_line ? Pool::Order::InLine : Pool::Order::AsTheyFit, kNow);

    RC_ASSERT(starts == plain.play(jobs, in_line, kNow));
}

}  // namespace
}  // namespace khu
