#include "daemon/performer.h"

#include "core/jobs/array.h"
#include "core/machine/decide.h"
#include "daemon/log.h"
#include "wire/json.h"
#include "wire/net/secrets.h"

namespace khu::daemon {
namespace {

// Only jobs that start at once after their submission gain by it: those that wait are read back.
constexpr std::size_t kPayloadCacheBytes = 2U << 20;
constexpr std::size_t kPayloadOverheadBytes = 128;  // of an entry, beside its text

}  // namespace

std::uint64_t Waiters::wait(JobId job, Waiter waiter) {
    const std::lock_guard lock(mutex_);
    waiters_.emplace(std::pair{job, next_}, std::move(waiter));
    return next_++;
}

void Waiters::leave(JobId job, std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    waiters_.erase({job, number});
}

void Waiters::ended(JobId job) {
    std::vector<Waiter> woken;
    {
        const std::lock_guard lock(mutex_);
        auto at = waiters_.lower_bound({job, 0});
        while (at != waiters_.end() && at->first.first == job) {
            woken.push_back(std::move(at->second));
            at = waiters_.erase(at);
        }
    }
    for (const Waiter& waiter : woken) {
        waiter();
    }
}

void ZonePerformer::perform(const Effect& effect) {
    if (const auto* to_agent = std::get_if<SendToAgent>(&effect)) {
        send(*to_agent);
    } else if (const auto* archive = std::get_if<ArchiveJob>(&effect)) {
        forget_payload(archive->job.id);
        waiters_.ended(archive->job.id);
    }
}

void ZonePerformer::send(const SendToAgent& effect) {
    const auto* start = std::get_if<StartAttempt>(&effect.message);
    if (start == nullptr) {
        const auto* stop = std::get_if<StopAttempt>(&effect.message);
        if (stop != nullptr && stop->reason == decide_detail::kUnknownAttempt) {
            log_info(
                "L206 node {} reports attempt {} of job {}, which khud did not start there: it is "
                "told to stop it, and nothing is charged",
                effect.node.value, stop->attempt.value, stop->job.value);
        }
        agents_.send(effect.node, effect.epoch, effect.message);
        return;
    }
    const std::optional<std::string> text =
        payload_of(is_element(start->spec) ? start->spec.array->of : start->job);
    if (!text) {
        return;  // the store cannot be read now; the order is said again at a heartbeat
    }
    auto payload = wire::from_json_text<Payload>(*text, wire::Unknown::Ignore);
    KHU_CHECK(payload.has_value(), "payload of job {}: {}", start->job.value, payload.error().why);
    StartAttempt full = *start;
    full.payload = std::move(payload).value();
    full.token = attempt_token({start->job, start->attempt});
    agents_.send(effect.node, effect.epoch, full);
}

void ZonePerformer::payload_stored(JobId job, const std::string& json) {
    payload_bytes_ += json.size() + kPayloadOverheadBytes;
    payloads_.insert_or_assign(job, json);
    payload_order_.push_back(job);
    while (!payload_order_.empty() &&
           (payload_bytes_ > kPayloadCacheBytes || !payloads_.contains(payload_order_.front()))) {
        forget_payload(payload_order_.front());
        payload_order_.pop_front();
    }
}

void ZonePerformer::forget_payload(JobId job) {
    const auto payload = payloads_.find(job);
    if (payload != payloads_.end()) {
        payload_bytes_ -= payload->second.size() + kPayloadOverheadBytes;
        payloads_.erase(payload);
    }
}

std::optional<std::string> ZonePerformer::payload_of(JobId job) {
    const auto cached = payloads_.find(job);
    if (cached != payloads_.end()) {
        return cached->second;
    }
    auto stored = store_.payload(job);
    return stored ? *stored : std::nullopt;
}

std::string ZonePerformer::attempt_token(AttemptKey key) const {
    const std::string what =
        "attempt " + std::to_string(key.job.value) + '.' + std::to_string(key.attempt.value);
    return wire::net::hex(wire::net::hmac_sha256(secret_, what));
}

}  // namespace khu::daemon
