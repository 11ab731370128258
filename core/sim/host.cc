#include "core/sim/host.h"

namespace khu::sim {

Host::Host(Clockwork& time, Random& random, Hello hello, int drift_ppm, Send send)
    : time_(time),
      random_(random),
      hello_(std::move(hello)),
      drift_ppm_(drift_ppm),
      born_(time.now()),
      send_(std::move(send)) {}

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
            process.result = lost;
            process.running = false;
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
    send_(effect);
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
    AttemptResult result;
    result.exit_code = random_.chance(150) ? 1 : 0;
    end_later(key, seconds(random_.between(1, 200)), result);
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
    // Some processes ignore TERM and live until KILL comes.
    const Span takes = random_.chance(300) ? effect.grace : milliseconds(random_.between(1, 300));
    end_later(effect.key, takes, result);
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
    found->second.running = false;
    found->second.result = result;
    if (node_) {
        perform(node_->ended(key, result, local()));
    }
}

}  // namespace khu::sim
