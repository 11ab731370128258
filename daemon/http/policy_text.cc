#include "daemon/http/policy_text.h"

#include "core/machine/events.h"
#include "wire/json.h"

namespace khu::daemon {

std::vector<wire::ComplaintView> shown(const std::vector<Complaint>& complaints,
                                       Language language) {
    std::vector<wire::ComplaintView> views;
    for (const Complaint& each : complaints) {
        wire::ComplaintView view;
        view.code = each.code;
        view.severity = each.severity == Severity::Error ? "error" : "warning";
        view.path = each.path;
        view.text = text(each, language);
        view.limit = each.limit;
        view.place =
            each.file + ":" + std::to_string(each.line) + ":" + std::to_string(each.column);
        views.push_back(std::move(view));
    }
    return views;
}

Expected<std::string, Refusal> text_of(const Call& call, EventSeq seq) {
    const auto facts = call->services.store.facts(seq, 1);
    if (!facts) {
        return Unexpected{facts.error()};
    }
    if (!facts->empty() && facts->front().seq == seq) {
        auto fact = wire::from_json_text<Fact>(facts->front().json, wire::Unknown::Ignore);
        if (fact) {
            if (auto* applied = std::get_if<PolicyApplied>(&*fact)) {
                return std::move(applied->text);
            }
            if (auto* scheduled = std::get_if<PolicyScheduled>(&*fact)) {
                return std::move(scheduled->text);
            }
            if (auto* layer = std::get_if<LayerBrought>(&*fact)) {
                return std::move(layer->text);
            }
        }
    }
    return Unexpected{Refusal(Code::StateDamaged)
                          .with("path", "fact " + std::to_string(seq.value))
                          .with("why", "it is not a policy")};
}

void add_said(const std::vector<Said>& notes, Language language, std::vector<std::string>& lines) {
    for (const Said& each : notes) {
        lines.push_back(language == Language::English ? each.en : each.vi);
    }
}

Moment from_when(const wire::PolicyRollback& request, Moment now) {
    constexpr Span soon = seconds(2);  // A policy never takes effect in the past (P021).
    return request.effective_at == Moment{} ? Moment{(now + soon).value / 1000 * 1000}
                                            : Moment{request.effective_at};
}

std::vector<wire::HeldView> held_at(const std::vector<LayerRules>& above, const Policy& written,
                                    Moment at) {
    std::vector<wire::HeldView> held;
    for (BeyondBound& beyond : beyond_bounds(written, in_force_at(above, at))) {
        if (beyond.tightens) {
            held.push_back({.path = std::move(beyond.path),
                            .value = std::move(beyond.value),
                            .bound = std::move(beyond.bound),
                            .limit = std::move(beyond.source)});
        }
    }
    return held;
}

bool reads_policies(const Call& call, const char* verb) {
    if (call->caller.who.has(Role::ZoneAdmin) || call->caller.who.has(Role::Auditor)) {
        return true;
    }
    refuse(call, decide_detail::need_role(call->caller.who, Role::ZoneAdmin, verb).error());
    return false;
}

}  // namespace khu::daemon
