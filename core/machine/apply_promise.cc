/// Facts about places that are promised to jobs for which others give way (schedule/clearings.h).

#include "core/machine/apply.h"

namespace khu::apply_detail {

void end_promise(State& state, JobId job) {
    if (state.truth.promises.erase(job) > 0) {
        state.scheduler.promise_over(job);
        lending_again(state);
    }
}

Effects on(State& state, const PlacePromised& fact, Moment) {
    state.truth.jobs.at(fact.job).others_gave_way = true;
    state.truth.promises[fact.job] = {
        .nodes = fact.nodes, .by = fact.free_by, .alternative = fact.alternative};
    state.scheduler.place_promised(fact.job, fact.nodes, fact.free_by, fact.alternative);
    return {};
}

Effects on(State& state, const PromiseLapsed& fact, Moment at) {
    state.truth.promises.erase(fact.job);
    state.scheduler.promise_lapsed(fact.job, at);
    lending_again(state);
    return {};
}

}  // namespace khu::apply_detail
