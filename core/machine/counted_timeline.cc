#include "core/machine/counted_timeline.h"

#include <algorithm>
#include <map>

namespace khu {

void CountedTimeline::add(const CountedHold& hold) {
    if (hold.time.to <= hold.time.from || hold.count == 0) {
        return;
    }
    Step step{.at = hold.time.from, .enterprise = hold.enterprise};
    (hold.as == CountedAs::Used ? step.used : step.set_aside) = hold.count;
    const auto put = [&](const Step& made) {
        steps_.insert(std::ranges::upper_bound(steps_, made.at, {}, &Step::at), made);
    };
    put(step);
    step.at = hold.time.to;
    step.used = -step.used;
    step.set_aside = -step.set_aside;
    put(step);
}

/// Only those count apart for whom some is set aside: few.
std::vector<CountedTimeline::Level> CountedTimeline::levels_for(
    const EnterpriseId& enterprise) const {
    struct Sum {
        std::int64_t used{0}, set_aside{0};
    };
    std::map<EnterpriseId, Sum> apart;
    for (const Step& step : steps_) {
        if (step.set_aside > 0 && step.enterprise != enterprise) {
            apart.try_emplace(step.enterprise);
        }
    }
    std::int64_t taken = 0;
    std::vector<Level> levels;
    for (const Step& step : steps_) {
        const auto found = apart.empty() ? apart.end() : apart.find(step.enterprise);
        if (found == apart.end()) {
            taken += step.used;
        } else {
            Sum& sum = found->second;
            taken -= std::max(sum.used, sum.set_aside);
            sum.used += step.used;
            sum.set_aside += step.set_aside;
            taken += std::max(sum.used, sum.set_aside);
        }
        if (levels.empty() || levels.back().from != step.at) {
            levels.push_back({.from = step.at});
        }
        levels.back().taken = taken;
    }
    return levels;
}

std::int64_t CountedTimeline::taken(const CountedAsk& ask) const {
    const std::vector<Level> levels = levels_for(ask.enterprise);
    std::int64_t most = 0;
    for (std::size_t i = 0; i < levels.size() && levels[i].from < ask.time.to; ++i) {
        const Moment until = i + 1 < levels.size() ? levels[i + 1].from : kNever;
        if (until > ask.time.from) {
            most = std::max(most, levels[i].taken);
        }
    }
    return most;
}

std::optional<Moment> CountedTimeline::earliest(const CountedAsk& ask) const {
    if (ask.count > count_) {
        return std::nullopt;
    }
    const Span length = ask.time.to - ask.time.from;
    Moment since = ask.time.from;
    const std::vector<Level> levels = levels_for(ask.enterprise);
    for (std::size_t i = 0; i < levels.size() && levels[i].from < since + length; ++i) {
        const Moment until = i + 1 < levels.size() ? levels[i + 1].from : kNever;
        if (levels[i].taken + ask.count > count_ && until > since) {
            since = until;
        }
    }
    return since == kNever ? std::nullopt : std::optional(since);
}

}  // namespace khu
