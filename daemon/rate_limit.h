#pragma once

/// \file
/// Token buckets: one for each user and for each address of strangers. A bucket fills at its rate
/// up to its burst, and each request takes its cost. Thread-safe; bounded: a bucket that is full is
/// forgotten when room is needed, and when there is none all new keys share one bucket.

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/base/units.h"

namespace khu::daemon {

struct Rate {
    std::int64_t per_second{0};
    std::int64_t burst{0};
};

class RateLimiter {
public:
    /// None: `cost` (<= burst) was taken. Else nothing was, and the result says after how long it
    /// could be.
    std::optional<Span> take(const std::string& key, const Rate& rate, std::int64_t cost,
                             Moment now);
    [[nodiscard]] std::size_t buckets() const;

private:
    struct Bucket {
        std::int64_t level_milli{0};
        Moment at;
        Rate rate;
    };
    static std::int64_t level_at(const Bucket& bucket, Moment now);
    Bucket& bucket_of(const std::string& key, const Rate& rate, Moment now);
    void forget_full(Moment now);

    mutable std::mutex mutex_;
    std::unordered_map<std::string, Bucket> buckets_;
    Moment swept_;
};

/// The host of "10.0.0.7:40112"; of an IPv6 address its /64 network, which is one household.
std::string network_of_peer(const std::string& address);

}  // namespace khu::daemon
