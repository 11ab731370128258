/// What of the counted resources a job may ask for at all.

#include <algorithm>
#include <map>
#include <string_view>

#include "core/base/nearest.h"
#include "core/machine/citing.h"
#include "core/machine/counted.h"

namespace khu {
namespace {

template <class Id>
bool lists(const std::vector<Id>& ids, const Id& id) {
    return ids.empty() || std::ranges::find(ids, id) != ids.end();
}

bool open_to_programme(const CountedResource& resource, const JobSpec& spec) {
    return spec.programme.empty() ||  // A booking is of no programme.
           lists(resource.programmes, spec.programme);
}

bool open_to(const CountedResource& resource, const JobSpec& spec) {
    return open_to_programme(resource, spec) && lists(resource.enterprises, spec.enterprise);
}

/// "eda-licence, bench-rf"; "none".
template <class Which>
std::string names_of(const Policy& policy, Which which) {
    std::string names;
    for (const CountedResource& each : policy.resources) {
        if (which(each)) {
            names += (names.empty() ? "" : ", ") + each.id.value.str();
        }
    }
    return names.empty() ? "none" : names;
}

Refusal unknown_resource(const Policy& policy, const ResourceId& id) {
    std::vector<std::string_view> known;
    for (const CountedResource& each : policy.resources) {
        known.push_back(each.id.value);
    }
    return Refusal(Code::UnknownName)
        .with("what", "resource")
        .with("name", id.value)
        .with("known", names_of(policy, [](const CountedResource&) { return true; }))
        .with("nearest", std::string(nearest(id.value, known).value_or("-")));
}

}  // namespace

CountedWishes sorted(CountedWishes wishes) {
    std::map<ResourceId, int> counts;
    for (const CountedWish& wish : wishes.all) {
        counts[wish.resource] += wish.count;
    }
    wishes.all.clear();
    for (const auto& [resource, count] : counts) {
        wishes.all.push_back({resource, count});
    }
    return wishes;
}

std::optional<Refusal> counted_not_offered(const Policy& policy, const JobSpec& spec) {
    for (const CountedWish& wish : spec.counted->all) {
        const CountedResource* resource = find_resource(policy, wish.resource);
        if (resource == nullptr) {
            return unknown_resource(policy, wish.resource);
        }
        if (!open_to(*resource, spec)) {
            return Refusal(Code::NotOpen)
                .with("what", "resource")
                .with("name", wish.resource.value)
                .with("enterprise", spec.enterprise.value)
                .with("programme", spec.programme.value)
                .with("open",
                      names_of(policy,
                               [&](const CountedResource& each) { return open_to(each, spec); }))
                .limited_by(key_of(wish.resource, open_to_programme(*resource, spec)
                                                      ? "enterprises"
                                                      : "programmes"));
        }
    }
    return std::nullopt;
}

std::optional<Refusal> counted_over(const Policy& policy, const JobSpec& spec) {
    for (const CountedWish& wish : spec.counted->all) {
        const CountedResource& resource = *find_resource(policy, wish.resource);
        const bool own_limit =
            resource.max_per_enterprise > 0 && resource.max_per_enterprise < resource.count;
        const int limit = own_limit ? resource.max_per_enterprise : resource.count;
        if (wish.count > limit) {
            return Refusal(Code::OverLimit)
                .with("what", wish.resource.value)
                .with("asked", wish.count)
                .with("where", own_limit ? "one enterprise" : "the zone")
                .with("limit", limit)
                .limited_by(key_of(wish.resource, own_limit ? "max_per_enterprise" : "count"));
        }
    }
    return std::nullopt;
}

}  // namespace khu
