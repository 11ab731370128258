#include "cli/plan/settings.h"

#include <algorithm>

#include "cli/given.h"
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
    config::PolicyCheck check = config::check_policy(*text, path, {});
    if (!check.policy || refuses(check.complaints)) {
        std::erase_if(check.complaints,
                      [](const Complaint& one) { return one.severity == Severity::Warning; });
        return Unexpected{complained(session, check.complaints, Message::PlanPolicyRemedy)};
    }
    setting.policy = *std::move(check.policy);
    return Done{};
}

/// A policy says so itself, in the key that every policy begins with.
bool is_policy(const std::string& text, const std::string& path) {
    const config::Tree tree = config::read_tree(text, path, config::policy_limits());
    return std::ranges::find(tree.root.entries, "khu_policy", &config::Entry::key) !=
           tree.root.entries.end();
}

Expected<Setting, Failure> changed(const Session& session, Setting setting,
                                   const std::string& path) {
    const Expected<std::string, Failure> text = given_file(session, path, limits::policy_bytes_max);
    if (!text) {
        return Unexpected{text.error()};
    }
    const Counted before = setting.machine.counted;
    const std::string name = setting.machine_file;
    const bool policy = is_policy(*text, path);
    const Expected<Done, Failure> taken =
        policy ? take_policy(session, path, setting) : take_machine(session, path, setting);
    if (!taken) {
        return Unexpected{taken.error()};
    }
    if (setting.machine.counted != before) {
        return Unexpected{usage(session.say(Message::PlanOtherUnit, {name, path}),
                                session.say(Message::PlanOtherUnitRemedy))};
    }
    setting.name = policy ? setting.machine_file + " + " + path : path;
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
