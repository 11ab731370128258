/// How much of a counted resource is taken when, against a model that looks at every moment.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "core/machine/counted_timeline.h"

namespace khu {
namespace {

constexpr int kMoments = 40;
const std::vector<EnterpriseId> kWho{EnterpriseId{"a"}, EnterpriseId{"b"}, EnterpriseId{"c"}};

/// Uses and set-asides of each at one moment, added up.
std::int64_t taken_at(const std::vector<CountedHold>& holds, const EnterpriseId& asking,
                      Moment at) {
    std::map<EnterpriseId, std::pair<std::int64_t, std::int64_t>> sums;
    for (const CountedHold& hold : holds) {
        if (hold.time.contains(at)) {
            auto& [used, set_aside] = sums[hold.enterprise];
            (hold.as == CountedAs::Used ? used : set_aside) += hold.count;
        }
    }
    std::int64_t taken = 0;
    for (const auto& [who, sum] : sums) {
        const std::int64_t rest =
            who == asking ? 0 : std::max<std::int64_t>(0, sum.second - sum.first);
        taken += sum.first + rest;
    }
    return taken;
}

bool fits_then(const std::vector<CountedHold>& holds, const CountedAsk& ask, std::int64_t count) {
    for (Moment at = ask.time.from; at < ask.time.to; at = at + milliseconds(1)) {
        if (taken_at(holds, ask.enterprise, at) + ask.count > count) {
            return false;
        }
    }
    return true;
}

RC_GTEST_PROP(CountedTimeline, AnswersAsEachMomentAddsUp, ()) {
    const std::int64_t count = *rc::gen::inRange(1, 8);
    CountedTimeline timeline(count);
    std::vector<CountedHold> holds;
    for (int n = *rc::gen::inRange(0, 12); n > 0; --n) {
        const int from = *rc::gen::inRange(0, kMoments);
        const CountedHold hold{
            .enterprise = kWho[*rc::gen::inRange<std::size_t>(0, kWho.size())],
            .time = {Moment{from}, Moment{*rc::gen::inRange(from, kMoments + 1)}},
            .count = *rc::gen::inRange(0, 4),
            .as = *rc::gen::arbitrary<bool>() ? CountedAs::Used : CountedAs::SetAside};
        holds.push_back(hold);
        timeline.add(hold);
    }
    const int from = *rc::gen::inRange(0, kMoments);
    const Span length{*rc::gen::inRange(1, kMoments)};
    CountedAsk ask{.enterprise = kWho[*rc::gen::inRange<std::size_t>(0, kWho.size())],
                   .count = *rc::gen::inRange(1, 9),
                   .time = {Moment{from}, Moment{from} + length}};

    RC_ASSERT(timeline.fits(ask) == fits_then(holds, ask, count));

    const std::optional<Moment> earliest = timeline.earliest(ask);
    RC_ASSERT(earliest.has_value() == (ask.count <= count));
    while (earliest && ask.time.from < *earliest) {
        RC_ASSERT(!fits_then(holds, ask, count));
        ask.time = {ask.time.from + milliseconds(1), ask.time.to + milliseconds(1)};
    }
    RC_ASSERT(!earliest || (ask.time.from == *earliest && fits_then(holds, ask, count)));
}

}  // namespace
}  // namespace khu
