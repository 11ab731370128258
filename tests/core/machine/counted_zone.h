#pragma once

/// \file
/// The small zone with licences and a bench, and what tests of counted resources ask of it.

#include "tests/core/machine/zone_books.h"

namespace khu::testing {

inline const ResourceId eda{"eda-licence"};
inline const ResourceId bench{"bench-rf"};

/// Enough GPUs and hours for everybody: only the resources are short. Who came first is first.
inline Policy counted_policy(int licences = 2, int benches = 1) {
    Policy made = rich_policy();
    made.partitions.front().order = OrderStrategy::Fifo;
    made.resources = {{.id = eda, .kind = ResourceKind::Licence, .count = licences},
                      {.id = bench, .kind = ResourceKind::Bench, .count = benches}};
    return made;
}

/// A job of one GPU.
inline JobSpec with(const ResourceId& resource, int count, Span limit = hours(2)) {
    JobSpec spec = job_of(1, 1);
    spec.time_limit = limit;
    spec.counted = CountedWishes{{{resource, count}}};
    return spec;
}

/// And rounds until nothing starts, as khud does.
inline JobId submit(Zone& zone, const JobSpec& spec, const EnterpriseId& owner = sao_mai) {
    const JobId job = zone.submit(spec, owner);
    zone.round();
    return job;
}

inline bool runs(const Zone& zone, JobId id) {
    return zone.job(id) != nullptr && live_attempt(*zone.job(id)) != nullptr;
}

/// It has run, well, and another round has been.
inline void ends(Zone& zone, JobId id) {
    zone.run_to_end(id, milliseconds(0));
    zone.round();
}

/// "A159"; empty if it has no reason to wait.
inline std::string code_of(const Zone& zone, JobId id) {
    const auto why = zone.machine.state().scheduler.why(id, zone.now);
    return why ? std::string(info(why->code).id) : "";
}

inline std::int64_t used(const Zone& zone, const ResourceId& resource) {
    return counted_in_use(zone.machine.state(), resource);
}

}  // namespace khu::testing
