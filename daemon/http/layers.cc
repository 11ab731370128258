/// Rules above the zone, and those of enterprises: bringing one, those that bind or will, and those
/// of the past.

#include <algorithm>

#include "config/layer_print.h"
#include "config/layer_reader.h"
#include "core/base/enum_name.h"
#include "core/base/limits.h"
#include "core/machine/decide.h"
#include "core/machine/layers.h"
#include "core/machine/own_rules.h"
#include "daemon/http/policy_text.h"
#include "wire/net/secrets.h"

namespace khu::daemon {
namespace {

/// Whose rules are meant.
struct Level {
    Layer layer{Layer::Province};
    EnterpriseId enterprise{};  ///< empty but for Layer::Enterprise
};

std::optional<Level> bad_level(const Call& call, const char* field, const char* why) {
    refuse(call, Refusal(Code::BadField).with("field", field).with("why", why));
    return std::nullopt;
}

/// The level in the path, of the enterprise that `enterprise` names or the caller's own; none, and
/// the caller is refused, if there is no such level.
std::optional<Level> level_of(const Call& call) {
    for (const Layer layer : {Layer::National, Layer::Province}) {
        if (call->parts.at(0) == word_of(layer)) {
            return Level{layer};
        }
    }
    if (call->parts.at(0) != word_of(Layer::Enterprise)) {
        return bad_level(call, "layer", "national, province or enterprise");
    }
    const std::string named = query(call, "enterprise");
    const EnterpriseId whose = named.empty() ? call->caller.who.enterprise : EnterpriseId{named};
    if (whose.empty()) {
        return bad_level(call, "enterprise", "whose rules: its tax code");
    }
    return Level{Layer::Enterprise, whose};
}

std::vector<LayerRules> rules_of(const State& state, const Level& level) {
    return rules_at(state.truth, level.layer, level.enterprise);
}

bool is_of(const LayerRecord& record, const Level& level) {
    return record.rules.layer == level.layer && record.rules.enterprise == level.enterprise;
}

/// Its own people read an enterprise's rules; those from above, whoever reads policies.
bool may_read(const Call& call, const Level& level, const char* verb) {
    if (level.layer != Layer::Enterprise) {
        return reads_policies(call, verb);
    }
    if (call->caller.who.may_read(level.enterprise)) {
        return true;
    }
    refuse(call, Refusal(Code::Forbidden)
                     .with("verb", verb)
                     .with("role", "member of " + level.enterprise.value)
                     .with("user", call->caller.who.user.value)
                     .with("roles", "none of that enterprise"));
    return false;
}

/// The policy that the rules hold, as far as it is the business of whoever they bind: of an
/// enterprise, without programmes of which it has no grant.
Policy policy_under(const State& state, const LayerRules& rules) {
    if (rules.layer != Layer::Enterprise) {
        return written_policy(state.truth);
    }
    Policy policy = *state.truth.policy;
    const auto grants = state.truth.ledger.balance(rules.enterprise);
    std::erase_if(policy.programmes, [&](const Programme& each) {
        return std::ranges::find(grants, each.id, &Grant::programme) == grants.end();
    });
    return policy;
}

/// What the policy in force would be held to: "qos.gap.time_limit: 3h -> 2h"; and what only its
/// next text can keep.
std::vector<std::string> held_by(const State& state, const LayerRules& rules, Language language) {
    std::vector<std::string> changes;
    if (!state.truth.policy) {
        return changes;
    }
    const char* not_held = language == Language::English
                               ? " (not held to it: the next policy must keep it)"
                               : " (không tự áp dụng: chính sách kế tiếp phải tuân theo)";
    for (const BeyondBound& beyond : beyond_bounds(policy_under(state, rules), {rules})) {
        changes.push_back(fmt::format("{}: {} -> {}{}", beyond.path,
                                      beyond.value.empty() ? "-" : beyond.value, beyond.bound,
                                      beyond.tightens ? "" : not_held));
    }
    return changes;
}

/// Which waiting jobs could not start once these rules bind too.
std::vector<Said> starts_under(const State& state, const LayerRules& rules, Moment at) {
    if (!state.truth.policy) {
        return {};
    }
    if (rules.layer == Layer::Enterprise) {
        return forecast_starts(state, rules);
    }
    std::vector<LayerRules> above = rules_above(state.truth);
    above.push_back(rules);
    Policy held = written_policy(state.truth);
    tighten(held, in_force_at(above, at));
    return forecast_starts(state, held);
}

/// In the order in which they came; the last that binds at `now` is in force.
std::vector<wire::PolicyRecordView> records_of(const State& state, const Level& level, Moment now) {
    const std::vector<LayerRules> binding = in_force_at(rules_of(state, level), now);
    std::vector<wire::PolicyRecordView> views;
    for (const LayerRecord& record : state.truth.layers.records) {
        if (!is_of(record, level)) {
            continue;
        }
        const bool in_force = std::ranges::find(binding, record.rules) != binding.end();
        const bool dropped = !record.replaced_by.empty();
        wire::PolicyRecordView view;
        view.policy = record.rules.id.value;
        view.state = dropped                             ? "dropped"
                     : record.rules.effective_from > now ? "scheduled"
                     : in_force                          ? "in_force"
                                                         : "superseded";
        view.dropped = dropped ? record.replaced_by.value.str() + " took its place" : "";
        view.applied_by = record.by.value;
        view.decision_ref = record.rules.decision_ref;
        view.applied_at = record.at;
        view.effective_at = dropped ? Moment{} : record.rules.effective_from;
        views.push_back(std::move(view));
    }
    return views;
}

const LayerRecord* record_at(const State& state, const Level& level, Moment at) {
    for (const LayerRules& rules : in_force_at(rules_of(state, level), at)) {
        const auto& records = state.truth.layers.records;
        const auto record = std::ranges::find(records, rules, &LayerRecord::rules);
        if (record != records.end()) {
            return &*record;
        }
    }
    return nullptr;
}

void bring(const Call& call, const wire::PolicyRequest& request, LayerRules rules,
           wire::PolicyReview review) {
    ApplyLayer command{.who = call->caller.who, .rules = std::move(rules), .text = request.text};
    call->services.engine.tell(std::move(command),
                               [call, review = std::move(review)](const Answer& told) {
                                   if (told.refusal) {
                                       refuse(call, *told.refusal);
                                   } else {
                                       answer(call, review);
                                   }
                               });
}

/// What the zone would say of them.
wire::PolicyReview review_of(const State& state, const LayerRules& rules, Moment now,
                             Language language) {
    wire::PolicyReview review;
    review.accepted = true;
    review.policy = rules.id.value;
    review.changes = held_by(state, rules, language);
    review.effective_at = std::max(now, rules.effective_from);
    add_said(starts_under(state, rules, review.effective_at), language, review.forecast);
    const LayerRecord* before = record_at(state, {rules.layer, rules.enterprise}, now);
    review.in_force = before == nullptr ? "" : before->rules.id.value.str();
    return review;
}

/// May they be brought, by whom that is, and what the zone says of them: the review, or why not.
Expected<wire::PolicyReview, Refusal> asked_of(const Call& call, const LayerRules& rules,
                                               const char* verb) {
    Expected<wire::PolicyReview, Refusal> asked{wire::PolicyReview{}};
    call->services.engine.ask_and_wait([&](State& state, Moment now) {
        if (auto allowed = may_bring(state, call->caller.who, rules, verb); !allowed) {
            asked = Unexpected{allowed.error()};
        } else if (std::optional<Refusal> wrong = wrong_layer(state, rules, now)) {
            asked = Unexpected{*std::move(wrong)};
        } else {
            asked = review_of(state, rules, now, call->language);
        }
    });
    return asked;
}

/// Whoever may bring none at that level has no text read, and an enterprise's is a short one.
std::optional<Refusal> not_to_be_read(const Call& call, const wire::PolicyRequest& request,
                                      const char* verb) {
    LayerRules own;
    own.layer = call->parts.at(0) == word_of(Layer::Enterprise) ? Layer::Enterprise : Layer::Zone;
    own.enterprise = call->caller.who.enterprise;
    Expected<Done, Refusal> allowed = Done{};
    call->services.engine.ask_and_wait(
        [&](State& state, Moment) { allowed = may_bring(state, call->caller.who, own, verb); });
    if (!allowed) {
        return allowed.error();
    }
    const auto bytes = static_cast<std::int64_t>(request.text.size());
    if (own.layer == Layer::Enterprise && bytes > limits::own_rules_bytes_max) {
        return Refusal(Code::BadField)
            .with("field", "text")
            .with("why", fmt::format("{} bytes, an enterprise's rules have at most {}", bytes,
                                     limits::own_rules_bytes_max));
    }
    return std::nullopt;
}

/// With `apply` it is brought, if its text is good and of that level.
void take_layer(const Call& call, bool apply) {
    const char* verb = apply ? "policy apply" : "policy check";
    const auto request = body_of<wire::PolicyRequest>(call);
    if (!request) {
        return;
    }
    if (const std::optional<Refusal> no = not_to_be_read(call, *request, verb)) {
        refuse(call, *no);
        return;
    }
    auto rules = config::read_layer(request->text, request->file);
    if (!rules) {
        wire::PolicyReview review;
        review.complaints = shown(rules.error(), call->language);
        answer(call, review);
        return;
    }
    if (word_of(rules->layer) != call->parts.at(0)) {
        refuse(call, Refusal(Code::BadField)
                         .with("field", "layer.level")
                         .with("why", "the file is of level " + word_of(rules->layer)));
        return;
    }
    auto review = asked_of(call, *rules, verb);
    if (!review) {
        refuse(call, review.error());
    } else if (apply) {
        bring(call, *request, *std::move(rules), *std::move(review));
    } else {
        answer(call, *review);
    }
}

/// The rules before the newest of that level, which may bind or not yet, under a new id.
Expected<LayerRules, Refusal> rules_before(const State& state, const Level& level,
                                           const wire::PolicyRollback& request, Moment now) {
    LayerRules of_level;
    of_level.layer = level.layer;
    of_level.enterprise = level.enterprise;
    const LayerRecord* newest = newest_layer(state.truth, of_level);
    const LayerRecord* before =
        newest == nullptr ? nullptr
                          : newest_layer(state.truth, of_level, newest->rules.effective_from);
    if (before == nullptr) {
        return Unexpected{
            Refusal(Code::NoSuchPolicy).with("which", "of that level bound before this one")};
    }
    LayerRules rules = before->rules;
    rules.id = PolicyId{request.policy};
    rules.supersedes = newest->rules.id;
    rules.effective_from = from_when(request, now);
    rules.decision_ref = request.decision_ref.empty() ? rules.decision_ref : request.decision_ref;
    return rules;
}

}  // namespace

void apply_layer(const Call& call) {
    take_layer(call, true);
}

void check_layer(const Call& call) {
    take_layer(call, false);
}

void roll_back_layer(const Call& call) {
    const std::optional<Level> level = level_of(call);
    const auto request = level ? body_of<wire::PolicyRollback>(call) : std::nullopt;
    if (!request) {
        return;
    }
    call->services.engine.ask([call, level, request](State& state, Moment now) {
        LayerRules asked;
        asked.layer = level->layer;
        asked.enterprise = level->enterprise;
        if (auto allowed = may_bring(state, call->caller.who, asked, "policy rollback"); !allowed) {
            refuse(call, allowed.error());
            return;
        }
        auto rules = rules_before(state, *level, *request, now);
        if (!rules) {
            refuse(call, rules.error());
            return;
        }
        const std::string text = config::print(*rules);
        // Its bounds stand on the lines of the new text.
        auto again = config::read_layer(text, request->policy + ".yaml");
        if (!again) {
            wire::PolicyReview review;
            review.complaints = shown(again.error(), call->language);
            answer(call, review);
            return;
        }
        if (std::optional<Refusal> wrong = wrong_layer(state, *again, now)) {
            refuse(call, *wrong);
            return;
        }
        wire::PolicyReview review = review_of(state, *again, now, call->language);
        bring(call, {.text = text}, *std::move(again), std::move(review));
    });
}

void list_layers(const Call& call) {
    const std::optional<Level> level = level_of(call);
    if (!level || !may_read(call, *level, "policy history")) {
        return;
    }
    call->services.engine.ask([call, level](State& state, Moment now) {
        wire::PolicyHistory history;
        history.policies = records_of(state, *level, now);
        std::size_t next = 0;
        for (const LayerRecord& record : state.truth.layers.records) {
            if (!is_of(record, *level)) {
                continue;
            }
            const auto text = text_of(call, record.seq);
            if (!text) {
                refuse(call, text.error());
                return;
            }
            history.policies.at(next++).sha256 = wire::net::sha256_hex(*text);
        }
        answer(call, history);
    });
}

void show_layer(const Call& call) {
    const std::optional<Level> level = level_of(call);
    if (!level || !may_read(call, *level, "policy show")) {
        return;
    }
    const std::string at = query(call, "at");
    const std::optional<Moment> moment = at.empty() ? Moment{} : wire::parse_timestamp(at);
    if (!moment) {
        refuse(call, Refusal(Code::BadField)
                         .with("field", "at")
                         .with("why", "a time like 2026-04-01T00:00:00Z"));
        return;
    }
    call->services.engine.ask([call, level, moment](State& state, Moment now) {
        const LayerRecord* record = record_at(state, *level, *moment == Moment{} ? now : *moment);
        if (record == nullptr) {
            refuse(call, Refusal(Code::NoSuchPolicy).with("which", "of that level bound then"));
            return;
        }
        auto text = text_of(call, record->seq);
        if (!text) {
            refuse(call, text.error());
            return;
        }
        wire::PolicyAnswer found;
        found.policy = record->rules.id.value;
        found.text = *std::move(text);
        found.applied_by = record->by.value;
        found.applied_at = record->at;
        found.effective_at = record->rules.effective_from;
        const auto own = state.own_rules.find(level->enterprise);
        if (own != state.own_rules.end() && record->rules.effective_from <= now) {
            found.held = held_at({record->rules}, policy_under(state, record->rules), now);
        }
        answer(call, found);
    });
}

}  // namespace khu::daemon
