/// The policy: the one in force, the one that is scheduled, those of the past; checking, applying
/// and going back.

#include <algorithm>
#include <functional>

#include "config/policy_reader.h"
#include "config/print.h"
#include "core/machine/events.h"
#include "core/machine/layers.h"
#include "core/machine/policy_forecast.h"
#include "core/policy/diff.h"
#include "daemon/http/policy_text.h"
#include "wire/net/secrets.h"

namespace khu::daemon {
namespace {

/// The id in If-Match: `"dn-cvpm2-2026.2"`; empty: whatever is in force. What is no tag of a policy
/// is taken as it stands, and matches none.
PolicyId expected_policy(const Call& call) {
    std::string_view tag = call->request.header("If-Match");
    if (tag == "*") {
        return {};
    }
    if (tag.size() > 2 && tag.starts_with('"') && tag.ends_with('"')) {
        tag = tag.substr(1, tag.size() - 2);
    }
    return PolicyId{std::string(tag.substr(0, 200))};
}

/// Reads and reviews against the zone as it is.
struct Checked {
    wire::PolicyReview review;
    std::optional<Policy> policy;
    KeyLines lines;
};

/// What it would do by itself.
struct Forecast {
    BookingForecast bookings;
    std::vector<Said> starts;
};

Forecast forecast(const State& state, const Policy& next, Moment now) {
    return {.bookings = forecast_bookings(state, next, now),
            .starts = forecast_starts(state, next)};
}

/// What a policy is held against, copied, so that the zone goes on deciding while a long file is
/// read. What has changed by then is found when it is applied.
struct Against {
    std::optional<Policy> running;
    ReviewContext context;
    Moment now;
    std::optional<ScheduledPolicy> scheduled;         ///< that it would take the place of
    std::function<Forecast(const Policy&)> forecast;  ///< by the books as they are
};

/// P023: both supersede the policy in force, and only one of them can follow it.
std::vector<Complaint> displaced(const Against& zone, const Policy& policy) {
    if (!zone.scheduled || zone.scheduled->policy.id == policy.id) {
        return {};
    }
    const ScheduledPolicy& other = *zone.scheduled;
    const std::string when = format_local(other.policy.effective_from, policy.utc_offset_minutes);
    return {
        {"P023",
         Severity::Warning,
         "policy.supersedes",
         fmt::format("{}, applied by {}, takes effect {}: this one takes its place, and {} never "
                     "comes into force",
                     other.policy.id.value, other.by.value, when, other.policy.id.value),
         fmt::format("{} do {} áp dụng sẽ có hiệu lực {}: bản này thay chỗ, và {} sẽ không bao "
                     "giờ có hiệu lực",
                     other.policy.id.value, other.by.value, when, other.policy.id.value),
         {}}};
}

/// As the zone wrote it, whatever it is held to.
std::optional<Policy> written_now(const State& state) {
    return state.truth.policy ? std::optional(written_policy(state.truth)) : std::nullopt;
}

std::shared_ptr<Against> against(const State& state, Moment now) {
    auto copy = std::make_shared<Against>();
    copy->running = written_now(state);
    copy->context = review_context(state, now);
    copy->context.running = copy->running ? &*copy->running : nullptr;
    copy->now = now;
    copy->scheduled = state.truth.scheduled;
    return copy;
}

std::shared_ptr<Against> against(const Call& call) {
    std::shared_ptr<Against> copy;
    call->services.engine.ask_and_wait(
        [&](State& state, Moment now) { copy = against(state, now); });
    copy->forecast = [call](const Policy& policy) {
        Forecast seen;
        call->services.engine.ask_and_wait(
            [&](State& state, Moment now) { seen = forecast(state, policy, now); });
        return seen;
    };
    return copy;
}

Checked check(const Against& zone, const wire::PolicyRequest& request, Language language) {
    const Moment now = zone.now;
    config::PolicyCheck read =
        config::check_policy(request.text, request.file, zone.context, request.strict);
    Checked checked;
    wire::PolicyReview& review = checked.review;
    if (read.policy) {
        const Forecast seen = zone.forecast(*read.policy);
        for (const auto* notes : {&seen.bookings.notes, &seen.starts}) {
            add_said(*notes, language, review.forecast);
        }
        std::vector<Complaint> more = displaced(zone, *read.policy);
        const std::vector<Complaint>& found = seen.bookings.complaints;
        more.insert(more.end(), found.begin(), found.end());
        config::add_complaints(read, std::move(more), request.file, request.strict);
    }
    review.complaints = shown(read.complaints, language);
    review.accepted = read.policy.has_value() && !refuses(read.complaints, request.strict);
    if (zone.running) {
        review.in_force = zone.running->id.value;
    }
    if (read.policy) {
        review.policy = read.policy->id.value;
        review.effective_at = std::max(now, read.policy->effective_from);
        if (zone.running) {
            for (const PolicyChange& change : diff(*zone.running, *read.policy)) {
                review.changes.push_back(explained(change, language));
            }
        }
    }
    checked.policy = std::move(read.policy);
    checked.lines = config::key_lines(read.places);
    return checked;
}

/// Applies the text if it is good; a policy with errors is answered with them and changes nothing.
void apply_text(const Call& call, const Against& zone, const wire::PolicyRequest& request) {
    Checked checked = check(zone, request, call->language);
    if (!checked.review.accepted || !checked.policy) {
        answer(call, checked.review);
        return;
    }
    ApplyPolicy command{.who = call->caller.who,
                        .policy = std::move(*checked.policy),
                        .text = request.text,
                        .expected = expected_policy(call),
                        .lines = std::move(checked.lines)};
    call->services.engine.tell(std::move(command),
                               [call, review = checked.review](const Answer& told) {
                                   if (told.refusal) {
                                       refuse(call, *told.refusal);
                                   } else {
                                       answer(call, review);
                                   }
                               });
}

wire::PolicyRecordView view_of(const State& state, const PolicyRecord& record) {
    wire::PolicyRecordView view;
    view.policy = record.id.value;
    view.state = "superseded";
    if (record.effective_at == kNever) {
        view.state = "dropped";
    } else if (state.truth.policy && state.truth.policy->id == record.id) {
        view.state = "in_force";
    }
    view.applied_by = record.by.value;
    view.decision_ref = record.decision_ref;
    view.dropped = record.dropped;
    view.applied_at = record.applied_at;
    view.effective_at = record.effective_at == kNever ? Moment{} : record.effective_at;
    return view;
}

wire::PolicyRecordView view_of(const ScheduledPolicy& scheduled) {
    wire::PolicyRecordView view;
    view.policy = scheduled.policy.id.value;
    view.state = "scheduled";
    view.applied_by = scheduled.by.value;
    view.decision_ref = scheduled.policy.decision_ref;
    view.applied_at = scheduled.at;
    view.effective_at = scheduled.policy.effective_from;
    return view;
}

struct Listed {
    wire::PolicyRecordView view;
    EventSeq seq;  ///< of the fact that has its text
};

/// Oldest first, the scheduled one last.
std::vector<Listed> all_policies(const State& state) {
    std::vector<Listed> all;
    for (const PolicyRecord& record : state.truth.policy_history) {
        all.push_back({view_of(state, record), record.seq});
    }
    if (state.truth.scheduled) {
        all.push_back({view_of(*state.truth.scheduled), state.truth.scheduled->seq});
    }
    return all;
}

/// The policy in force at `at`, also one that will be. Errors: H411, S602.
Expected<wire::PolicyAnswer, Refusal> policy_at(const Call& call, const State& state, Moment at) {
    const Listed* found = nullptr;
    const std::vector<Listed> all = all_policies(state);
    for (const Listed& each : all) {
        if (each.view.state != "dropped" && each.view.effective_at <= at) {
            found = &each;
        }
    }
    if (found == nullptr) {
        return Unexpected{Refusal(Code::NoSuchPolicy).with("which", "was in force then")};
    }
    auto text = text_of(call, found->seq);
    if (!text) {
        return Unexpected{std::move(text).error()};
    }
    return wire::PolicyAnswer{.policy = found->view.policy,
                              .text = *std::move(text),
                              .applied_by = found->view.applied_by,
                              .applied_at = found->view.applied_at,
                              .effective_at = found->view.effective_at};
}

/// The zone goes on deciding while the text is held against the rules above it.
void show_policy_at(const Call& call, Moment at) {
    Expected<wire::PolicyAnswer, Refusal> shown_policy{wire::PolicyAnswer{}};
    std::vector<LayerRules> above;
    call->services.engine.ask_and_wait([&](State& state, Moment) {
        shown_policy = policy_at(call, state, at);
        above = in_force_at(rules_above(state.truth), at);
    });
    if (!shown_policy) {
        refuse(call, shown_policy.error());
        return;
    }
    if (!above.empty()) {
        if (const auto policy = config::read_policy(shown_policy->text, shown_policy->policy)) {
            shown_policy->held = held_at(above, *policy, at);
        }
    }
    answer(call, *shown_policy);
}

wire::PolicyAnswer policy_now(const State& state, Moment now) {
    wire::PolicyAnswer shown_policy;
    if (state.truth.policy) {
        shown_policy.policy = state.truth.policy->id.value;
        shown_policy.text = state.truth.policy_text;
        shown_policy.applied_by = state.truth.policy_by.value;
        shown_policy.applied_at = state.truth.policy_at;
        shown_policy.effective_at = state.truth.policy->effective_from;
    }
    if (state.truth.scheduled) {
        shown_policy.scheduled = view_of(*state.truth.scheduled);
    }
    if (!state.truth.layers.held.empty()) {
        shown_policy.held = held_at(rules_above(state.truth), written_policy(state.truth), now);
    }
    return shown_policy;
}

/// The policy that was in force before the present one, as a new text with a new id.
Expected<wire::PolicyRequest, Refusal> text_before(const Call& call, const State& state,
                                                   const wire::PolicyRollback& request,
                                                   Moment now) {
    const PolicyRecord* before = nullptr;
    for (const PolicyRecord& record : state.truth.policy_history) {
        if (record.effective_at != kNever && state.truth.policy->id != record.id) {
            before = &record;
        }
    }
    if (before == nullptr) {
        return Unexpected{
            Refusal(Code::NoSuchPolicy).with("which", "was in force before this one")};
    }
    auto text = text_of(call, before->seq);
    if (!text) {
        return Unexpected{text.error()};
    }
    auto policy = config::read_policy(*text, before->id.value);
    if (!policy) {
        return Unexpected{Refusal(Code::StateDamaged)
                              .with("path", before->id.value.str())
                              .with("why", "its text is no longer readable")};
    }
    policy->id = PolicyId{request.policy};
    policy->supersedes = state.truth.policy->id;
    policy->effective_from = from_when(request, now);
    policy->decision_ref =
        request.decision_ref.empty() ? policy->decision_ref : request.decision_ref;
    return wire::PolicyRequest{.text = config::print(*policy), .file = request.policy + ".yaml"};
}

}  // namespace

void show_policy(const Call& call) {
    if (!reads_policies(call, "policy show")) {
        return;
    }
    const std::string at = query(call, "at");
    if (at.empty()) {
        call->services.engine.ask([call](State& state, Moment now) {
            wire::PolicyAnswer shown_policy = policy_now(state, now);
            // An id is used once, so it is the tag; If-Match of an apply names it.
            std::string tag = '"' + shown_policy.policy + '"';
            answer(call, std::move(shown_policy), {{"ETag", std::move(tag)}});
        });
        return;
    }
    const std::optional<Moment> moment = wire::parse_timestamp(at);
    if (!moment) {
        refuse(call, Refusal(Code::BadField)
                         .with("field", "at")
                         .with("why", "a time like 2026-04-01T00:00:00Z"));
        return;
    }
    show_policy_at(call, *moment);
}

void list_policies(const Call& call) {
    if (!reads_policies(call, "policy history")) {
        return;
    }
    call->services.engine.ask([call](State& state, Moment) {
        wire::PolicyHistory history;
        for (Listed& each : all_policies(state)) {
            auto text = text_of(call, each.seq);
            if (!text) {
                refuse(call, text.error());
                return;
            }
            each.view.sha256 = wire::net::sha256_hex(*text);
            history.policies.push_back(std::move(each.view));
        }
        answer(call, history);
    });
}

void roll_back_policy(const Call& call) {
    const auto request = body_of<wire::PolicyRollback>(call);
    if (!request) {
        return;
    }
    if (auto role = decide_detail::need_role(call->caller.who, Role::ZoneAdmin, "policy rollback");
        !role) {
        refuse(call, role.error());
        return;
    }
    call->services.engine.ask([call, request](State& state, Moment now) {
        const auto text = text_before(call, state, *request, now);
        if (!text) {
            refuse(call, text.error());
            return;
        }
        const auto zone = against(state, now);
        zone->forecast = [&](const Policy& policy) { return forecast(state, policy, now); };
        apply_text(call, *zone, *text);
    });
}

void check_policy(const Call& call) {
    const auto request = body_of<wire::PolicyRequest>(call);
    if (!request) {
        return;
    }
    if (auto role = decide_detail::need_role(call->caller.who, Role::ZoneAdmin, "policy check");
        !role) {
        refuse(call, role.error());
        return;
    }
    answer(call, check(*against(call), *request, call->language).review);
}

void apply_policy(const Call& call) {
    const auto request = body_of<wire::PolicyRequest>(call);
    if (!request) {
        return;
    }
    if (auto role = decide_detail::need_role(call->caller.who, Role::ZoneAdmin, "policy apply");
        !role) {
        refuse(call, role.error());
        return;
    }
    apply_text(call, *against(call), *request);
}

}  // namespace khu::daemon
