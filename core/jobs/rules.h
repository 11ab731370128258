#pragma once

/// \file
/// What only some jobs ask for: where beyond a partition, after which other jobs, until when. Each
/// is boxed in the spec (core/base/boxed.h), so that a job without it pays a pointer.

#include <cstdint>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

/// Which nodes beyond those of the partition, and how they must stand to one another.
struct NodeRules {
    std::vector<NodeName> include;      ///< only these; empty: all. Ascending
    std::vector<NodeName> exclude;      ///< none of these. Ascending
    std::vector<FeatureName> features;  ///< each node has all of them. Ascending
    int segment{0};      ///< the gang is made of groups of so many nodes; 0: it need not be
    Text segment_level;  ///< of the zone tree: each group stands in one such, "rack"
    Text reservation{};  ///< only its nodes, and only inside its window; empty: none
    auto operator<=>(const NodeRules&) const = default;
};
KHU_DESCRIBE(NodeRules, include, exclude, features, segment, segment_level, reservation)

/// How another job must stand for this one to be let go.
///     Ok      it has ended well
///     Any     it has ended, however
///     NotOk   it has ended, and not well
///     Start   it has begun to run, or has ended without
enum class After : std::uint8_t { Ok, Any, NotOk, Start };
KHU_DESCRIBE_ENUM(After, Ok, Any, NotOk, Start)

struct Dependency {
    JobId job;
    After on{After::Ok};
    bool operator==(const Dependency&) const = default;
};
KHU_DESCRIBE(Dependency, job, on)

/// When a job may begin, beside its begin time.
struct TimeRules {
    std::vector<Dependency> after;  ///< all of them
    bool singleton{
        false};       ///< after every earlier job of that user and name; written out in `after`
    Moment deadline;  ///< it must have ended by then; 0: whenever
    bool operator==(const TimeRules&) const = default;
};
KHU_DESCRIBE(TimeRules, after, singleton, deadline)

/// Indices first, first + step, ... up to last.
struct IndexRange {
    int first{0};
    int last{0};
    int step{1};
    bool operator==(const IndexRange&) const = default;
};
KHU_DESCRIBE(IndexRange, first, last, step)

/// Of an array its indices; of an element of one, which it is (core/jobs/array.h).
struct ArrayRules {
    std::vector<IndexRange> indices;  ///< of an array
    int running_max{0};               ///< of an array: live elements at a time; 0: any number
    JobId of;                         ///< of an element: its array
    int index{-1};                    ///< of an element; -1: it is none
    bool operator==(const ArrayRules&) const = default;
};
KHU_DESCRIBE(ArrayRules, indices, running_max, of, index)

/// So many of a counted resource of the zone, for as long as an attempt has its nodes.
struct CountedWish {
    ResourceId resource;
    int count{1};
    auto operator<=>(const CountedWish&) const = default;
};
KHU_DESCRIBE(CountedWish, resource, count)

/// Licences, lab benches: what a job needs that is on no node (core/machine/counted.h).
struct CountedWishes {
    std::vector<CountedWish> all;  ///< ascending by resource, each named once
    auto operator<=>(const CountedWishes&) const = default;
};
KHU_DESCRIBE(CountedWishes, all)

}  // namespace khu
