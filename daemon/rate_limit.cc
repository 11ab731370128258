#include "daemon/rate_limit.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "core/base/check.h"
#include "core/base/limits.h"

namespace khu::daemon {
namespace {

constexpr Span kBetweenSweeps = seconds(1);  // a full table is not searched for each request

}  // namespace

std::int64_t RateLimiter::level_at(const Bucket& bucket, Moment now) {
    const std::int64_t full = bucket.rate.burst * 1000;
    const std::int64_t past = std::clamp<std::int64_t>((now - bucket.at).value, 0, 86'400'000);
    return std::min(full, bucket.level_milli + past * bucket.rate.per_second);
}

void RateLimiter::forget_full(Moment now) {
    if (now - swept_ < kBetweenSweeps) {
        return;
    }
    swept_ = now;
    std::erase_if(buckets_, [now](const auto& entry) {
        return level_at(entry.second, now) == entry.second.rate.burst * 1000;
    });
}

RateLimiter::Bucket& RateLimiter::bucket_of(const std::string& key, const Rate& rate, Moment now) {
    const auto found = buckets_.find(key);
    if (found != buckets_.end()) {
        return found->second;
    }
    if (static_cast<std::int64_t>(buckets_.size()) >= limits::rate_buckets_max) {
        forget_full(now);
    }
    const bool room = static_cast<std::int64_t>(buckets_.size()) < limits::rate_buckets_max;
    const Bucket full{.level_milli = rate.burst * 1000, .at = now, .rate = rate};
    return buckets_.try_emplace(room ? key : std::string(), full).first->second;
}

std::optional<Span> RateLimiter::take(const std::string& key, const Rate& rate, std::int64_t cost,
                                      Moment now) {
    KHU_CHECK(cost <= rate.burst && rate.per_second > 0, "cost {}", cost);
    const std::lock_guard lock(mutex_);
    Bucket& bucket = bucket_of(key, rate, now);
    bucket.level_milli = level_at(bucket, now);
    bucket.at = std::max(bucket.at, now);
    const std::int64_t missing = cost * 1000 - bucket.level_milli;
    if (missing > 0) {
        return milliseconds((missing + rate.per_second - 1) / rate.per_second);
    }
    bucket.level_milli -= cost * 1000;
    return std::nullopt;
}

std::size_t RateLimiter::buckets() const {
    const std::lock_guard lock(mutex_);
    return buckets_.size();
}

std::string network_of_peer(const std::string& address) {
    std::string host = address.substr(0, address.rfind(':'));
    std::array<unsigned char, 16> bytes{};
    if (::inet_pton(AF_INET6, host.c_str(), bytes.data()) != 1) {
        return host;
    }
    std::fill(bytes.begin() + 8, bytes.end(), 0);
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
    return std::string(text.data()) + "/64";
}

}  // namespace khu::daemon
