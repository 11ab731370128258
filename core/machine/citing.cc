#include "core/machine/citing.h"

#include <algorithm>
#include <array>
#include <optional>

namespace khu {
namespace {

std::string path_in(std::string_view map, std::string_view id, std::string_view below) {
    std::string path;
    path.reserve(map.size() + id.size() + below.size() + 2);
    path.append(map).append(".").append(id).append(".").append(below);
    return path;
}

}  // namespace

RuleSource source_of(const State& state, std::string_view key) {
    const Truth& truth = state.truth;
    const auto& held = truth.layers.held;
    // The last of several is the tightest.
    const auto found = std::find_if(held.rbegin(), held.rend(),
                                    [&](const HeldKey& each) { return each.key == key; });
    if (found != held.rend()) {
        return found->source;
    }
    return {.layer = Layer::Zone,
            .policy = truth.policy->id.value,
            .line = line_of(truth.policy_lines, key)};
}

namespace {

/// A round knows reservations by their names only: one that stands in the policy is a limit of it.
/// "lesson@1775003600000" is one window of it, booked for an enterprise.
std::optional<std::string> key_of_reservation(const Policy& policy, const Refusal& refusal) {
    constexpr std::array about{Code::ReservationAhead, Code::ReservationNotOpen,
                               Code::ReservationOver};
    const auto named = std::ranges::find(refusal.data, "reservation", &Datum::key);
    if (std::ranges::find(about, refusal.code) == about.end() || named == refusal.data.end()) {
        return std::nullopt;
    }
    const auto& name = std::get<std::string>(named->value);
    const std::string id = name.substr(0, name.find('@'));
    const bool written = std::ranges::find(policy.calendar.reservations, id, &Reservation::id) !=
                         policy.calendar.reservations.end();
    return written ? std::optional("calendar.reservations." + id) : std::nullopt;
}

}  // namespace

Refusal cited(const State& state, Refusal refusal) {
    if (!state.truth.policy || cited_source(refusal)) {
        return refusal;
    }
    if (const std::string* key = limit_key(refusal)) {
        const RuleSource source = source_of(state, *key);
        return std::move(refusal).citing(source);
    }
    if (const auto key = key_of_reservation(*state.truth.policy, refusal)) {
        return std::move(refusal).limited_by(*key).citing(source_of(state, *key));
    }
    return refusal;
}

std::string key_of(const PartitionId& partition, std::string_view below) {
    return path_in("partitions", partition.value, below);
}

std::string key_of(const QosId& qos, std::string_view below) {
    return path_in("qos", qos.value, below);
}

std::string key_of(const ProgrammeId& programme, std::string_view below) {
    return path_in("programmes", programme.value, below);
}

std::string key_of(const FunderId& funder, std::string_view below) {
    return path_in("funders", funder.value, below);
}

std::string key_of(const EnterpriseId& enterprise, std::string_view below) {
    return path_in("enterprises", enterprise.value, below);
}

std::string key_of(const ResourceId& resource, std::string_view below) {
    return path_in("resources", resource.value, below);
}

}  // namespace khu
