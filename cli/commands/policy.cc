#include <algorithm>
#include <iterator>

#include "cli/commands/all.h"
#include "cli/given.h"
#include "cli/rules_above.h"
#include "config/layer_reader.h"
#include "config/policy_reader.h"
#include "core/base/limits.h"

namespace khu::cli {
namespace {

constexpr Option kLayer{"--layer", "LEVEL", Message::HelpLayer, Takes::One,
                        "national|province|enterprise"};
constexpr Option kWhose{"--enterprise", "ID", Message::HelpOfEnterprise};
constexpr auto kCheckOptions = std::to_array<Option>({
    kLayer,
    {"--strict", "", Message::HelpStrict, Takes::Nothing},
    {"--offline", "", Message::HelpOffline, Takes::Nothing},
    {"--under", "FILE", Message::HelpUnder, Takes::Many},
});
constexpr auto kApplyOptions = std::to_array<Option>({
    kLayer,
    {"--strict", "", Message::HelpStrict, Takes::Nothing},
});
constexpr auto kShowOptions = std::to_array<Option>({
    kLayer,
    kWhose,
    {"--at", "DATE", Message::HelpPolicyAt},
});

constexpr auto kHistoryOptions = std::to_array<Option>({kLayer, kWhose});

constexpr auto kRollbackOptions = std::to_array<Option>({
    kLayer,
    kWhose,
    {"--id", "ID", Message::HelpPolicyId},
    {"--decision", "REF", Message::HelpDecision},
    {"--effective", "DATE", Message::HelpEffective},
});

/// Where the zone's policy is asked for, or the rules of the level that --layer names.
std::string path_of(const Session& session) {
    return session.arguments.has("--layer")
               ? "/v1/policy/layers/" + session.arguments.text("--layer")
               : "/v1/policy";
}

/// Of whose rules, for the level of enterprises.
std::string whose(const Session& session) {
    return query({{"enterprise", session.arguments.text("--enterprise")}});
}

/// --enterprise says whose rules are meant, and means nothing of the zone's.
Expected<Done, Failure> level_named(const Session& session) {
    if (session.arguments.has("--enterprise") &&
        session.arguments.text("--layer") != word_of(Layer::Enterprise)) {
        return Unexpected{missing_option(session, "--layer enterprise")};
    }
    return Done{};
}

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
    std::string place;
    if (complaint.line > 0) {
        place = complaint.file + ":" + std::to_string(complaint.line) + ":" +
                std::to_string(complaint.column);
    }
    return {.code = complaint.code,
            .severity = complaint.severity == Severity::Error ? "error" : "warning",
            .path = complaint.path,
            .text = text(complaint, language),
            .place = std::move(place),
            .limit = complaint.limit};
}

/// The text of such rules, by itself.
wire::PolicyReview layer_here(const Session& session, const wire::PolicyRequest& request) {
    const auto rules = config::read_layer(request.text, request.file);
    wire::PolicyReview review;
    review.accepted = rules.has_value();
    review.policy = rules ? rules->id.value.str() : "";
    for (const Complaint& complaint : rules ? std::vector<Complaint>{} : rules.error()) {
        review.complaints.push_back(view_of(complaint, session.language));
    }
    return review;
}

/// What can be said without the zone: the text alone, reviewed as the first policy of a zone.
wire::PolicyReview review_here(const Session& session, const wire::PolicyRequest& request,
                               const ReviewContext& context = {}) {
    if (session.arguments.has("--layer")) {
        return layer_here(session, request);
    }
    const config::PolicyCheck check =
        config::check_policy(request.text, request.file, context, request.strict);
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

/// What the policy in force is held to by the rules that --layer names.
void show_held(const Session& session, const wire::PolicyReview& review) {
    for (const std::string& change : review.changes) {
        if (session.arguments.has("--layer")) {
            session.print("  " + change + "\n");
        }
    }
}

Result show_review(const Session& session, const wire::PolicyReview& review,
                   const std::string& body) {
    if (session.format == Format::Json || session.format == Format::Csv) {
        session.present(complaint_table(review), body);
    } else {
        session.print(complaint_lines(review) + summary(session, review));
        show_held(session, review);
    }
    return static_cast<int>(review.accepted ? ExitCode::Done : ExitCode::Refused);
}

/// What khud says, and what was said here of the rules above that it does not know.
wire::PolicyReview with_rules_above(wire::PolicyReview there, const wire::PolicyReview& here) {
    const auto known = [&](const wire::ComplaintView& one) {
        return std::ranges::find(there.complaints, one.text, &wire::ComplaintView::text) !=
               there.complaints.end();
    };
    std::vector<wire::ComplaintView> more;
    std::ranges::copy_if(
        here.complaints, std::back_inserter(more),
        [&](const wire::ComplaintView& one) { return one.code == "P074" && !known(one); });
    there.complaints.insert(there.complaints.end(), more.begin(), more.end());
    return there;
}

Result check(Session& session) {
    const Expected<wire::PolicyRequest, Failure> request = read_request(session);
    if (!request) {
        return Unexpected{request.error()};
    }
    std::vector<Complaint> wrong;
    Expected<std::vector<LayerRules>, Failure> above = rules_under(session, wrong);
    if (!above) {
        return Unexpected{above.error()};
    }
    if (!wrong.empty()) {
        wire::PolicyReview rules;
        for (const Complaint& each : wrong) {
            rules.complaints.push_back(view_of(each, session.language));
        }
        return show_review(session, rules, encode(rules));
    }
    ReviewContext context;
    context.above = *std::move(above);
    const wire::PolicyReview here = review_here(session, *request, context);
    if (!here.accepted || session.arguments.has("--offline")) {
        return show_review(session, here, encode(here));
    }
    const Expected<Received<wire::PolicyReview>, Failure> there =
        session.post<wire::PolicyReview>(path_of(session) + "/check", encode(*request));
    if (there) {
        const wire::PolicyReview both = with_rules_above(there->answer, here);
        return show_review(session, both, encode(both));
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
        session.post<wire::PolicyReview>(path_of(session), encode(*request));
    if (!there) {
        return Unexpected{there.error()};
    }
    const Result shown = show_review(session, there->answer, there->body);
    say_when(session, there->answer);
    return shown;
}

/// The policy before, under a new id: its text is made by khud, which has it.
Result rollback(Session& session) {
    if (const auto level = level_named(session); !level) {
        return Unexpected{level.error()};
    }
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
    const Expected<Received<wire::PolicyReview>, Failure> there = session.post<wire::PolicyReview>(
        path_of(session) + "/rollback" + whose(session), encode(back));
    if (!there) {
        return Unexpected{there.error()};
    }
    const Result shown = show_review(session, there->answer, there->body);
    say_when(session, there->answer);
    return shown;
}

Result history(Session& session) {
    if (const auto level = level_named(session); !level) {
        return Unexpected{level.error()};
    }
    const Expected<Received<wire::PolicyHistory>, Failure> page =
        session.get<wire::PolicyHistory>(path_of(session) + "/history" + whose(session));
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
    if (const auto level = level_named(session); !level) {
        return Unexpected{level.error()};
    }
    const Expected<Moment, Failure> at = given_moment(session, "--at");
    if (!at) {
        return Unexpected{at.error()};
    }
    const std::string target =
        path_of(session) +
        query({{"enterprise", session.arguments.text("--enterprise")},
               {"at", session.arguments.has("--at") ? wire::format_timestamp(*at) : ""}});
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
    for (const wire::HeldView& one : answer.held) {
        session.note(
            session.say(Message::PolicyHeld, {one.path, one.value.empty() ? "-" : one.value,
                                              one.bound, khu::show(one.limit, session.language)}));
    }
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
                                       .options = {kHistoryOptions},
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
