/// Reports that are owed for grants that are over, and transfers between grants.

#include <fmt/format.h>

#include "core/base/limits.h"
#include "core/machine/decide.h"
#include "core/machine/grant_rules.h"

namespace khu::decide_detail {
namespace {

Unexpected<Refusal> bad_field(const char* field, const char* why) {
    return Unexpected{Refusal(Code::BadField).with("field", field).with("why", why)};
}

/// Not empty, and at most a paragraph.
bool is_paragraph(const std::string& text) {
    return !text.empty() && static_cast<std::int64_t>(text.size()) <= limits::purpose_bytes_max;
}

Unexpected<Refusal> not_taken(const GrantId& grant, std::string why, std::string why_vi) {
    return Unexpected{Refusal(Code::ReportNotTaken)
                          .with("grant", grant.value)
                          .with("why", std::move(why))
                          .with("why_vi", std::move(why_vi))};
}

Unexpected<Refusal> nothing_owed(const Grant& grant) {
    if (!grant.ended) {
        const std::string to = format_utc(grant.to);
        return not_taken(grant.id, fmt::format("its window is open until {}; then it is due", to),
                         fmt::format("hạn mức còn mở đến {}; sau đó mới đến hạn nộp", to));
    }
    return not_taken(grant.id, "none is owed for it", "không phải nộp báo cáo");
}

/// Null: nothing was ever owed for it.
const GrantReport* find_report(const State& state, const GrantId& grant) {
    const auto found = state.truth.reports.find(grant);
    return found == state.truth.reports.end() ? nullptr : &found->second;
}

}  // namespace

/// Errors: N403, L202, L216, H422. Somebody else's grant is as unknown as one that never was.
Decided on(State& state, const DeliverReport& command, Moment) {
    const Grant* grant = state.truth.ledger.find(command.grant);
    if (grant == nullptr || !command.who.may_read(grant->enterprise)) {
        return Unexpected{Refusal(Code::UnknownGrant).with("grant", command.grant.value)};
    }
    if (auto role = need_holder(state, command.who, grant->enterprise, "grant report"); !role) {
        return Unexpected{std::move(role).error()};
    }
    if (!is_paragraph(command.report)) {
        return bad_field("report", "say where the report is, in at most 2000 bytes");
    }
    if (!command.output.empty() && !is_paragraph(command.output)) {
        return bad_field("output", "at most 2000 bytes");
    }
    const GrantReport* report = find_report(state, command.grant);
    if (report == nullptr) {
        return nothing_owed(*grant);
    }
    if (report->steps.back().verb == ReportVerb::Delivered) {
        return not_taken(grant->id, "it was delivered already", "báo cáo đã được nộp");
    }
    if (report->output_required && command.output.empty()) {
        return not_taken(grant->id, "its programme wants the open output named too: --output",
                         "chương trình yêu cầu nêu cả kết quả mở: --output");
    }
    return Decision{.facts = {ReportDelivered{.grant = command.grant,
                                              .report = command.report,
                                              .output = command.output,
                                              .by = command.who.user}}};
}

/// Errors: N403, L202, L216, H422.
Decided on(State& state, const ReturnReport& command, Moment now) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "grant return"); !role) {
        return Unexpected{std::move(role).error()};
    }
    const Grant* grant = state.truth.ledger.find(command.grant);
    if (grant == nullptr) {
        return Unexpected{Refusal(Code::UnknownGrant).with("grant", command.grant.value)};
    }
    if (!is_paragraph(command.reason)) {
        return bad_field("reason", "say what is missing, in at most 2000 bytes");
    }
    const GrantReport* report = find_report(state, command.grant);
    if (report == nullptr || report->steps.back().verb != ReportVerb::Delivered) {
        return not_taken(grant->id, "nothing was delivered that could be sent back",
                         "chưa có báo cáo nào được nộp để trả lại");
    }
    const Moment again = now + limits::report_again;
    return Decision{
        .facts = {ReportReturned{.grant = command.grant,
                                 .reason = command.reason,
                                 .due_at = std::max(again, standing_of(*report, now).due_at),
                                 .by = command.who.user}}};
}

/// Errors: N403, L202, L217, L210, H422.
Decided on(State& state, const TransferGrant& command, Moment now) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "grant transfer"); !role) {
        return Unexpected{std::move(role).error()};
    }
    if (!is_paragraph(command.decision_ref)) {
        return bad_field("decision_ref", "a transfer names the decision behind it");
    }
    const Ledger& ledger = state.truth.ledger;
    if (auto allowed = ledger.can_transfer(command.from, command.to, command.amount, now);
        !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    if (auto allowed = may_take(state, command.to, command.amount, now); !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    return Decision{.facts = {GrantTransferred{.grant = command.from,
                                               .to = command.to,
                                               .amount = command.amount,
                                               .decision_ref = command.decision_ref,
                                               .by = command.who.user}}};
}

}  // namespace khu::decide_detail
