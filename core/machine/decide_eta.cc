/// Telling jobs that wait when they will start, as soon as that can be said of them.

#include "core/base/limits.h"
#include "core/machine/decide.h"
#include "core/machine/eta.h"

namespace khu::decide_detail {

/// One fact for all that can be told now. The others (behind too many, asleep, without a grant) are
/// looked at again after a while.
Decided on(State& state, const GiveEtas&, Moment now) {
    Decision decision;
    if (state.eta_due_at > now || !state.truth.policy) {
        return decision;
    }
    const bool some_wait = state.scheduler.queue().size() > 0;
    state.eta_due_at = some_wait ? now + limits::eta_again : kNever;
    EtasGiven given;
    for (const JobEta& each : etas_of(state, now)) {
        if (may_be_told(state.truth.jobs.at(each.job))) {
            given.etas.push_back(each);
        }
    }
    if (!given.etas.empty()) {
        decision.facts.push_back(std::move(given));
    }
    return decision;
}

}  // namespace khu::decide_detail
