#include "core/sim/host.h"

namespace khu::sim {

namespace {

/// On the nodes of an MPI job but the first, ranks run under mpirun of the first: nothing there
/// ends by itself.
bool only_waits(const StartAttempt& order) {
    return order.spec.launcher == Launcher::Mpi && order.node_rank != 0;
}

}  // namespace

Host::Host(Clockwork& time, Random& random, Hello hello, int drift_ppm, Events events)
    : time_(time),
      random_(random),
      hello_(std::move(hello)),
      drift_ppm_(drift_ppm),
      born_(time.now()),
      events_(std::move(events)) {}

Moment Host::local() const {
    const std::int64_t passed = (time_.now() - born_).value;
    return Moment{1'000'000 + passed + passed * drift_ppm_ / 1'000'000};
}

void Host::start_agent() {
    KHU_CHECK(!node_);
    ++hello_.run;
    node_ = std::make_unique<NodeMachine>(hello_);
    for (const auto& [key, process] : processes_) {
        const AgentStage stage = process.result    ? AgentStage::Ended
                                 : process.running ? AgentStage::Running
                                                   : AgentStage::Prepared;
        node_->adopt(process.order, stage, process.result, lease_until_);
    }
}

void Host::crash_agent() {
    node_.reset();
    // What was being prepared had no shepherd yet.
    std::erase_if(processes_, [](const auto& entry) { return !entry.second.prepared; });
}

void Host::crash_host() {
    crash_agent();
    ++life_;
    for (auto& [key, process] : processes_) {
        if (!process.result) {
            AttemptResult lost;
            lost.rank_ran = process.running;
            lost.signal = 9;
            lost.end = NodeEnd::Lost;
            process.result = lost;
            process.running = false;
            events_.part_ended(process.order);
        }
    }
}

void Host::connected() {
    if (node_) {
        perform(node_->connected(local()));
    }
}

void Host::disconnected() {
    if (node_) {
        node_->disconnected();
    }
}

void Host::receive(const ToAgent& message) {
    if (node_) {
        perform(node_->receive(message, local()));
    }
}

void Host::tick() {
    if (lease_until_ <= local()) {  // each shepherd sees this by itself
        for (auto& [key, process] : processes_) {
            if (!process.result) {
                AttemptResult killed;
                killed.signal = 9;
                killed.rank_ran = process.running;
                killed.end = NodeEnd::LeaseOver;
                end(key, killed);
            }
        }
    }
    if (node_) {
        perform(node_->tick(local()));
    }
}

void Host::perform(NodeEffects effects) {
    for (const NodeEffect& effect : effects) {
        std::visit([this](const auto& each) { on(each); }, effect);
    }
}

void Host::on(const FromAgent& effect) {
    events_.send(effect);
}

void Host::on(const PrepareAttempt& effect) {
    const AttemptKey key{effect.order.job, effect.order.attempt};
    processes_[key] = Process{.order = effect.order};
    const std::uint64_t life = life_;
    time_.in(milliseconds(random_.between(1, 400)), [this, key, life] {
        const auto found = processes_.find(key);
        if (life != life_ || !node_ || found == processes_.end() || found->second.result) {
            return;
        }
        found->second.prepared = true;
        perform(node_->prepared(key, local()));
        const auto still = processes_.find(key);
        if (still != processes_.end() && still->second.order.run_at_once) {
            launch(key);
        }
    });
}

void Host::on(const LaunchAttempt& effect) {
    launch(effect.key);
}

void Host::launch(AttemptKey key) {
    const auto found = processes_.find(key);
    if (found == processes_.end() || found->second.result || found->second.running ||
        found->second.stopping || lease_until_ <= local()) {
        return;
    }
    found->second.running = true;
    found->second.began_at = time_.now();
    end_by_itself(key);
    if (node_) {
        perform(node_->running(key, local()));
    }
}

void Host::on(const EndAttempt& effect) {
    const auto found = processes_.find(effect.key);
    if (found == processes_.end() || found->second.result) {
        return;
    }
    found->second.stopping = true;
    AttemptResult result;
    result.signal = effect.signal == 9 ? 9 : 15;
    result.rank_ran = found->second.running;
    result.end = effect.lease_over ? NodeEnd::LeaseOver : NodeEnd::Asked;
    // Some processes ignore TERM and live until KILL comes.
    const Span takes = random_.chance(300) ? effect.grace : milliseconds(random_.between(1, 300));
    end_later(effect.key, takes, result);
}

void Host::end_by_itself(AttemptKey key) {
    const Span after = seconds(random_.between(1, 200));
    AttemptResult result;
    result.exit_code = random_.chance(150) ? 1 : 0;
    if (only_waits(processes_.at(key).order)) {
        return;
    }
    if (random_.chance(300)) {
        declare_checkpoint(key, Span{random_.between(1, after.value)});
    }
    const std::uint64_t life = life_;
    time_.in(after, [this, key, life, result] {
        const auto found = processes_.find(key);
        if (life != life_ || found == processes_.end() || found->second.result) {
            return;
        }
        if (result.exit_code != 0) {
            events_.rank_failed(key);
        }
        end(key, result);
    });
}

void Host::declare_checkpoint(AttemptKey key, Span after) {
    const std::uint64_t life = life_;
    time_.in(after, [this, key, life] {
        const auto found = processes_.find(key);
        if (life == life_ && node_ && found != processes_.end() && found->second.running) {
            const auto stamp = static_cast<std::uint64_t>(local().value);
            perform(node_->checkpointed(
                key, {.stamp = stamp, .at = local(), .path = "/home/an/checkpoint"}, local()));
        }
    });
}

void Host::part_is_gone(AttemptKey key) {
    const auto found = processes_.find(key);
    if (found != processes_.end() && found->second.running && !only_waits(found->second.order)) {
        AttemptResult broken;
        broken.exit_code = 1;
        end(key, broken);
    }
}

void Host::on(const ForgetAttempt& effect) {
    processes_.erase(effect.key);
}

void Host::on(const LeaseUntil& effect) {
    lease_until_ = effect.at;
}

void Host::end_later(AttemptKey key, Span after, AttemptResult result) {
    const std::uint64_t life = life_;
    time_.in(after, [this, key, life, result] {
        if (life == life_) {
            end(key, result);
        }
    });
}

void Host::end(AttemptKey key, AttemptResult result) {
    const auto found = processes_.find(key);
    if (found == processes_.end() || found->second.result) {
        return;
    }
    const bool breaks_others = found->second.running && result.end != NodeEnd::Itself;
    found->second.running = false;
    found->second.result = result;
    if (breaks_others) {
        events_.part_ended(found->second.order);
    }
    if (node_) {
        perform(node_->ended(key, result, local()));
    }
}

}  // namespace khu::sim
