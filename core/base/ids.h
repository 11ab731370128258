#pragma once

/// \file
/// A type for each kind of name and number, so that a job id cannot be passed where a node id is
/// meant. Numbers are given once and never again; names come from the policy or from people and are
/// bounded in limits.h.

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "core/base/describe.h"
#include "core/base/text.h"

namespace khu {

template <class Tag>
struct Number {
    std::uint64_t value{0};

    constexpr Number() = default;
    constexpr explicit Number(std::uint64_t v) : value(v) {}
    constexpr auto operator<=>(const Number&) const = default;
};

template <class Tag>
struct Name {
    Text value;

    Name() = default;
    explicit Name(std::string v) : value(std::move(v)) {}
    explicit Name(Text v) : value(std::move(v)) {}
    auto operator<=>(const Name&) const = default;
    [[nodiscard]] bool empty() const { return value.empty(); }
};

using JobId = Number<struct JobTag>;              ///< one submission, also across its attempts
using AttemptNumber = Number<struct AttemptTag>;  ///< 1, 2, ... within a job
using NodeId = Number<struct NodeTag>;            ///< given when a node first joins the zone
using EventSeq = Number<struct EventTag>;         ///< position of a fact in the zone's history
using LedgerSeq = Number<struct LedgerTag>;       ///< position of an entry in the books
using Epoch = Number<struct EpochTag>;  ///< rises each time an agent registers; fences the old one

using EnterpriseId = Name<struct EnterpriseTag>;  ///< tax code, "0401000001" or "0401000001-001"
using UserId = Name<struct UserTag>;              ///< pseudonymous, "u-3f2a"
using ProgrammeId = Name<struct ProgrammeTag>;    ///< "kn-80"
using PartitionId = Name<struct PartitionTag>;    ///< "gpu-h100"
using QosId = Name<struct QosTag>;                ///< "thuong"
using FunderId = Name<struct FunderTag>;          ///< "nat-quy-ai"
using MeterId = Name<struct MeterTag>;            ///< "vcpu", of another service
using ResourceId = Name<struct ResourceTag>;      ///< "eda-licence", of which there are so many
using GrantId = Name<struct GrantTag>;            ///< "DN-2026-0107"
using PolicyId = Name<struct PolicyTag>;          ///< "dn-cvpm2-2026.2"
using ZoneId = Name<struct ZoneTag>;              ///< "dn-cvpm2"
using NodeName = Name<struct NodeNameTag>;        ///< "gn01"
using FeatureName = Name<struct FeatureTag>;      ///< of a node, "nvme"
using PlaceName = Name<struct PlaceTag>;          ///< a room, rack or switch, "A1"
using GpuModel = Name<struct GpuModelTag>;        ///< "h100", as the policy's weights name it

/// One placement of a job, from resources taken to resources given back: the key of its holds.
struct AttemptKey {
    JobId job;
    AttemptNumber attempt;
    auto operator<=>(const AttemptKey&) const = default;
};
KHU_DESCRIBE(AttemptKey, job, attempt)

}  // namespace khu

template <class Tag>
struct std::hash<khu::Number<Tag>> {
    std::size_t operator()(khu::Number<Tag> id) const noexcept {
        return std::hash<std::uint64_t>{}(id.value);
    }
};
template <class Tag>
struct std::hash<khu::Name<Tag>> {
    std::size_t operator()(const khu::Name<Tag>& id) const noexcept {
        return std::hash<std::string>{}(id.value);
    }
};
template <>
struct std::hash<khu::AttemptKey> {
    std::size_t operator()(khu::AttemptKey key) const noexcept {
        return std::hash<std::uint64_t>{}(key.job.value * 1'000'003 + key.attempt.value);
    }
};
