#include "core/jobs/job.h"

#include <variant>

namespace khu {
namespace {

struct AttemptOf {
    template <class P>
    auto operator()(P& phase) const -> decltype(&*phase.attempt) {
        return &*phase.attempt;
    }
    const Attempt* operator()(const Queued&) const { return nullptr; }
    const Attempt* operator()(const Finished&) const { return nullptr; }
};

}  // namespace

const Attempt* live_attempt(const Job& job) {
    return std::visit([](const auto& phase) -> const Attempt* { return AttemptOf{}(phase); },
                      job.phase);
}

Attempt* live_attempt(Job& job) {
    return const_cast<Attempt*>(live_attempt(static_cast<const Job&>(job)));
}

std::optional<Moment> saved_at(const Job& job) {
    const Attempt* attempt = live_attempt(job);
    const bool its = attempt != nullptr && job.checkpoint->attempt == attempt->number;
    return its ? std::optional(job.checkpoint->at) : std::nullopt;
}

}  // namespace khu
