#include <unistd.h>

#include "cli/commands/all.h"
#include "cli/files.h"
#include "cli/plan/outcome_json.h"
#include "cli/plan/outcome_table.h"
#include "cli/plan/picture.h"
#include "cli/plan/study.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--trace", "FILE", Message::HelpPlanTrace},
    {"--machine", "FILE", Message::HelpPlanMachine},
    {"--policy", "FILE", Message::HelpPlanPolicy},
    {"--against", "FILE", Message::HelpPlanAgainst},
    {"--under", "FILE", Message::HelpUnder, Takes::Many},
    {"--runtimes", "WHAT", Message::HelpPlanRuntimes, Takes::One, "known|limits|predicted"},
    {"--order", "ORDER", Message::HelpPlanOrder, Takes::One,
     "fair-tree|shortest-predicted|priority|fifo"},
    {"--from", "S", Message::HelpPlanFrom},
    {"--to", "S", Message::HelpPlanTo},
    {"--eta", "", Message::HelpPlanEta, Takes::Nothing},
    {"--idle", "SPAN", Message::HelpPlanIdle},
    {"--fairness", "", Message::HelpPlanFairness, Takes::Nothing},
    {"--format", "FORM", Message::HelpFormat, Takes::One, "table|json|csv"},
    {"-o,--output", "FILE", Message::HelpPlanOutput},
    {"--svg", "FILE", Message::HelpPlanSvg},
    {"--last", "SPAN", Message::HelpPlanLast},
});

constexpr auto kTryOptions = std::to_array<Option>({
    {"--last", "SPAN", Message::HelpPolicyPlanLast},
    {"--under", "FILE", Message::HelpUnder, Takes::Many},
    {"--runtimes", "WHAT", Message::HelpPlanRuntimes, Takes::One, "known|limits|predicted"},
    {"--eta", "", Message::HelpPlanEta, Takes::Nothing},
    {"--fairness", "", Message::HelpPlanFairness, Takes::Nothing},
    {"--format", "FORM", Message::HelpFormat, Takes::One, "table|json|csv"},
    {"-o,--output", "FILE", Message::HelpPlanOutput},
    {"--svg", "FILE", Message::HelpPlanSvg},
});

std::string text_of(const Session& session, const PlanReport& report) {
    switch (session.format) {
        case Format::Json:
            return plan_json(report) + "\n";
        case Format::Csv:
            return plan_csv(report);
        case Format::Table:
        case Format::Wide:
            break;
    }
    const bool bold = ::isatty(STDOUT_FILENO) != 0 && !session.arguments.has("--output");
    return plan_text(session, report, bold);
}

Expected<Done, Failure> keep(const Session& session, const std::string& path,
                             const std::string& text) {
    constexpr unsigned mode = 0666;  // The person's umask decides.
    NewFile file(path, mode);
    Expected<Done, FileFault> kept = file.write(text);
    if (kept) {
        kept = file.keep();
    }
    if (!kept) {
        return Unexpected{
            internal(session.say(Message::FileUnwritable, {path, kept.error().why}), "")};
    }
    return Done{};
}

Result run(Session& session) {
    const Expected<PlanReport, Failure> report = study(session);
    if (!report) {
        return Unexpected{report.error()};
    }
    session.progress("");
    if (session.arguments.has("--svg")) {
        const Expected<Done, Failure> drawn =
            keep(session, session.arguments.text("--svg"), plan_picture(session, *report));
        if (!drawn) {
            return Unexpected{drawn.error()};
        }
    }
    const std::string text = text_of(session, *report);
    if (!session.arguments.has("--output")) {
        session.print(text);
        return static_cast<int>(ExitCode::Done);
    }
    const Expected<Done, Failure> kept = keep(session, session.arguments.text("--output"), text);
    return kept ? Result(static_cast<int>(ExitCode::Done)) : Result(Unexpected{kept.error()});
}

/// What the zone ran lately, under the policy in force and under that of the file.
Result try_policy(Session& session) {
    Arguments as_plan = session.arguments;
    as_plan.options["--against"] = {session.operand()};
    as_plan.options.try_emplace("--last", std::vector<std::string>{"30d"});
    Session plan(session.command, std::move(as_plan), session.language);
    return run(plan);
}

}  // namespace

constinit const Command kPolicyPlan{.name = "policy plan",
                                    .operands = "FILE",
                                    .help = Message::HelpPolicyPlan,
                                    .options = {kTryOptions},
                                    .refused = Message::PlanRefused,
                                    .run = try_policy};
constinit const Command kPlan{.name = "plan",
                              .operands = "",
                              .help = Message::HelpPlan,
                              .options = {kOptions},
                              .refused = Message::PlanRefused,
                              .run = run};

}  // namespace khu::cli
