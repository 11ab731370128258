#include "core/machine/machine.h"

namespace khu {

Outcome Machine::handle(const Command& command, Moment now) {
    Outcome outcome;
    Decided decided = decide(state_, command, now);
    if (!decided) {
        outcome.refusal = std::move(decided).error();
        return outcome;
    }
    Decision decision = std::move(decided).value();
    outcome.job = decision.job;
    outcome.existed = decision.existed;
    outcome.request = decision.request;
    outcome.effects = std::move(decision.replies);
    for (Fact& fact : decision.facts) {
        take(std::move(fact), now, outcome);
    }
    while (std::optional<Fact> next = consequence(state_, now)) {
        take(std::move(*next), now, outcome);
    }
    return outcome;
}

void Machine::take(Fact fact, Moment now, Outcome& outcome) {
    const bool durable = is_durable(fact);
    const EventSeq last = state_.truth.last;
    Stamped stamped{
        .seq = durable ? EventSeq{last.value + 1} : last, .at = now, .fact = std::move(fact)};
    for (Effect& effect : apply(state_, stamped)) {
        outcome.effects.push_back(std::move(effect));
    }
    if (durable) {
        outcome.facts.push_back(std::move(stamped));
    }
}

void Machine::load(Truth truth) {
    state_ = State(truth.zone);
    state_.truth = std::move(truth);
    restore(state_, state_.truth.last_at);
}

void Machine::replay(const Stamped& fact) {
    apply(state_, fact);
}

void Machine::recovered(Moment now) {
    for (auto& [id, heard] : state_.heard_at) {
        heard = now;
    }
}

}  // namespace khu
