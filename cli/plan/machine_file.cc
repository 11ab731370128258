#include "cli/plan/machine_file.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "cli/files.h"
#include "cli/plan/inventory_file.h"
#include "config/values.h"
#include "config/yaml_tree.h"
#include "core/base/limits.h"
#include "core/base/nearest.h"

namespace khu::cli {
namespace {

using config::Entry;
using config::Node;
using config::NodeKind;
using config::Place;

/// What stands in a node of which nothing else is known; whole nodes are taken, never cores.
constexpr int kCoresPerGpu = 8;
constexpr int kCoresOfPlainNode = 2;

class MachineReader {
public:
    MachineReader(const std::string& file, std::vector<Complaint>& complaints)
        : file_(file), complaints_(complaints) {}

    MachineFile read(const Node& root) {
        constexpr auto keys = std::to_array<std::string_view>(
            {"nodes", "gpus_per_node", "cores_per_node", "rack_of", "cores", "classes", "tenants"});
        if (!is_map(root, "", keys)) {
            return {};
        }
        const int forms = static_cast<int>(has(root, "nodes") || has(root, "tenants")) +
                          static_cast<int>(has(root, "cores")) +
                          static_cast<int>(has(root, "classes"));
        if (forms != 1) {
            complain("P004", root.place, "", "exactly one of nodes, cores and classes is required",
                     "cần đúng một trong nodes, cores và classes");
            return {};
        }
        if (has(root, "classes")) {
            read_classes(root);
        } else if (has(root, "cores")) {
            read_cores(root);
        } else {
            read_nodes(root);
        }
        return std::move(made_);
    }

private:
    void complain(std::string code, Place at, std::string path, std::string en, std::string vi) {
        complaints_.push_back({std::move(code), Severity::Error, std::move(path), std::move(en),
                               std::move(vi), file_, at.line, at.column});
    }

    static const Node* find(const Node& map, std::string_view key) {
        const auto found = std::ranges::find(map.entries, key, &Entry::key);
        return found == map.entries.end() ? nullptr : &found->value;
    }
    static bool has(const Node& map, std::string_view key) { return find(map, key) != nullptr; }

    /// A map with no other keys than `keys`.
    bool is_map(const Node& node, const std::string& path, std::span<const std::string_view> keys) {
        if (node.kind != NodeKind::Map) {
            complain("P017", node.place, path, "keys with values are expected here",
                     "ở đây cần các khoá và giá trị");
            return false;
        }
        for (const Entry& entry : node.entries) {
            if (std::ranges::find(keys, entry.key) == keys.end()) {
                unknown(entry, path, keys);
            }
        }
        return true;
    }

    void unknown(const Entry& entry, const std::string& path,
                 std::span<const std::string_view> keys) {
        const std::string where = (path.empty() ? "" : path + ".") + entry.key.substr(0, 60);
        const std::string near(nearest(entry.key, keys).value_or(""));
        complain("P007", entry.key_place, where,
                 near.empty() ? fmt::format("unknown key; the keys are {}", fmt::join(keys, ", "))
                              : fmt::format("unknown key; did you mean '{}'?", near),
                 near.empty()
                     ? fmt::format("khoá không tồn tại; các khoá là {}", fmt::join(keys, ", "))
                     : fmt::format("khoá không tồn tại; có phải bạn muốn '{}'?", near));
    }

    /// `otherwise` if the key is not there; 0 after a complaint.
    int number(const Node& map, const std::string& path, std::string_view key,
               std::pair<std::int64_t, std::int64_t> range, std::optional<int> otherwise) {
        const Node* node = find(map, key);
        const std::string where = (path.empty() ? "" : path + ".") + std::string(key);
        if (node == nullptr && otherwise) {
            return *otherwise;
        }
        if (node == nullptr || node->kind != NodeKind::Scalar) {
            complain(node == nullptr ? "P004" : "P017", node == nullptr ? map.place : node->place,
                     where, "a whole number is required", "cần một số nguyên");
            return 0;
        }
        const config::Value<std::int64_t> read =
            config::parse_whole(node->text, range.first, range.second);
        if (!read) {
            complain(read.error().code, node->place, where, read.error().why_en,
                     read.error().why_vi);
        }
        return read ? static_cast<int>(*read) : 0;
    }

    void read_nodes(const Node& root) {
        const int gpus = number(root, "", "gpus_per_node", {0, limits::boards_per_node_max}, 0);
        const int least = gpus > 0 ? gpus * kCoresPerGpu : kCoresOfPlainNode;
        const int cores =
            number(root, "", "cores_per_node", {least, limits::cores_per_node_max}, least);
        const Inventory node = plan::plain_node(gpus, std::max(cores, least));
        rack_of_ = number(root, "", "rack_of", {1, limits::nodes_max}, 0);
        made_.counted = gpus > 0 ? Counted::Gpus : Counted::Nodes;
        int of_tenants = 0;
        if (const Node* tenants = find(root, "tenants"); tenants != nullptr) {
            of_tenants = read_tenants(*tenants, node);
        }
        const int all = number(root, "", "nodes", {1, limits::nodes_max}, of_tenants);
        if (all < of_tenants && complaints_.empty()) {
            complain("P050", find(root, "nodes")->place, "nodes",
                     fmt::format("{} nodes, but its tenants have {}", all, of_tenants),
                     fmt::format("có {} nút, nhưng các đơn vị thuê có {}", all, of_tenants));
        } else if (all > of_tenants) {
            made_.machine.groups.push_back(
                {.count = all - of_tenants, .inventory = node, .rack_of = rack_of_, .tenant = ""});
        }
    }

    /// How many nodes they have together.
    int read_tenants(const Node& tenants, const Inventory& node) {
        constexpr auto keys = std::to_array<std::string_view>({"nodes"});
        if (tenants.kind != NodeKind::Map || tenants.entries.empty()) {
            complain("P017", tenants.place, "tenants", "names are expected: {NAME: {nodes: 64}}",
                     "cần tên: {TÊN: {nodes: 64}}");
            return 0;
        }
        int all = 0;
        for (const Entry& entry : tenants.entries) {
            const std::string path = "tenants." + entry.key.substr(0, 60);
            if (is_map(entry.value, path, keys)) {
                const int count = number(entry.value, path, "nodes", {1, limits::nodes_max}, {});
                all += count;
                made_.machine.groups.push_back(
                    {.count = count, .inventory = node, .rack_of = rack_of_, .tenant = entry.key});
            }
        }
        return all;
    }

    void read_cores(const Node& root) {
        refuse_beside(root, "cores");
        const int cores = number(root, "", "cores", {1, limits::cores_per_node_max}, {});
        made_.counted = Counted::Cores;
        made_.machine.cores_only = true;
        made_.machine.groups.push_back({.count = 1,
                                        .inventory = plan::plain_node(0, std::max(cores, 1)),
                                        .rack_of = 0,
                                        .tenant = ""});
    }

    void refuse_beside(const Node& root, std::string_view form) {
        for (const Entry& entry : root.entries) {
            if (entry.key != form) {
                complain("P017", entry.key_place, entry.key,
                         fmt::format("it does not go with {}", form),
                         fmt::format("không đi cùng với {}", form));
            }
        }
    }

    void read_classes(const Node& root) {
        refuse_beside(root, "classes");
        const Node& classes = *find(root, "classes");
        if (classes.kind != NodeKind::Sequence || classes.items.empty()) {
            complain("P017", classes.place, "classes",
                     "a list is expected: [{count: 16, topology: node.json}]",
                     "cần một danh sách: [{count: 16, topology: node.json}]");
            return;
        }
        for (std::size_t i = 0; i < classes.items.size(); ++i) {
            read_class(classes.items[i], fmt::format("classes[{}]", i));
        }
        const auto has_gpus = [](const plan::NodeGroup& group) {
            return !group.inventory.gpus.empty();
        };
        made_.counted =
            std::ranges::any_of(made_.machine.groups, has_gpus) ? Counted::Gpus : Counted::Nodes;
    }

    void read_class(const Node& item, const std::string& path) {
        constexpr auto keys = std::to_array<std::string_view>({"count", "topology", "rack_of"});
        if (!is_map(item, path, keys)) {
            return;
        }
        plan::NodeGroup group;
        group.count = number(item, path, "count", {1, limits::nodes_max}, {});
        group.rack_of = number(item, path, "rack_of", {1, limits::nodes_max}, 0);
        const Node* topology = find(item, "topology");
        if (topology == nullptr || topology->kind != NodeKind::Scalar) {
            complain("P004", topology == nullptr ? item.place : topology->place, path + ".topology",
                     "the name of a file is required", "cần tên tệp");
            return;
        }
        Expected<Inventory, BadInventory> inventory = read_inventory(beside(topology->text));
        if (!inventory) {
            complain(inventory.error().code, topology->place, path + ".topology",
                     inventory.error().en, inventory.error().vi);
            return;
        }
        group.inventory = *std::move(inventory);
        made_.machine.groups.push_back(std::move(group));
    }

    /// A relative name counts from the folder of the machine file.
    [[nodiscard]] std::string beside(const std::string& name) const {
        const std::size_t slash = file_.rfind('/');
        const bool here = name.starts_with('/') || slash == std::string::npos;
        return here ? name : file_.substr(0, slash + 1) + name;
    }

    const std::string& file_;
    std::vector<Complaint>& complaints_;
    MachineFile made_;
    int rack_of_{0};  ///< of the form with nodes
};

}  // namespace

Expected<MachineFile, std::vector<Complaint>> read_machine(const std::string& path) {
    const config::TreeLimits bounds = config::job_file_limits();
    const Expected<std::string, FileFault> text = read_file(path, bounds.bytes_max);
    if (!text) {
        const std::string why = path + ": " + text.error().why;
        return Unexpected{std::vector<Complaint>{
            {.code = "P000", .path = "", .text_en = why, .text_vi = why, .file = ""}}};
    }
    config::Tree tree = config::read_tree(*text, path, bounds);
    std::vector<Complaint> complaints = std::move(tree.complaints);
    if (!tree.readable) {
        return Unexpected{std::move(complaints)};
    }
    MachineFile machine = MachineReader(path, complaints).read(tree.root);
    if (!complaints.empty()) {
        return Unexpected{std::move(complaints)};
    }
    return machine;
}

}  // namespace khu::cli
