#pragma once

/// \file
/// The model behind forecast.h: nodes as numbers of free units, runs that take and give them back,
/// and the starts of jobs in line, played forward from one end of a run to the next. A unit is a
/// GPU, or a core where no node of the partition has GPUs.

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
};
inline constexpr int kWholeNode = -1;

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

    std::set<std::pair<int, int>>& index(int owner);
    void move(int node, int units, int owner);
    void take(int owner, Parts parts, Moment end);
    void give(const Parts& parts);
    [[nodiscard]] std::optional<Parts> find(const PoolJob& job);
    bool whole_nodes(int wanted, Parts& parts);
    bool units_on_nodes(const PoolJob& job, Parts& parts);
    void start_what_fits(const std::vector<PoolJob>& jobs, std::vector<Moment>& starts, Moment now);

    std::vector<Node> nodes_;
    std::map<int, std::set<std::pair<int, int>>> free_;  ///< (units, node) by owner; 0: anybody
    std::vector<Parts> runs_;
    std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
    std::map<Class, std::queue<std::size_t>> line_;
};

}  // namespace khu
