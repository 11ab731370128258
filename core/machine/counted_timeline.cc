#include "core/machine/counted_timeline.h"

#include <algorithm>
#include <map>

namespace khu {

void CountedTimeline::add(const CountedHold& hold) {
    if (hold.time.to <= hold.time.from || hold.count == 0) {
        return;
    }
    levels_.clear();
    if (hold.as == CountedAs::SetAside) {
        aside_for_.insert(hold.enterprise);
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

const CountedTimeline::Levels& CountedTimeline::levels_for(const EnterpriseId& enterprise) const {
    const EnterpriseId seen_by = aside_for_.contains(enterprise) ? enterprise : EnterpriseId{};
    const auto known = levels_.find(seen_by);
    return known != levels_.end() ? known->second
                                  : levels_.emplace(seen_by, levels_anew(seen_by)).first->second;
}

/// Only those count apart for whom some is set aside: few.
CountedTimeline::Levels CountedTimeline::levels_anew(const EnterpriseId& enterprise) const {
    struct Sum {
        std::int64_t used{0}, set_aside{0};
    };
    std::map<EnterpriseId, Sum> apart;
    for (const EnterpriseId& each : aside_for_) {
        if (each != enterprise) {
            apart.try_emplace(each);
        }
    }
    std::int64_t taken = 0;
    Levels levels;
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

CountedTimeline::Levels::const_iterator CountedTimeline::at(const Levels& levels, Moment at) {
    const auto later = std::ranges::upper_bound(levels, at, {}, &Level::from);
    return later == levels.begin() ? later : std::prev(later);
}

std::int64_t CountedTimeline::taken(const CountedAsk& ask) const {
    const Levels& levels = levels_for(ask.enterprise);
    std::int64_t most = 0;
    for (auto level = at(levels, ask.time.from); level != levels.end() && level->from < ask.time.to;
         ++level) {
        most = std::max(most, level->taken);
    }
    return most;
}

bool CountedTimeline::fits(const CountedAsk& ask) const {
    const Levels& levels = levels_for(ask.enterprise);
    auto level = at(levels, ask.time.from);
    while (level != levels.end() && level->from < ask.time.to &&
           level->taken + ask.count <= count_) {
        ++level;
    }
    return ask.count <= count_ && (level == levels.end() || level->from >= ask.time.to);
}

std::optional<Moment> CountedTimeline::earliest(const CountedAsk& ask) const {
    if (ask.count > count_) {
        return std::nullopt;
    }
    const Span length = ask.time.to - ask.time.from;
    Moment since = ask.time.from;
    const Levels& levels = levels_for(ask.enterprise);
    for (auto level = at(levels, since); level != levels.end() && level->from < since + length;
         ++level) {
        if (level->taken + ask.count > count_) {
            const auto next = std::next(level);
            since = next == levels.end() ? kNever : next->from;
        }
    }
    return since == kNever ? std::nullopt : std::optional(since);
}

}  // namespace khu
