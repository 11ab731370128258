#include "core/placement/gang.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <tuple>

#include "core/placement/candidates.h"
#include "core/placement/receipt.h"
#include "core/policy/hostlist.h"

namespace khu {
namespace {

/// How many nodes are compared for a better link before the tightest is taken.
constexpr int kCompared = 8;

/// One node: the tightest one, unless another of the first few has a better linked set of GPUs.
const ClusterNode* choose_one(const CandidateSearch& search) {
    const ClusterNode* best = nullptr;
    std::uint64_t best_tier = 0;
    int compared = 0;
    search.each([&](const ClusterNode& node) {
        const Shape& shape = search.request().shape;
        const std::uint64_t tier =
            shape.gpus < 2 || shape.exclusive ? 0 : best_free_cost(node.state, shape) >> 48;
        if (best == nullptr || tier < best_tier) {
            best = &node;
            best_tier = tier;
        }
        return ++compared < kCompared && best_tier > 0;
    });
    return best;
}

std::optional<NodeList> choose(const CandidateSearch& search, const NodeList& candidates) {
    if (!of_one_node(search.request())) {
        return choose_gang(candidates, search.request());
    }
    const ClusterNode* node = choose_one(search);
    return node == nullptr ? std::nullopt : std::optional(NodeList{node});
}

/// Whether the jobs to come are why it is these nodes.
bool chosen_by_mix(const CandidateSearch& search, NodeList chosen) {
    if (!search.by_mix()) {
        return false;
    }
    const CandidateSearch plain = search.without_mix();
    NodeList otherwise = *choose(plain, of_one_node(plain.request()) ? NodeList{} : plain.all());
    for (NodeList* each : {&chosen, &otherwise}) {
        std::ranges::sort(*each, {}, &ClusterNode::id);
    }
    return chosen != otherwise;
}

Placement fit_on(const Cluster& cluster, const GangRequest& request, NodeList nodes) {
    std::ranges::sort(nodes, {}, [](const ClusterNode* node) {
        return std::tuple(node->location.room, node->location.rack, node->location.leaf_switch,
                          node->id);
    });
    const PartitionNodes& partition = *cluster.partition(request.partition);
    std::vector<NodeFit> fits;
    for (const ClusterNode* node : nodes) {
        std::optional<NodeFit> found = fit(node->state, request.shape, partition.share);
        KHU_CHECK(found.has_value(), "node {}", node->id.value);
        found->allocation.node = node->id;
        fits.push_back(std::move(*found));
    }
    Placement placement;
    placement.receipt = make_receipt(cluster, request, nodes, fits);
    for (NodeFit& fit : fits) {
        placement.nodes.push_back(std::move(fit.allocation));
    }
    return placement;
}

}  // namespace

GangRequest request_of(const JobSpec& spec, NodeId suspect) {
    return {.partition = spec.partition,
            .enterprise = spec.enterprise,
            .nodes = spec.nodes,
            .shape = spec.shape,
            .within = spec.within,
            .prefer = spec.prefer,
            .where = spec.where,
            .suspect = suspect};
}

Expected<Placement, Misfit> place(const Cluster& cluster, const GangRequest& request,
                                  const NodeFilter& allowed) {
    KHU_CHECK(request.nodes >= 1, "{}", request.nodes);
    const CandidateSearch search(cluster, request, allowed);
    const NodeList candidates = of_one_node(request) ? NodeList{} : search.all();
    std::optional<NodeList> nodes = choose(search, candidates);
    if (!nodes) {
        return Unexpected{
            Misfit{.needed = request.nodes, .fitting = static_cast<int>(candidates.size())}};
    }
    const bool by_mix = chosen_by_mix(search, *nodes);
    Placement placement = fit_on(cluster, request, std::move(*nodes));
    if (by_mix) {
        placement.receipt.rules.emplace_back("room_for_others");
    }
    return placement;
}

bool can_place(const Cluster& cluster, const GangRequest& request, const NodeFilter& allowed) {
    const CandidateSearch search(cluster, request, allowed);
    if (!of_one_node(request)) {
        return choose_gang(search.all(), request).has_value();
    }
    bool found = false;
    search.each([&](const ClusterNode&) {
        found = true;
        return false;
    });
    return found;
}

namespace {

/// The most that any node of the partition can ever give one job.
struct Largest {
    std::int64_t gpus{0};
    GpuShare beside;

    void see(const NodeClass& node_class, const Shape& shape, const GpuShare& share) {
        const std::int64_t of_model = std::popcount(node_class.gpus_of(shape.gpu_model));
        gpus = std::max(gpus, of_model);
        if (of_model >= shape.gpus) {
            const GpuShare most = most_beside(node_class, shape, share);
            beside.cores = std::max(beside.cores, most.cores);
            beside.memory = std::max(beside.memory, most.memory);
        }
    }
};

void name_binding(FitReport& report, const Shape& shape, const Largest& largest) {
    const auto bind = [&](std::string_view what, std::int64_t asked, std::int64_t most) {
        report.binding = what;
        report.asked = asked;
        report.largest = most;
    };
    if (largest.gpus < shape.gpus) {
        bind("gpus", shape.gpus, largest.gpus);
    } else if (largest.beside.memory < shape.memory) {
        bind("memory", shape.memory.value, largest.beside.memory.value);
    } else {
        bind("cores", shape.cores, largest.beside.cores);
    }
}

std::string models_on(const NodeClass& type) {
    std::string models;
    for (const GpuKind& kind : type.kinds()) {
        models += (models.empty() ? "" : ", ") + kind.model.value.str();
    }
    return models.empty() ? "no GPU" : models;
}

void note_other_model(FitReport& report, const ClusterNode& node, const Shape& shape) {
    const NodeClass& type = node.state.node_class();
    if (shape.gpus == 0 || shape.gpu_model.empty() || type.gpus_of(shape.gpu_model) != 0) {
        return;
    }
    if (++report.other_model == 1) {
        report.example = node.name.value;
        report.reported = models_on(type);
    }
}

void count_node(FitReport& report, const ClusterNode& node, const GangRequest& request,
                const GpuShare& share) {
    if (!meets(node, *request.where)) {
        return;
    }
    ++report.joined;
    if (!could_fit(node.state.node_class(), request.shape, share)) {
        note_other_model(report, node, request.shape);
        return;
    }
    ++report.could;
    switch (node.health) {
        case NodeHealth::Up:
            ++report.up;
            report.fitting +=
                node.state.open_to(request.enterprise) && can_fit(node.state, request.shape, share);
            return;
        case NodeHealth::Drained:
            ++report.drained;
            return;
        case NodeHealth::Lost:
            ++report.lost;
            return;
    }
}

/// How many nodes could ever run the shape together, as `within` wants them.
int most_together(const Cluster& cluster, const GangRequest& request, ZoneLevel within) {
    const GpuShare& share = cluster.partition(request.partition)->share;
    std::map<SubtreeNumber, int> counts;
    int most = 0;
    for (const auto& [id, node] : cluster.members(request.partition)) {
        const SubtreeNumber subtree = node->subtrees[static_cast<int>(within)];
        if (meets(*node, *request.where) &&
            could_fit(node->state.node_class(), request.shape, share)) {
            most = std::max(most, subtree == 0 ? 1 : ++counts[subtree]);
        }
    }
    return most;
}

/// The same in whole segments.
int most_in_segments(const Cluster& cluster, const GangRequest& request, ZoneLevel within) {
    const GpuShare& share = cluster.partition(request.partition)->share;
    const int level = static_cast<int>(*zone_level(request.where->segment_level));
    std::map<std::pair<SubtreeNumber, SubtreeNumber>, int> counts;  // by wider, then inner subtree
    for (const auto& [id, node] : cluster.members(request.partition)) {
        const SubtreeNumber inner = node->subtrees[std::max(level, static_cast<int>(within))];
        if (inner != 0 && meets(*node, *request.where) &&
            could_fit(node->state.node_class(), request.shape, share)) {
            ++counts[{node->subtrees[static_cast<int>(within)], inner}];
        }
    }
    std::map<SubtreeNumber, int> whole;
    int most = 0;
    for (const auto& [where, count] : counts) {
        int& sum = whole[where.first];
        sum += count - count % request.where->segment;
        most = std::max(most, sum);
    }
    return most;
}

/// Nodes that the partition lists and that have never joined: they may turn out to fit.
int never_joined(const Cluster& cluster, const GangRequest& request) {
    const NodeRules& rules = *request.where;
    int count = 0;
    for (const NodeName& name : cluster.partition(request.partition)->nodes) {
        const bool wanted =
            (rules.include.empty() || std::ranges::binary_search(rules.include, name)) &&
            !std::ranges::binary_search(rules.exclude, name);
        count += wanted && cluster.find(name) == nullptr ? 1 : 0;
    }
    return count;
}

/// Whether any node of the partition would do, wherever it stands: then its hardware alone tells.
bool anywhere(const GangRequest& request) {
    return *zone_level(request.within) == ZoneLevel::Zone && *request.where == NodeRules{};
}

/// How many nodes could ever run the shape together, those that never joined counted too.
int most_ever(const Cluster& cluster, const GangRequest& request) {
    const ZoneLevel within = *zone_level(request.within);
    const int most = request.where->segment > 0 ? most_in_segments(cluster, request, within)
                                                : most_together(cluster, request, within);
    return most + never_joined(cluster, request);
}

/// The same, and whether any that joined could, for a request that is good anywhere.
struct Ever {
    int nodes{0};
    bool none_fits{false};
};
Ever ever_anywhere(const Cluster& cluster, const GangRequest& request) {
    const PartitionNodes& partition = *cluster.partition(request.partition);
    int joined = 0;
    int could = 0;
    for (const ClassCount& each : cluster.classes(request.partition)) {
        joined += each.nodes;
        could += could_fit(*each.type, request.shape, partition.share) ? each.nodes : 0;
    }
    return {.nodes = could + static_cast<int>(partition.nodes.size()) - joined,
            .none_fits = joined > 0 && could == 0};
}

Ever ever(const Cluster& cluster, const GangRequest& request) {
    if (anywhere(request)) {
        return ever_anywhere(cluster, request);
    }
    const FitReport report = fit_report(cluster, request);
    return {.nodes = most_ever(cluster, request),
            .none_fits = report.joined > 0 && report.could == 0};
}

Refusal unknown_name(const char* what, const std::string& name, const std::string& known) {
    return Refusal(Code::UnknownName)
        .with("what", what)
        .with("name", name)
        .with("known", known.empty() ? "none" : known)
        .with("nearest", "-");
}

/// Names of nodes, features and levels that the zone has never heard of.
Expected<Done, Refusal> known_names(const Cluster& cluster, const GangRequest& request) {
    for (const Text& word : {request.within, request.prefer, request.where->segment_level}) {
        if (!zone_level(word)) {
            return Unexpected{Refusal(Code::UnknownName)
                                  .with("what", "level")
                                  .with("name", word.str())
                                  .with("known", "switch, rack, room")
                                  .with("nearest", "rack")};
        }
    }
    const std::vector<NodeName>& listed = cluster.partition(request.partition)->nodes;
    for (const NodeName& name : request.where->include) {
        if (!std::ranges::binary_search(listed, name)) {
            return Unexpected{unknown_name("node", name.value, compress_hostlist(listed))};
        }
    }
    if (request.where->features.empty()) {
        return Done{};
    }
    std::set<FeatureName> features;
    for (const auto& [id, node] : cluster.members(request.partition)) {
        features.insert(node->location.features.begin(), node->location.features.end());
    }
    for (const FeatureName& each : request.where->features) {
        if (!features.contains(each)) {
            std::string known;
            for (const FeatureName& one : features) {
                known += (known.empty() ? "" : ", ") + one.value;
            }
            return Unexpected{unknown_name("feature", each.value, known)};
        }
    }
    return Done{};
}

Refusal impossible_shape(const GangRequest& request, const FitReport& report) {
    const bool memory = report.binding == "memory";
    const auto show = [&](std::int64_t amount) {
        return memory ? format_bytes(Bytes{amount}) : std::to_string(amount);
    };
    const Shape& shape = request.shape;
    const std::string model = shape.gpu_model.empty() ? "GPUs" : shape.gpu_model.value + " GPUs";
    const std::string wanted =
        shape.gpus > 0 ? fmt::format("node with {} {}", shape.gpus, model) : "such node";
    return Refusal(Code::ImpossibleShape)
        .with("wanted", wanted)
        .with("partition", request.partition.value)
        .with("what", report.binding)
        .with("asked", show(report.asked))
        .with("largest", show(report.largest));
}

}  // namespace

FitReport fit_report(const Cluster& cluster, const GangRequest& request) {
    FitReport report;
    const PartitionNodes* partition = cluster.partition(request.partition);
    if (partition == nullptr) {
        return report;
    }
    Largest largest;
    report.listed = static_cast<int>(partition->nodes.size());
    for (const auto& [id, node] : cluster.members(request.partition)) {
        count_node(report, *node, request, partition->share);
        if (meets(*node, *request.where)) {
            largest.see(node->state.node_class(), request.shape, partition->share);
        }
    }
    if (report.could == 0) {
        name_binding(report, request.shape, largest);
    }
    return report;
}

Expected<Done, Refusal> could_ever_fit(const Cluster& cluster, const GangRequest& request) {
    KHU_CHECK(cluster.partition(request.partition) != nullptr, "{}", request.partition.value);
    if (Expected<Done, Refusal> known = known_names(cluster, request); !known) {
        return known;
    }
    const int segment = request.where->segment;
    if (segment > 0 && request.nodes % segment != 0) {
        return Unexpected{Refusal(Code::SegmentsDoNotDivide)
                              .with("nodes", request.nodes)
                              .with("segment", segment)};
    }
    const Ever could = ever(cluster, request);
    if (could.none_fits) {
        return Unexpected{impossible_shape(request, fit_report(cluster, request))};
    }
    if (could.nodes < request.nodes) {
        return Unexpected{Refusal(Code::TooFewNodes)
                              .with("nodes", request.nodes)
                              .with("partition", request.partition.value)
                              .with("fitting", could.nodes)};
    }
    return Done{};
}

}  // namespace khu
