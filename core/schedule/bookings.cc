#include "core/schedule/bookings.h"

#include <algorithm>

namespace khu {

void Bookings::replace(std::vector<Booking> all) {
    all_ = std::move(all);
    std::ranges::stable_sort(all_, {}, &Booking::from);
    on_.clear();
    for (const Booking& each : all_) {
        for (const NodeId node : each.nodes) {
            on_[node].push_back(&each);
        }
    }
}

const Booking* Bookings::blocker(NodeId node, const Text& named, const Stay& stay) const {
    const auto on = on_.find(node);
    if (on == on_.end()) {
        return nullptr;
    }
    const auto meets = [&](const Booking* each) {
        return each->from < stay.to() && stay.from < each->to && each->name != named.str();
    };
    const auto first = std::ranges::find_if(on->second, meets);
    return first == on->second.end() ? nullptr : *first;
}

bool Bookings::within(NodeId node, const Text& named, const Stay& stay) const {
    const auto on = on_.find(node);
    return on != on_.end() && std::ranges::any_of(on->second, [&](const Booking* each) {
               return each->name == named.str() && each->from <= stay.from && stay.to() <= each->to;
           });
}

std::vector<Moment> Bookings::turns_after(Moment now) const {
    std::vector<Moment> turns;
    for (const Booking& each : all_) {
        for (const Moment at : {each.from, each.to}) {
            if (at > now) {
                turns.push_back(at);
            }
        }
    }
    std::ranges::sort(turns);
    turns.erase(std::unique(turns.begin(), turns.end()), turns.end());
    return turns;
}

std::optional<Moment> Bookings::next_turn() const {
    const std::vector<Moment> turns = turns_after(seen_);
    return turns.empty() ? std::nullopt : std::optional(turns.front());
}

bool Bookings::turned(Moment now) {
    const std::optional<Moment> next = next_turn();
    seen_ = std::max(seen_, now);
    return next && *next <= now;
}

NodeFilter unbooked(const Bookings& bookings, const GangRequest& request, const Stay& stay,
                    NodeFilter filter) {
    const Text& named = request.where->reservation;
    if (bookings.empty() && named.empty()) {
        return filter;
    }
    return [&bookings, named, stay, filter = std::move(filter)](NodeId node) {
        return (!filter || filter(node)) && bookings.open(node, named, stay);
    };
}

}  // namespace khu
