#include "core/sim/controller.h"

#include <algorithm>

namespace khu::sim {
namespace {

bool same(const Truth& a, const Truth& b) {
    return a.last == b.last && a.next_job == b.next_job && a.jobs == b.jobs && a.books == b.books &&
           a.nodes == b.nodes && a.keys == b.keys && a.promises == b.promises &&
           a.reserved == b.reserved && a.booked == b.booked &&
           a.counted_booked == b.counted_booked && a.policy == b.policy && a.layers == b.layers &&
           a.ledger.state() == b.ledger.state();
}

}  // namespace

Controller::Controller(Clockwork& time, Random& random, bool slow_store, Perform perform)
    : time_(time), random_(random), slow_store_(slow_store), perform_(std::move(perform)) {
    machine_ = std::make_unique<Machine>(ZoneId{"sim"});
}

void Controller::tell(const Command& command, Answered answered) {
    if (!machine_) {
        return;
    }
    Turn turn{.facts = {}, .effects = {}, .outcome = machine_->handle(command, time_.now())};
    turn.answered = std::move(answered);
    turn.facts = turn.outcome.facts;
    turn.effects = turn.outcome.effects;
    if (!turn.facts.empty()) {
        run_rounds(turn);
    }
    hand_over(std::move(turn));
}

/// Until one decides nothing more, as khud does.
void Controller::run_rounds(Turn& turn) {
    for (bool more = true; more;) {
        const Outcome round = machine_->handle(RunRound{}, time_.now());
        more = !round.facts.empty();
        turn.facts.insert(turn.facts.end(), round.facts.begin(), round.facts.end());
        turn.effects.insert(turn.effects.end(), round.effects.begin(), round.effects.end());
    }
}

void Controller::tick() {
    if (!machine_ || machine_->next_wake() > time_.now()) {
        return;
    }
    Turn turn{.facts = {}, .effects = {}, .outcome = machine_->handle(Tick{}, time_.now())};
    turn.facts = turn.outcome.facts;
    turn.effects = turn.outcome.effects;
    run_rounds(turn);
    hand_over(std::move(turn));
}

/// Everything that waits is committed as one batch, as soon as the batch before it is stored.
void Controller::hand_over(Turn turn) {
    for (const Effect& effect : turn.effects) {
        if (const auto* archive = std::get_if<ArchiveJob>(&effect)) {
            leaving_.insert(archive->job.id);
        }
    }
    waiting_.push_back(std::move(turn));
    if (!storing_) {
        begin_batch();
    }
}

void Controller::begin_batch() {
    storing_ = !waiting_.empty();
    if (!storing_) {
        return;
    }
    const Span takes = milliseconds(random_.between(0, slow_store_ ? 800 : 3));
    const std::uint64_t life = life_;
    time_.in(takes, [this, life, batch = std::move(waiting_)]() mutable {
        if (life == life_) {  // else it was forgotten with the crash
            commit(std::move(batch));
            begin_batch();
        }
    });
    waiting_.clear();
}

void Controller::commit(std::vector<Turn> batch) {
    for (const Turn& turn : batch) {
        store_.facts.insert(store_.facts.end(), turn.facts.begin(), turn.facts.end());
    }
    for (const Turn& turn : batch) {
        for (const Effect& effect : turn.effects) {
            if (const auto* archive = std::get_if<ArchiveJob>(&effect)) {
                leaving_.erase(archive->job.id);
            }
            perform_(effect);
        }
        if (turn.answered) {
            turn.answered(turn.outcome);
        }
    }
}

void Controller::crash() {
    ++life_;
    machine_.reset();
    leaving_.clear();
    waiting_.clear();
    storing_ = false;
}

std::optional<std::string> Controller::recover() {
    KHU_CHECK(!machine_);
    auto whole = std::make_unique<Machine>(ZoneId{"sim"});
    for (const Stamped& fact : store_.facts) {
        whole->replay(fact);
    }
    if (store_.snapshot) {
        Machine short_way(ZoneId{"sim"});
        short_way.load(*store_.snapshot);
        for (const Stamped& fact : store_.facts) {
            if (fact.seq > store_.snapshot->last) {
                short_way.replay(fact);
            }
        }
        if (!same(whole->state().truth, short_way.state().truth)) {
            return "I15 a snapshot and the facts after it give another state than all facts";
        }
    }
    if (random_.chance(500)) {
        store_.snapshot = whole->state().truth;
    }
    machine_ = std::make_unique<Machine>(ZoneId{"sim"});
    machine_->load(whole->state().truth);
    machine_->recovered(time_.now());
    return std::nullopt;
}

}  // namespace khu::sim
