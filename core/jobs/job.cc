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

}  // namespace khu
