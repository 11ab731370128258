#include <algorithm>

#include "cli/commands/all.h"
#include "cli/given.h"
#include "config/policy_reader.h"
#include "core/base/limits.h"

namespace khu::cli {
namespace {

constexpr auto kCheckOptions = std::to_array<Option>({
    {"--strict", "", Message::HelpStrict, Takes::Nothing},
    {"--offline", "", Message::HelpOffline, Takes::Nothing},
});
constexpr auto kApplyOptions = std::to_array<Option>({
    {"--strict", "", Message::HelpStrict, Takes::Nothing},
});
constexpr auto kShowOptions = std::to_array<Option>({
    {"--at", "DATE", Message::HelpPolicyAt},
});

constexpr auto kRollbackOptions = std::to_array<Option>({
    {"--id", "ID", Message::HelpPolicyId},
    {"--decision", "REF", Message::HelpDecision},
    {"--effective", "DATE", Message::HelpEffective},
});

Expected<wire::PolicyRequest, Failure> read_request(const Session& session) {
    const std::string path = session.operand();
    Expected<std::string, Failure> text = given_file(session, path, limits::policy_bytes_max);
    if (!text) {
        return Unexpected{std::move(text).error()};
    }
    return wire::PolicyRequest{
        .text = *std::move(text), .file = path, .strict = session.arguments.has("--strict")};
}

wire::ComplaintView view_of(const Complaint& complaint, Language language) {
    const bool vietnamese = language == Language::Vietnamese;
    std::string place;
    if (complaint.line > 0) {
        place = complaint.file + ":" + std::to_string(complaint.line) + ":" +
                std::to_string(complaint.column);
    }
    return {.code = complaint.code,
            .severity = complaint.severity == Severity::Error ? "error" : "warning",
            .path = complaint.path,
            .text = vietnamese ? complaint.text_vi : complaint.text_en,
            .place = std::move(place)};
}

/// What can be said without the zone: the text alone, reviewed as the first policy of a zone.
wire::PolicyReview review_here(const Session& session, const wire::PolicyRequest& request) {
    const config::PolicyCheck check =
        config::check_policy(request.text, request.file, {}, request.strict);
    wire::PolicyReview review;
    review.accepted = check.policy.has_value() && !refuses(check.complaints, request.strict);
    review.policy = check.policy ? check.policy->id.value.str() : "";
    for (const Complaint& complaint : check.complaints) {
        review.complaints.push_back(view_of(complaint, session.language));
    }
    return review;
}

Table complaint_table(const wire::PolicyReview& review) {
    Table table{.columns = {{"PLACE", "place"},
                            {"SEVERITY", "severity"},
                            {"CODE", "code"},
                            {"KEY", "path"},
                            {"TEXT", "text"}},
                .rows = {}};
    for (const wire::ComplaintView& one : review.complaints) {
        table.rows.push_back({one.place, one.severity, one.code, one.path, one.text});
    }
    return table;
}

/// "policy.yaml:12:5: P030 programmes.kn-80.split: ..." a line, as compilers print.
std::string complaint_lines(const wire::PolicyReview& review) {
    std::string out;
    for (const wire::ComplaintView& one : review.complaints) {
        out += one.place.empty() ? "" : one.place + ": ";
        out += one.severity == "warning" ? "warning: " : "";
        out += one.code + " " + (one.path.empty() ? "" : one.path + ": ") + one.text + "\n";
    }
    return out;
}

/// What it will do by itself.
std::string forecast(const Session& session, const wire::PolicyReview& review) {
    std::string out;
    for (const std::string& one : review.forecast) {
        out += (out.empty() ? session.say(Message::PolicyBooks) + "\n  " : "  ") + one + "\n";
    }
    return out;
}

std::string summary(const Session& session, const wire::PolicyReview& review) {
    const auto warnings =
        std::ranges::count(review.complaints, "warning", &wire::ComplaintView::severity);
    const auto errors = static_cast<std::ptrdiff_t>(review.complaints.size()) - warnings;
    std::string out = session.say(review.accepted ? Message::PolicyGood : Message::PolicyBad,
                                  {review.policy.empty() ? session.operand() : review.policy,
                                   std::to_string(errors), std::to_string(warnings)});
    out += '\n';
    return out + forecast(session, review);
}

void show_changes(const Session& session, const wire::PolicyReview& review) {
    if (review.changes.empty()) {
        session.print(session.say(Message::PolicyNoChanges, {review.in_force}) + "\n");
    }
    for (const std::string& change : review.changes) {
        session.print(change + "\n");
    }
    session.print(forecast(session, review));
}

Result show_review(const Session& session, const wire::PolicyReview& review,
                   const std::string& body) {
    if (session.format == Format::Json || session.format == Format::Csv) {
        session.present(complaint_table(review), body);
    } else {
        session.print(complaint_lines(review) + summary(session, review));
    }
    return static_cast<int>(review.accepted ? ExitCode::Done : ExitCode::Refused);
}

Result check(Session& session) {
    const Expected<wire::PolicyRequest, Failure> request = read_request(session);
    if (!request) {
        return Unexpected{request.error()};
    }
    const wire::PolicyReview here = review_here(session, *request);
    if (!here.accepted || session.arguments.has("--offline")) {
        return show_review(session, here, encode(here));
    }
    const Expected<Received<wire::PolicyReview>, Failure> there =
        session.post<wire::PolicyReview>("/v1/policy/check", encode(*request));
    if (there) {
        return show_review(session, there->answer, there->body);
    }
    session.note(session.say(Message::PolicyCheckedHere, {there.error().text}));
    return show_review(session, here, encode(here));
}

/// In force, or from when on.
void say_when(const Session& session, const wire::PolicyReview& review) {
    const bool people = session.format == Format::Table || session.format == Format::Wide;
    if (!review.accepted || !people) {
        return;
    }
    session.print(review.effective_at > wall_now()
                      ? session.say(Message::PolicyScheduled,
                                    {review.policy, session.when(review.effective_at).shown})
                      : session.say(Message::PolicyApplied, {review.policy}));
    session.print("\n");
}

Result apply(Session& session) {
    const Expected<wire::PolicyRequest, Failure> request = read_request(session);
    if (!request) {
        return Unexpected{request.error()};
    }
    const wire::PolicyReview here = review_here(session, *request);
    if (!here.accepted) {
        return show_review(session, here, encode(here));
    }
    const Expected<Received<wire::PolicyReview>, Failure> there =
        session.post<wire::PolicyReview>("/v1/policy", encode(*request));
    if (!there) {
        return Unexpected{there.error()};
    }
    const Result shown = show_review(session, there->answer, there->body);
    say_when(session, there->answer);
    return shown;
}

/// The policy before, under a new id: its text is made by khud, which has it.
Result rollback(Session& session) {
    if (!session.arguments.has("--id")) {
        return Unexpected{
            usage(session.say(Message::MissingOption, {"khu policy rollback", "--id"}),
                  session.say(Message::SeeHelp, {"khu policy rollback --help"}))};
    }
    const Expected<Moment, Failure> effective = given_moment(session, "--effective");
    if (!effective) {
        return Unexpected{effective.error()};
    }
    const wire::PolicyRollback back{.policy = session.arguments.text("--id"),
                                    .decision_ref = session.arguments.text("--decision"),
                                    .effective_at = *effective};
    const Expected<Received<wire::PolicyReview>, Failure> there =
        session.post<wire::PolicyReview>("/v1/policy/rollback", encode(back));
    if (!there) {
        return Unexpected{there.error()};
    }
    const Result shown = show_review(session, there->answer, there->body);
    say_when(session, there->answer);
    return shown;
}

Result history(Session& session) {
    const Expected<Received<wire::PolicyHistory>, Failure> page =
        session.get<wire::PolicyHistory>("/v1/policy/history");
    if (!page) {
        return Unexpected{page.error()};
    }
    Table table{.columns = {{"POLICY", "policy"},
                            {"STATE", "state"},
                            {"EFFECTIVE", "effective_at"},
                            {"APPLIED", "applied_at"},
                            {"BY", "applied_by"},
                            {"DECISION", "decision_ref", Align::Left, true},
                            {"SHA256", "sha256", Align::Left, true},
                            {"WHY", "dropped", Align::Left, true}},
                .rows = {}};
    for (const wire::PolicyRecordView& one : page->answer.policies) {
        table.rows.push_back({one.policy, one.state, session.when(one.effective_at),
                              session.when(one.applied_at), one.applied_by, one.decision_ref,
                              one.sha256, one.dropped});
    }
    session.present(table, page->body);
    return 0;
}

Result diff(Session& session) {
    const Expected<wire::PolicyRequest, Failure> request = read_request(session);
    if (!request) {
        return Unexpected{request.error()};
    }
    const Expected<Received<wire::PolicyReview>, Failure> there =
        session.post<wire::PolicyReview>("/v1/policy/diff", encode(*request));
    if (!there) {
        return Unexpected{there.error()};
    }
    if (!there->answer.accepted || session.format == Format::Json) {
        return show_review(session, there->answer, there->body);
    }
    show_changes(session, there->answer);
    return 0;
}

Result show(Session& session) {
    const Expected<Moment, Failure> at = given_moment(session, "--at");
    if (!at) {
        return Unexpected{at.error()};
    }
    const std::string target =
        session.arguments.has("--at")
            ? "/v1/policy?at=" + wire::net::percent_encode(wire::format_timestamp(*at))
            : "/v1/policy";
    const Expected<Received<wire::PolicyAnswer>, Failure> policy =
        session.get<wire::PolicyAnswer>(target);
    if (!policy) {
        return Unexpected{policy.error()};
    }
    const wire::PolicyAnswer& answer = policy->answer;
    if (session.format == Format::Json) {
        session.present({}, policy->body);
        return 0;
    }
    if (answer.policy.empty()) {
        session.note(session.say(Message::PolicyNone));
        return 0;
    }
    session.progress("");
    session.print(answer.text);
    session.note(session.say(Message::PolicyWho, {answer.policy, answer.applied_by,
                                                  session.when(answer.applied_at).shown}));
    if (answer.scheduled) {
        session.note(session.say(
            Message::PolicyNext,
            {answer.scheduled->policy, session.when(answer.scheduled->effective_at).shown,
             answer.scheduled->applied_by}));
    }
    return 0;
}

}  // namespace

constinit const Command kPolicyCheck{.name = "policy check",
                                     .operands = "FILE",
                                     .help = Message::HelpPolicyCheck,
                                     .options = {kCheckOptions},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = check};
constinit const Command kPolicyDiff{.name = "policy diff",
                                    .operands = "FILE",
                                    .help = Message::HelpPolicyDiff,
                                    .options = {},
                                    .reads = true,
                                    .refused = Message::Refused,
                                    .run = diff};
constinit const Command kPolicyApply{.name = "policy apply",
                                     .operands = "FILE",
                                     .help = Message::HelpPolicyApply,
                                     .options = {kApplyOptions},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = apply};
constinit const Command kPolicyShow{.name = "policy show",
                                    .operands = "",
                                    .help = Message::HelpPolicyShow,
                                    .options = {kShowOptions},
                                    .reads = true,
                                    .refused = Message::Refused,
                                    .run = show};

constinit const Command kPolicyHistory{.name = "policy history",
                                       .operands = "",
                                       .help = Message::HelpPolicyHistory,
                                       .options = {},
                                       .reads = true,
                                       .refused = Message::Refused,
                                       .run = history};
constinit const Command kPolicyRollback{.name = "policy rollback",
                                        .operands = "",
                                        .help = Message::HelpPolicyRollback,
                                        .options = {kRollbackOptions},
                                        .reads = true,
                                        .refused = Message::Refused,
                                        .run = rollback};

}  // namespace khu::cli
