#include "wire/net/backoff.h"

#include <algorithm>
#include <random>

namespace khu::wire::net {

BackOff::BackOff(Span first, Span most, std::uint64_t seed)
    : first_(first), most_(most), step_(first), random_(seed) {
    KHU_CHECK(first > Span{0} && most >= first, "{} {}", first.value, most.value);
}

Span BackOff::next() {
    const Span wait{random_.between((step_.value + 1) / 2, step_.value)};
    step_ = std::min(most_, step_ * 2);
    return wait;
}

std::uint64_t random_seed() {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace khu::wire::net
