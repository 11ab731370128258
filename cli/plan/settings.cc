#include "cli/plan/settings.h"

#include <algorithm>

#include "cli/given.h"
#include "cli/rules_above.h"
#include "config/layer_reader.h"
#include "config/policy_reader.h"
#include "config/yaml_tree.h"
#include "core/base/limits.h"

namespace khu::cli {
namespace {

constexpr std::size_t kComplaintsShown = 20;

/// The words are those of the option's choices: the parser has refused any other.
std::optional<OrderStrategy> order_of(const Session& session) {
    const std::string word = session.arguments.text("--order");
    if (word == "fair-tree") {
        return OrderStrategy::FairTree;
    }
    if (word == "shortest-predicted") {
        return OrderStrategy::ShortestPredicted;
    }
    if (word == "priority") {
        return OrderStrategy::Priority;
    }
    return word == "fifo" ? std::optional(OrderStrategy::Fifo) : std::nullopt;
}

Expected<Done, Failure> take_machine(const Session& session, const std::string& path,
                                     Setting& setting) {
    Expected<MachineFile, std::vector<Complaint>> machine = read_machine(path);
    if (!machine) {
        return Unexpected{complained(session, machine.error(), Message::PlanMachineRemedy)};
    }
    setting.machine_file = path;
    setting.machine = *std::move(machine);
    return Done{};
}

Expected<Done, Failure> take_policy(const Session& session, const std::string& path,
                                    Setting& setting) {
    const Expected<std::string, Failure> text = given_file(session, path, limits::policy_bytes_max);
    if (!text) {
        return Unexpected{text.error()};
    }
    ReviewContext context;
    context.above = setting.above;
    config::PolicyCheck check = config::check_policy(*text, path, context);
    if (!check.policy || refuses(check.complaints)) {
        std::erase_if(check.complaints,
                      [](const Complaint& one) { return one.severity == Severity::Warning; });
        return Unexpected{complained(session, check.complaints, Message::PlanPolicyRemedy)};
    }
    setting.policy = *std::move(check.policy);
    return Done{};
}

/// Rules above the policy of the setting, as if they bound already.
Expected<Done, Failure> take_rules(const Session& session, const std::string& path,
                                   Setting& setting) {
    const Expected<std::string, Failure> text = given_file(session, path, limits::policy_bytes_max);
    if (!text) {
        return Unexpected{text.error()};
    }
    const auto rules = config::read_layer_above(*text, path);
    if (!rules) {
        return Unexpected{complained(session, rules.error(), Message::PlanPolicyRemedy)};
    }
    if (!setting.policy) {
        return Unexpected{missing_option(session, "--policy")};
    }
    tighten(*setting.policy, {*rules});
    return Done{};
}

using Take = Expected<Done, Failure> (*)(const Session&, const std::string&, Setting&);

/// A policy says so itself, in the key that every policy begins with, and so do rules above one.
Take reader_of(const std::string& text, const std::string& path) {
    const config::Tree tree = config::read_tree(text, path, config::policy_limits());
    const auto has = [&](const char* key) {
        return std::ranges::find(tree.root.entries, key, &config::Entry::key) !=
               tree.root.entries.end();
    };
    return has("khu_policy") ? take_policy : has("khu_layer") ? take_rules : take_machine;
}

Expected<Setting, Failure> changed(const Session& session, Setting setting,
                                   const std::string& path) {
    const Expected<std::string, Failure> text = given_file(session, path, limits::policy_bytes_max);
    if (!text) {
        return Unexpected{text.error()};
    }
    const Counted before = setting.machine.counted;
    const std::string name = setting.machine_file;
    const Take take = reader_of(*text, path);
    const Expected<Done, Failure> taken = take(session, path, setting);
    if (!taken) {
        return Unexpected{taken.error()};
    }
    if (setting.machine.counted != before) {
        return Unexpected{usage(session.say(Message::PlanOtherUnit, {name, path}),
                                session.say(Message::PlanOtherUnitRemedy))};
    }
    setting.name = take == take_machine ? path : setting.machine_file + " + " + path;
    return setting;
}

}  // namespace

Failure complained(const Session& session, const std::vector<Complaint>& complaints,
                   Message remedy) {
    std::string text;
    for (std::size_t i = 0; i < std::min(complaints.size(), kComplaintsShown); ++i) {
        text += (i == 0 ? "" : "\n     ") + show(complaints[i], session.language);
    }
    if (complaints.size() > kComplaintsShown) {
        text += "\n     " + session.say(Message::PlanMoreComplaints,
                                        {std::to_string(complaints.size() - kComplaintsShown)});
    }
    return {.exit = ExitCode::Refused, .text = std::move(text), .remedy = session.say(remedy)};
}

Expected<std::vector<Setting>, Failure> read_settings(const Session& session, Setting setting) {
    const std::string machine = session.arguments.text("--machine");
    const std::string policy = session.arguments.text("--policy");
    setting.order = order_of(session);
    std::vector<Complaint> wrong;
    const Expected<std::vector<LayerRules>, Failure> under = rules_under(session, wrong);
    if (!under) {
        return Unexpected{under.error()};
    }
    if (!wrong.empty()) {
        return Unexpected{complained(session, wrong, Message::PlanPolicyRemedy)};
    }
    setting.above.insert(setting.above.end(), under->begin(), under->end());
    if (session.arguments.has("--machine")) {
        setting.name = machine;
        const Expected<Done, Failure> read = take_machine(session, machine, setting);
        if (!read) {
            return Unexpected{read.error()};
        }
    }
    if (session.arguments.has("--policy")) {
        const Expected<Done, Failure> taken = take_policy(session, policy, setting);
        if (!taken) {
            return Unexpected{taken.error()};
        }
        setting.name += " + " + policy;
    }
    const Expected<Span, Failure> idle = given_duration(session, "--idle");
    if (!idle) {
        return Unexpected{idle.error()};
    }
    if (*idle > Span{0}) {
        Setting with = setting;
        with.idle_run = *idle;
        with.name += " + idle " + session.arguments.text("--idle");
        if (!session.arguments.has("--against")) {
            return std::vector<Setting>{std::move(setting), std::move(with)};
        }
        setting = std::move(with);
    }
    std::vector<Setting> all{setting};
    if (session.arguments.has("--against")) {
        Expected<Setting, Failure> other =
            changed(session, std::move(setting), session.arguments.text("--against"));
        if (!other) {
            return Unexpected{std::move(other).error()};
        }
        all.push_back(*std::move(other));
    }
    return all;
}

}  // namespace khu::cli
