#pragma once

/// \file
/// The model behind forecast.h: nodes as numbers of free units, runs that take and give them back,
/// and the starts of jobs in line, played forward from one end of a run to the next. A unit is a
/// GPU, or a core where no node of the partition has GPUs.

#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <utility>
#include <vector>

#include "core/base/units.h"

namespace khu {

/// A job in line. `units`: on each node; kWholeNode for an idle node, whatever it has.
struct PoolJob {
    int owner{0};  ///< > 0; 0 in a partition whose nodes everybody shares
    int nodes{1};
    int units{1};
    Span run{};
    bool holds_line{true};  ///< those behind it wait for it
};
inline constexpr int kWholeNode = -1;

/// What the calendar leaves to the jobs in line: which moment a job may begin at (the next one
/// stands in the way of nobody meanwhile), which nodes are open to it then, and when that changes.
struct PoolCalendar {
    std::function<bool(std::size_t job, Moment at)> may_begin;
    /// Of a node's number; for the job that would begin then.
    std::function<std::function<bool(int)>(std::size_t job, Moment at)> open;
    std::vector<Moment> turns;  ///< ascending
};

class Pool {
public:
    /// Gives the node's number.
    int add_node(int units);
    /// A run that is there already. Ends that lie before the first `now` count as now.
    void run(int owner, const std::vector<std::pair<int, int>>& units_on, Moment end);

    enum class Order { AsTheyFit, InLine };
    /// When each of the jobs starts; kNever for one that does not fit though all ended. Uses the
    /// pool up: it is asked once.
    std::vector<Moment> play(const std::vector<PoolJob>& jobs, Order order, Moment now);
    /// The same in line, by the calendar.
    std::vector<Moment> play(const std::vector<PoolJob>& jobs, const PoolCalendar& calendar,
                             Moment now);

private:
    struct Node {
        int all{0};
        int free{0};
        int owner{0};
        int runs{0};
    };
    using Parts = std::vector<std::pair<int, int>>;  ///< (node, units)
    struct End {
        Moment at;
        std::size_t run;
        bool operator>(const End& other) const {
            return std::pair(at, run) > std::pair(other.at, other.run);
        }
    };
    using Class = std::tuple<int, int, int>;  ///< owner, nodes, units: fits or does not, alike
    using Open = std::function<bool(int)>;    ///< empty: every node is

    std::set<std::pair<int, int>>& index(int owner);
    void move(int node, int units, int owner);
    void take(int owner, Parts parts, Moment end);
    void give(const Parts& parts);
    [[nodiscard]] std::optional<Parts> find(const PoolJob& job, const Open& open = {});
    bool whole_nodes(int wanted, const Open& open, Parts& parts);
    bool units_on_nodes(const PoolJob& job, const Open& open, Parts& parts);
    void start_what_fits(const std::vector<PoolJob>& jobs, std::vector<Moment>& starts, Moment now);
    void end_by(Moment now);

    std::vector<Node> nodes_;
    std::map<int, std::set<std::pair<int, int>>> free_;  ///< (units, node) by owner; 0: anybody
    std::vector<Parts> runs_;
    std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
    std::map<Class, std::queue<std::size_t>> line_;
};

}  // namespace khu
