#pragma once

/// \file
/// A YAML text as a small tree that keeps what yaml-cpp throws away: the place of every key and
/// value, whether a scalar was quoted, and its very characters. yaml-cpp 0.7 alone reads 010 as 8,
/// accepts a key twice, takes the first of two documents and expands alias bombs; here every scalar
/// stays text, and duplicates, anchors, aliases, merge keys, tags, second documents and texts
/// beyond the bounds are complaints (P002, P003, P005, P006, P008). A text that is no YAML at all
/// is P000.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy/complaint.h"

namespace khu::config {

/// From 1, in lines and characters.
struct Place {
    int line{1};
    int column{1};
    bool operator==(const Place&) const = default;
};

enum class NodeKind {
    Null,  ///< nothing, ~ or null, not quoted
    Scalar,
    Sequence,
    Map,
    Refused,  ///< an alias: already complained about
};

struct Entry;

struct Node {
    NodeKind kind{NodeKind::Null};
    Place place;
    std::string text;            ///< Scalar: the characters, escapes resolved
    bool quoted{false};          ///< Scalar: in quotes or a block
    std::vector<Node> items;     ///< Sequence
    std::vector<Entry> entries;  ///< Map: keys are unique
};

struct Entry {
    std::string key;
    bool key_quoted{false};
    Place key_place;
    Node value;
};

struct TreeLimits {
    std::int64_t bytes_max{0};
    std::int64_t depth_max{0};
    std::int64_t nodes_max{0};
};

struct Tree {
    Node root;
    std::vector<Complaint> complaints;
    /// False where the text could not be followed to its end: then `root` is not worth reading.
    bool readable{false};
};

/// Never throws. The time is linear in the text, also for hostile ones.
Tree read_tree(std::string_view text, const std::string& file, const TreeLimits& limits);

/// The bounds of policies (limits.h), and of the much smaller job files.
TreeLimits policy_limits();
TreeLimits job_file_limits();

/// Complaints are cut off here: nobody reads more, and a hostile file must not cost memory.
inline constexpr std::size_t complaints_max = 200;

}  // namespace khu::config
