#include "agent/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/checkpoint_file.h"
#include "core/base/limits.h"
#include "wire/json.h"

namespace khu::agent {
namespace {

constexpr Span kLogPoll = milliseconds(100);
constexpr Span kCheckpointPoll = seconds(1);  // An open() for each attempt: microseconds.

}  // namespace

Moment boot_now() {
    timespec at{};
    ::clock_gettime(CLOCK_BOOTTIME, &at);
    return Moment{at.tv_sec * 1000 + at.tv_nsec / 1'000'000};
}

namespace {

NodeEnd end_of(const ShepherdResult& result) {
    if (result.fault_why == no_result) {
        return NodeEnd::Lost;
    }
    if (result.stop_reason.empty()) {
        return NodeEnd::Itself;
    }
    return result.stop_reason == lease_lost ? NodeEnd::LeaseOver : NodeEnd::Asked;
}

std::optional<StartAttempt> start_of(const std::optional<ShepherdOrder>& order) {
    if (!order) {
        return std::nullopt;
    }
    auto start = wire::from_json_text<StartAttempt>(order->start, wire::Unknown::Ignore);
    return start ? std::optional(std::move(start).value()) : std::nullopt;
}

}  // namespace

AttemptResult result_of(const ShepherdResult& result, const std::string& node) {
    AttemptResult out;
    out.exit_code = static_cast<int>(result.exit_code);
    out.signal = static_cast<int>(result.signal);
    out.oom = result.oom;
    out.rank_ran = result.started_ms != 0;
    out.duration = milliseconds(result.duration_ms);
    out.end = end_of(result);
    if (const std::optional<Refusal> fault = launch_fault(result, node)) {
        out.fault_code = std::string(info(fault->code).id);
        out.fault_text = text(*fault, Language::English);
    }
    return out;
}

DeclaredCheckpoint checkpoint_of(const ShepherdResult& result) {
    return {.stamp = static_cast<std::uint64_t>(result.checkpoint_stamp),
            .at = Moment{result.ended_ms - result.checkpoint_age_ms},
            .path = result.checkpoint_path};
}

Supervisor::Supervisor(SupervisorParts parts)
    : parts_(std::move(parts)),
      node_(parts_.hello),
      logs_(parts_.outputs, parts_.facts.name,
            [this](const OutputChunk& chunk) { on(FromAgent{chunk}); }),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Supervisor::connected() {
    post(Connected{});
}

void Supervisor::disconnected() {
    post(Disconnected{});
}

void Supervisor::received(std::string message) {
    post(std::move(message));
}

void Supervisor::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    post(Disconnected{});
}

void Supervisor::post(Incoming incoming) {
    {
        const std::lock_guard lock(mutex_);
        inbox_.push_back(std::move(incoming));
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Supervisor::adopt_what_lives() {
    for (const SpoolEntry& entry : parts_.spool.list()) {
        const std::optional<StartAttempt> order = start_of(parts_.spool.read_order(entry.key));
        if (!order) {
            parts_.log("attempt " + name_of(entry.key) + " has no order here; it is forgotten");
            parts_.spool.forget(entry.key);
            continue;
        }
        parts_.tokens.add(entry.key, order->token);
        std::optional<Attempt> living =
            entry.ended ? std::nullopt : parts_.shepherds.adopt(entry.key);
        if (living) {
            parts_.log("attempt " + name_of(entry.key) + " goes on");
            live_.emplace(entry.key, std::move(*living));
            node_.adopt(*order, AgentStage::Prepared, std::nullopt, boot_now() + limits::lease);
            continue;
        }
        const ShepherdResult result = parts_.shepherds.take_result(entry.key);
        node_.adopt(*order, AgentStage::Ended, result_of(result, parts_.facts.name), Moment{0});
        node_.checkpointed(entry.key, checkpoint_of(result), boot_now());
        groups_to_remove_.push_back(entry.key);
    }
    wait(boot_now() + milliseconds(live_.empty() ? 0 : 100));
    take_events();
}

void Supervisor::run() {
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) {
                return;
            }
        }
        Moment until = std::min(node_.next_wake(), boot_now() + seconds(1));
        if (logs_.follows()) {
            until = std::min(until, boot_now() + kLogPoll);
        }
        wait(until);
        take_inbox();
        take_events();
        look_for_checkpoints();
        perform(node_.tick(boot_now()));
        logs_.poll();
        remove_groups();
    }
}

void Supervisor::wait(Moment until) {
    std::vector<pollfd> watched{{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    for (const auto& [key, attempt] : live_) {
        watched.push_back({.fd = attempt.fd(), .events = POLLIN, .revents = 0});
    }
    const std::int64_t left = std::clamp<std::int64_t>((until - boot_now()).value, 0, 60'000);
    ::poll(watched.data(), watched.size(), static_cast<int>(left));
    std::uint64_t count{};
    [[maybe_unused]] const auto read = ::read(wake_.get(), &count, sizeof count);
}

void Supervisor::take_inbox() {
    std::vector<Incoming> taken;
    {
        const std::lock_guard lock(mutex_);
        taken.swap(inbox_);
    }
    for (const Incoming& each : taken) {
        if (std::holds_alternative<Connected>(each)) {
            perform(node_.connected(boot_now()));
        } else if (std::holds_alternative<Disconnected>(each)) {
            node_.disconnected();
            logs_.drop_all();
        } else {
            auto message =
                wire::from_json_text<ToAgent>(std::get<std::string>(each), wire::Unknown::Ignore);
            if (!message) {
                parts_.log("khud said something unreadable: " + message.error().why);
                continue;
            }
            if (const auto* refused = std::get_if<Refused>(&*message)) {
                parts_.log("khud refuses this agent: " + refused->code + " " + refused->text);
            }
            if (const auto* welcome = std::get_if<Welcome>(&*message)) {
                parts_.facts.zone = welcome->zone;
            }
            perform(node_.receive(*message, boot_now()));
        }
    }
}

void Supervisor::take_events() {
    std::vector<AttemptKey> keys;
    for (const auto& [key, attempt] : live_) {
        keys.push_back(key);
    }
    for (const AttemptKey key : keys) {
        const auto found = live_.find(key);
        while (found != live_.end()) {
            const std::optional<AttemptEvent> event = found->second.next();
            if (!event) {
                break;
            }
            if (event->kind == AttemptEventKind::Ended) {
                finish(key);
                break;
            }
            take_event(key, *event);
        }
    }
}

void Supervisor::take_event(AttemptKey key, const AttemptEvent& event) {
    switch (event.kind) {
        case AttemptEventKind::Prepared:
            perform(node_.prepared(key, boot_now()));
            return;
        case AttemptEventKind::Started:
            perform(node_.running(key, boot_now()));
            return;
        case AttemptEventKind::Answer:
            if (!event.refused.empty()) {
                parts_.log("attempt " + name_of(key) + ": " + event.refused);
            }
            return;
        case AttemptEventKind::Hello:
        case AttemptEventKind::Ended:
            return;
    }
}

void Supervisor::finish(AttemptKey key) {
    const ShepherdResult result = parts_.shepherds.take_result(key);
    live_.erase(key);
    groups_to_remove_.push_back(key);
    perform(node_.checkpointed(key, checkpoint_of(result), boot_now()));
    perform(node_.ended(key, result_of(result, parts_.facts.name), boot_now()));
}

void Supervisor::look_for_checkpoints() {
    const Moment now = boot_now();
    if (now < next_look_) {
        return;
    }
    next_look_ = now + kCheckpointPoll;
    for (const auto& [key, attempt] : live_) {
        const std::string file = parts_.spool.job_dir(key) + "/" + spool_names::checkpoint_file;
        if (auto said = read_checkpoint(AT_FDCWD, file.c_str())) {
            perform(node_.checkpointed(key,
                                       {.stamp = static_cast<std::uint64_t>(said->stamp),
                                        .at = now - milliseconds(said->age_ms),
                                        .path = std::move(said->path)},
                                       now));
        }
    }
}

void Supervisor::perform(NodeEffects effects) {
    for (const NodeEffect& effect : effects) {
        std::visit([this](const auto& each) { on(each); }, effect);
    }
}

void Supervisor::on(const FromAgent& effect) {
    parts_.send(wire::to_json_text(effect));
}

void Supervisor::on(const PrepareAttempt& effect) {
    const StartAttempt& order = effect.order;
    const AttemptKey key{order.job, order.attempt};
    if (!parts_.outputs.add(outputs_of(order, parts_.facts.name))) {
        fail(key, Refusal(Code::LaunchFailed)
                      .with("node", parts_.facts.name)
                      .with("why", std::string("the agent's state: ") + std::strerror(errno)));
        return;
    }
    const auto group = parts_.groups.make(key, group_limits(order, parts_.facts));
    if (!group) {
        fail(key, group.error());
        return;
    }
    auto shepherd_order =
        make_shepherd_order(order, parts_.facts, parts_.spool.job_dir(key), *group);
    if (!shepherd_order) {
        groups_to_remove_.push_back(key);
        fail(key, shepherd_order.error());
        return;
    }
    shepherd_order->start = wire::to_json_text(order);
    auto attempt = parts_.shepherds.start(*shepherd_order, node_.lease_until().value);
    if (!attempt) {
        groups_to_remove_.push_back(key);
        fail(key, attempt.error());
        return;
    }
    parts_.tokens.add(key, order.token);
    live_.insert_or_assign(key, std::move(*attempt));
}

void Supervisor::on(const LaunchAttempt& effect) {
    if (const auto found = live_.find(effect.key); found != live_.end()) {
        found->second.run();
    }
}

void Supervisor::on(const EndAttempt& effect) {
    if (const auto found = live_.find(effect.key); found != live_.end()) {
        found->second.stop(effect.grace, effect.lease_over ? lease_lost : effect.reason,
                           effect.signal);
    }
}

void Supervisor::on(const ForgetAttempt& effect) {
    parts_.tokens.remove(effect.key);
    parts_.spool.forget(effect.key);
}

void Supervisor::on(const LeaseUntil& effect) {
    lease_until_ = effect.at;
    for (const auto& [key, attempt] : live_) {
        parts_.spool.renew_lease(key, effect.at.value);
    }
}

void Supervisor::on(const ReadOutput& effect) {
    logs_.start(effect, live_.contains({effect.job, effect.attempt}));
}

void Supervisor::on(const StopReading& effect) {
    logs_.stop(effect.request);
}

void Supervisor::fail(AttemptKey key, const Refusal& why) {
    AttemptResult result;
    result.rank_ran = false;
    result.fault_code = std::string(info(why.code).id);
    result.fault_text = text(why, Language::English);
    perform(node_.ended(key, result, boot_now()));
}

/// A group is busy until the last of its processes is reaped.
void Supervisor::remove_groups() {
    std::erase_if(groups_to_remove_, [this](AttemptKey key) { return parts_.groups.remove(key); });
    for (const AttemptKey key : logs_.followed()) {
        logs_.set_over(key, !live_.contains(key));
    }
}

}  // namespace khu::agent
