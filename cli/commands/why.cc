#include "cli/commands/all.h"
#include "cli/jobs.h"

namespace khu::cli {
namespace {

Table reason_table(const std::vector<wire::Explained>& reasons) {
    Table table{
        .columns = {{"CODE", "code"}, {"NAME", "name"}, {"TEXT", "text"}, {"REMEDY", "remedy"}},
        .rows = {}};
    for (const wire::Explained& reason : reasons) {
        table.rows.push_back({reason.code, reason.name, reason.text, reason.remedy});
    }
    return table;
}

std::string permille(std::int64_t n) {
    return std::to_string(n / 10) + "." + std::to_string(n % 10) + " %";
}

std::string changes_text(const Session& session, const std::vector<wire::ChangeView>& changes) {
    std::string out;
    for (const wire::ChangeView& change : changes) {
        out += session.say(Message::WhyChange, {change.option, permille(change.loss_permille)});
        out += '\n';
    }
    return out;
}

std::string reasons_text(const std::vector<wire::Explained>& reasons) {
    std::string out;
    for (const wire::Explained& reason : reasons) {
        out += "  " + reason.code + " " + reason.name + ": " + reason.text + "\n";
        out += reason.remedy.empty() ? "" : "       " + reason.remedy + "\n";
    }
    return out;
}

/// What keeps each of a job's alternatives.
std::string alternatives_text(const Session& session, const wire::WhyAnswer& why) {
    std::string out;
    for (const wire::WhyAlternative& way : why.alternatives) {
        out += session.say(Message::WhyAlternative, {std::to_string(way.alternative), way.what});
        out += '\n' + reasons_text(way.reasons) + changes_text(session, way.changes);
        if (way.reasons.empty()) {
            out += session.say(Message::WhyAlternativeFree, {}) + "\n";
        }
    }
    return out;
}

/// What would start it now, and why it stands where it stands.
std::string advice(const Session& session, const wire::WhyAnswer& why) {
    std::string out = changes_text(session, why.changes) + alternatives_text(session, why);
    if (why.changes.empty() && !why.reasons.empty() && why.standing && why.alternatives.empty()) {
        out += session.say(Message::WhyNoChange, {}) + "\n";
    }
    if (why.eta) {
        out += session.say(Message::WhyEta, {session.when(why.eta->early_at).shown,
                                             session.when(why.eta->late_at).shown}) +
               "\n";
    }
    if (why.first_eta) {
        const wire::FirstEtaView& first = *why.first_eta;
        out += session.say(Message::WhyFirstEta,
                           {session.when(first.given_at).shown, session.when(first.early_at).shown,
                            session.when(first.late_at).shown}) +
               "\n";
    }
    if (why.standing) {
        const wire::StandingView& at = *why.standing;
        out += session.say(Message::WhyStands,
                           {session.when(at.stands_as_if).shown, format_span(seconds(at.tier_s)),
                            format_span(seconds(at.size_s)), format_span(seconds(at.fair_share_s)),
                            std::to_string(at.fair_rank + 1), std::to_string(at.fair_leaves)});
        out += '\n';
        if (at.over_age_s > 0) {
            out += session.say(Message::WhyOverAge, {format_span(seconds(at.over_age_s))}) + "\n";
        }
        if (at.at_floor) {
            out += session.say(Message::WhyFloor, {}) + "\n";
        }
    }
    return out;
}

/// `job`: as it was asked for, an element by its index.
std::string sentences(const Session& session, const std::string& job, const wire::WhyAnswer& why) {
    if (why.phase != "queued") {
        return session.say(Message::WhyNotQueued, {job, why.phase}) + "\n" +
               reasons_text(why.reasons);
    }
    std::string out = why.rank == 0
                          ? session.say(Message::WhyAside, {job})
                          : session.say(Message::WhyQueued, {job, std::to_string(why.rank)});
    if (why.expected_start_at != Moment{0}) {
        out += session.say(Message::WhyExpected, {session.when(why.expected_start_at).shown});
    }
    out += '\n';
    return out + reasons_text(why.reasons) + advice(session, why);
}

void in_own_words(const Session& session, std::vector<wire::Explained>& reasons) {
    for (wire::Explained& reason : reasons) {
        const Failure own = explained(reason, session.language);
        reason.text = own.text;
        reason.remedy = own.remedy;
    }
}

Result run(Session& session) {
    const Expected<JobId, Failure> job = parse_job(session, session.operand());
    if (!job) {
        return Unexpected{job.error()};
    }
    Expected<Received<wire::WhyAnswer>, Failure> why =
        session.get<wire::WhyAnswer>("/v1/why/" + std::to_string(job->value));
    if (!why) {
        return Unexpected{std::move(why).error()};
    }
    in_own_words(session, why->answer.reasons);
    for (wire::WhyAlternative& way : why->answer.alternatives) {
        in_own_words(session, way.reasons);
    }
    if (session.format == Format::Table || session.format == Format::Wide) {
        session.print(sentences(session, session.operand(), why->answer));
    } else {
        session.present(reason_table(why->answer.reasons), why->body);
    }
    return 0;
}

}  // namespace

constinit const Command kWhy{.name = "why",
                             .operands = "JOB",
                             .help = Message::HelpWhy,
                             .options = {},
                             .reads = true,
                             .refused = Message::Refused,
                             .run = run};

}  // namespace khu::cli
