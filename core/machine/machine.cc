#include "core/machine/machine.h"

#include "core/machine/grant_terms.h"
#include "core/machine/reserving.h"
#include "core/machine/settle.h"

namespace khu {

Outcome Machine::handle(const Command& command, Moment now) {
    Outcome outcome;
    // Nothing of a new month comes before the cut. A node is heard also while nothing is stored.
    if (now >= state_.month_due_at && !std::holds_alternative<HearNode>(command)) {
        for (Fact& fact : months_due(state_, now)) {
            take(std::move(fact), now, outcome);
        }
    }
    if (!std::holds_alternative<HearNode>(command)) {
        turn_grants(now, outcome);
        turn_reservations(now, outcome);
    }
    Decided decided = decide(state_, command, now);
    if (!decided) {
        outcome.refusal = std::move(decided).error();
        return outcome;
    }
    Decision decision = std::move(decided).value();
    outcome.job = decision.job;
    outcome.existed = decision.existed;
    outcome.request = decision.request;
    for (Effect& reply : decision.replies) {
        outcome.effects.push_back(std::move(reply));
    }
    for (Fact& fact : decision.facts) {
        take(std::move(fact), now, outcome);
    }
    while (std::optional<Fact> next = consequence(state_, now)) {
        take(std::move(*next), now, outcome);
    }
    if (!std::holds_alternative<HearNode>(command)) {
        turn_grants(now, outcome);
        turn_reservations(now, outcome);
    }
    return outcome;
}

/// What the terms of its programme do to a grant comes before what is decided after that moment.
void Machine::turn_grants(Moment now, Outcome& outcome) {
    while (now >= state_.grant_due_at) {
        for (Fact& fact : grants_due(state_, now)) {
            take(std::move(fact), now, outcome);
        }
        state_.grant_due_at = next_grant_event(state_);
    }
}

/// Windows of the calendar get and give up their nodes before anybody starts on them.
void Machine::turn_reservations(Moment now, Outcome& outcome) {
    if (now < state_.reservation_due_at) {
        return;
    }
    for (std::vector<Fact> due = reservations_due(state_, now); !due.empty();
         due = reservations_due(state_, now)) {
        for (Fact& fact : due) {
            take(std::move(fact), now, outcome);
        }
    }
    state_.reservation_due_at = next_reservation_event(state_, now);
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
