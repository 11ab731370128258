/// Commands about the policy, and the moment at which a scheduled one takes effect.

#include "core/machine/decide.h"
#include "core/machine/policy_forecast.h"
#include "core/policy/review.h"

namespace khu::decide_detail {
namespace {

std::optional<Complaint> first_error(std::vector<Complaint> complaints) {
    for (Complaint& complaint : complaints) {
        if (complaint.severity == Severity::Error) {
            return std::move(complaint);
        }
    }
    return std::nullopt;
}

/// Of the policy as it stands; then of what it books, which only a policy without errors can.
std::optional<Complaint> first_error(const State& state, const Policy& policy, Moment now) {
    std::optional<Complaint> wrong = first_error(review(policy, review_context(state, now)));
    return wrong ? wrong : first_error(forecast_bookings(state, policy, now).complaints);
}

}  // namespace

/// A policy whose time has come is in force at once, any other is scheduled in place of the one
/// that was. Errors: N403; H412; H422 with the first complaint if the policy contradicts the state,
/// as it is now.
Decided on(State& state, const ApplyPolicy& command, Moment now) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "policy apply"); !role) {
        return Unexpected{std::move(role).error()};
    }
    const PolicyId in_force = state.truth.policy ? state.truth.policy->id : PolicyId{};
    if (!command.expected.empty() && command.expected != in_force) {
        return Unexpected{Refusal(Code::PolicyChanged)
                              .with("expected", command.expected.value)
                              .with("in_force", in_force.value)};
    }
    if (const auto wrong = first_error(state, command.policy, now)) {
        return Unexpected{Refusal(Code::BadField)
                              .with("field", wrong->path)
                              .with("why", wrong->code + " " + text(*wrong, Language::English))};
    }
    if (command.policy.effective_from > now) {
        return Decision{.facts = {PolicyScheduled{.policy = command.policy,
                                                  .text = command.text,
                                                  .by = command.who.user,
                                                  .lines = command.lines}}};
    }
    return Decision{.facts = {PolicyApplied{.policy = command.policy,
                                            .text = command.text,
                                            .by = command.who.user,
                                            .lines = command.lines}}};
}

std::optional<Fact> scheduled_policy_due(const State& state, Moment now) {
    const std::optional<ScheduledPolicy>& scheduled = state.truth.scheduled;
    if (!scheduled || scheduled->policy.effective_from > now) {
        return std::nullopt;
    }
    // The books have moved since it was scheduled; its own moment has come, so P021 is not asked.
    // Nor is P071: an enterprise that has used its grant, or whose window was booked so late, keeps
    // no policy from taking effect, only that window is not booked.
    ReviewContext context = review_context(state, now);
    context.now = Moment{};
    context.firm.clear();
    context.above.clear();  // It is held to them.
    if (const auto wrong = first_error(review(scheduled->policy, context))) {
        return PolicyDropped{.policy = scheduled->policy.id,
                             .why = wrong->code + " " + wrong->path + ": " + wrong->text_en};
    }
    return PolicyTookEffect{scheduled->policy.id};
}

}  // namespace khu::decide_detail
