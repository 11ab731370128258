#pragma once

/// \file
/// Where a job runs: for each node the very GPUs, cores and memory it takes, and the receipt that
/// says how good the choice is and how good it could have been. Positions are those of the node's
/// Inventory.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/topology/devices.h"

namespace khu {

/// The rules that held and the soft score, lower is better, 0 is perfect.
struct Receipt {
    std::int64_t score{0};       ///< of the chosen placement
    std::int64_t best_score{0};  ///< of the best placement on an empty zone
    std::string link;            ///< worst link among the chosen GPUs of a node: "nvswitch"
    std::string span;            ///< smallest subtree that holds the gang: "node", "rack", "zone"
    std::vector<std::string> rules;  ///< the hard rules that were evaluated and held
    int alternative{0};              ///< which of the job's was taken, from 1; 0: it has none
    bool operator==(const Receipt&) const = default;
};
KHU_DESCRIBE(Receipt, score, best_score, link, span, rules, alternative)

struct Placement {
    std::vector<NodeAllocation> nodes;  ///< rank order: the first is the head node
    Receipt receipt;
    bool operator==(const Placement&) const = default;
};
KHU_DESCRIBE(Placement, nodes, receipt)

}  // namespace khu
