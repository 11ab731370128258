#include "core/policy/layer_rules.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/policy/number_of.h"
#include "core/policy/path_walk.h"

namespace khu {
namespace {

bool holds(const Bound& bound, std::int64_t number) {
    switch (bound.kind) {
        case BoundKind::AtMost:
            return number <= bound.number;
        case BoundKind::AtLeast:
            return number >= bound.number;
        case BoundKind::Exactly:
            return number == bound.number;
        case BoundKind::OneOf:
            return true;
    }
    KHU_CHECK(false);
}

/// A limit that is not set is as good as one that is larger than any.
bool is_open_limit(std::string_view key, std::int64_t number) {
    return number == 0 && (key.starts_with("max_") || key == "time_limit");
}

struct Rule {
    const LayerRules* layer;
    const Bound* bound;
};

/// Visits the values that a bound is about; with `Change` it brings them to it.
template <bool Change>
class BoundWalk : public PathWalk<BoundWalk<Change>> {
public:
    BoundWalk(int utc_offset_minutes, std::vector<Rule> rules)
        : PathWalk<BoundWalk<Change>>(utc_offset_minutes), rules_(std::move(rules)) {}

    std::vector<BeyondBound> take() { return std::move(found_); }

    template <class Kind, class T>
    void leaf(std::string_view key, Kind kind, T& value, const std::remove_const_t<T>*) {
        for (const Rule& rule : rules_) {
            if (is_about(*rule.bound, key)) {
                one(rule, key, kind, value);
            }
        }
    }
    template <class Kind, class List>
    void words(std::string_view key, Kind kind, List& values) {
        for (const Rule& rule : rules_) {
            if (is_about(*rule.bound, key) && rule.bound->kind == BoundKind::OneOf) {
                each_of(rule, key, kind, values);
            }
        }
    }
    /// The bounds of a window are its two days, which are no limits.
    void span(std::string_view, schema::Day, const Window&) {}

private:
    bool is_about(const Bound& bound, std::string_view key) const {
        const std::vector<std::string>& way = this->way();
        return bound.key.size() == way.size() + 1 && matches(bound.key.back(), key) &&
               std::equal(way.begin(), way.end(), bound.key.begin(),
                          [](const std::string& name, const std::string& pattern) {
                              return matches(pattern, name);
                          });
    }
    static bool matches(std::string_view pattern, std::string_view name) {
        return pattern == "*" || pattern == name;
    }
    /// A split must stay whole; what is installed, what was granted and what weighs how much is not
    /// made otherwise by a rule.
    [[nodiscard]] bool can_tighten(std::string_view key) const {
        constexpr std::array<std::string_view, 4> fixed{"split", "weights_milli", "share",
                                                        "slices"};
        constexpr std::array<std::string_view, 4> written_only{"policy", "zone", "borrowing",
                                                               "enterprises"};
        const std::vector<std::string>& way = this->way();
        return key != "gpus_per_node" && key != "budget" && !way.empty() &&
               std::ranges::find(written_only, way.front()) == written_only.end() &&
               std::ranges::find_first_of(way, fixed) == way.end();
    }
    void report(const Rule& rule, std::string_view key, std::string value) {
        const LayerRules& layer = *rule.layer;
        found_.push_back({.path = this->path(key),
                          .value = std::move(value),
                          .kind = rule.bound->kind,
                          .bound = rule.bound->written,
                          .source = {layer.layer, layer.id.value, rule.bound->line},
                          .since = layer.effective_from,
                          .tightens = can_tighten(key)});
    }

    template <class Kind, class T>
    void one(const Rule& rule, std::string_view key, Kind kind, T& value) {
        using Value = std::remove_const_t<T>;
        const Bound& bound = *rule.bound;
        if constexpr (AnyNumber<Value>) {
            const std::int64_t number = number_of(value);
            const bool open = is_open_limit(key, number);
            const bool fine = open ? bound.kind == BoundKind::AtLeast : holds(bound, number);
            if (fine) {
                return;
            }
            report(rule, key, open ? std::string() : schema::write(kind, value, this->how_));
            if constexpr (Change) {
                if (can_tighten(key)) {
                    assign_number(value, bound.number);
                }
            }
        } else if (bound.kind == BoundKind::OneOf) {
            const std::string word = schema::write(kind, value, this->how_);
            if (!is_one_of(bound, word)) {
                report(rule, key, word);
                found_.back().tightens = false;
            }
        }
    }
    template <class Kind, class List>
    void each_of(const Rule& rule, std::string_view key, Kind kind, List& values) {
        std::string others;
        for (const auto& value : values) {
            const std::string word = schema::write(kind, value, this->how_);
            if (!is_one_of(*rule.bound, word)) {
                others += (others.empty() ? "" : ", ") + word;
            }
        }
        if (others.empty()) {
            return;
        }
        report(rule, key, others);
        if constexpr (Change) {
            if (!can_tighten(key)) {
                return;
            }
            std::erase_if(values, [&](const auto& value) {
                return !is_one_of(*rule.bound, schema::write(kind, value, this->how_));
            });
        }
    }
    static bool is_one_of(const Bound& bound, const std::string& word) {
        return std::ranges::find(bound.words, word) != bound.words.end();
    }

    std::vector<Rule> rules_;
    std::vector<BeyondBound> found_;
};

/// The upper layer last, so that its word is the last where two leave nothing. Of two bounds of one
/// layer the order of its text decides.
std::vector<Rule> rules_of(const std::vector<LayerRules>& layers) {
    std::vector<Rule> rules;
    for (const LayerRules& layer : layers) {
        for (const Bound& bound : layer.bounds) {
            rules.push_back({&layer, &bound});
        }
    }
    std::ranges::stable_sort(rules, [](const Rule& a, const Rule& b) {
        return std::pair(a.layer->layer, a.layer->id) > std::pair(b.layer->layer, b.layer->id);
    });
    return rules;
}

template <bool Change, class P>
std::vector<BeyondBound> walk(P& policy, const std::vector<LayerRules>& layers) {
    std::vector<Rule> rules = rules_of(layers);
    std::erase_if(rules, [&](const Rule& rule) {
        const std::string& province = rule.layer->province;
        return !province.empty() && province != policy.zone.province.code;
    });
    if (rules.empty()) {
        return {};
    }
    BoundWalk<Change> bounds(policy.utc_offset_minutes, std::move(rules));
    schema::fields(bounds, policy);
    return bounds.take();
}

/// Whether another of the same layer has taken its place by then.
bool is_followed(const LayerRules& rules, const std::vector<LayerRules>& layers, Moment at) {
    return std::ranges::any_of(layers, [&](const LayerRules& other) {
        return same_level(other, rules) && other.effective_from <= at &&
               std::pair(other.effective_from, other.id) >
                   std::pair(rules.effective_from, rules.id);
    });
}

bool matches_pattern(const std::string& pattern, const std::vector<std::string>& key) {
    std::string_view rest(pattern);
    for (std::size_t i = 0; i < key.size(); ++i) {
        const std::size_t dot = rest.find('.');
        const std::string_view name = rest.substr(0, dot);
        if (name != "*" && name != key[i]) {
            return false;
        }
        if (dot == std::string_view::npos) {
            return i + 1 == key.size();
        }
        rest.remove_prefix(dot + 1);
    }
    return false;
}

}  // namespace

bool same_level(const LayerRules& a, const LayerRules& b) {
    return a.layer == b.layer && a.enterprise == b.enterprise;
}

const std::vector<std::string>& keys_of_enterprises() {
    static const std::vector<std::string> keys{
        "partitions.*.time_limit.max",   "qos.*.time_limit",
        "qos.*.max_gpus_per_job",        "qos.*.max_gpus_per_enterprise",
        "qos.*.max_jobs_per_user",       "programmes.*.qos",
        "programmes.*.partitions",       "programmes.*.limits.*",
        "resources.*.max_per_enterprise"};
    return keys;
}

bool enterprise_may_bound(const std::vector<std::string>& key) {
    return std::ranges::any_of(keys_of_enterprises(), [&](const std::string& pattern) {
        return matches_pattern(pattern, key);
    });
}

bool only_tightens(BoundKind kind) {
    return kind == BoundKind::AtMost || kind == BoundKind::OneOf;
}

std::vector<LayerRules> from_then_on(const std::vector<LayerRules>& layers, Moment at) {
    std::vector<LayerRules> kept;
    std::ranges::copy_if(layers, std::back_inserter(kept),
                         [&](const LayerRules& each) { return !is_followed(each, layers, at); });
    return kept;
}

std::vector<LayerRules> in_force_at(const std::vector<LayerRules>& layers, Moment at) {
    std::vector<LayerRules> kept = from_then_on(layers, at);
    std::erase_if(kept, [&](const LayerRules& each) { return each.effective_from > at; });
    return kept;
}

std::vector<BeyondBound> beyond_bounds(const Policy& policy,
                                       const std::vector<LayerRules>& layers) {
    return walk<false>(policy, layers);
}

std::vector<BeyondBound> tighten(Policy& policy, const std::vector<LayerRules>& layers) {
    return walk<true>(policy, layers);
}

}  // namespace khu
