#include "agent/shepherd_plan.h"

#include "agent/output.h"

namespace khu::agent {
namespace {

std::vector<std::string> variables(const std::map<std::string, std::string>& env) {
    std::vector<std::string> list;
    for (const auto& [name, value] : env) {
        list.push_back(name + "=" + value);
    }
    return list;
}

}  // namespace

ShepherdOrder make_order(const plugins::LaunchPlan& plan, const OrderFacts& facts) {
    ShepherdOrder order;
    order.job = static_cast<std::int64_t>(facts.key.job.value);
    order.attempt = static_cast<std::int64_t>(facts.key.attempt.value);
    order.array_index = facts.array_index;
    order.uid = facts.uid;
    order.gid = facts.gid;
    order.groups = facts.groups;
    order.node = facts.node;
    order.chdir = facts.chdir;
    order.argv = plan.argv;
    order.env = variables(plan.env);
    for (const plugins::PlannedFile& file : plan.files) {
        order.files.push_back({.path = file.path, .content = file.content, .mode = file.mode});
    }
    for (const plugins::TaskPlan& task : plan.tasks) {
        order.tasks.push_back({.rank = task.rank, .env = variables(task.env), .cores = task.cores});
    }
    order.cores = plan.cores;
    order.private_dirs = facts.private_dirs;
    order.output = output_pattern(facts.output);
    order.error = facts.error;
    order.output_truncate = facts.first_node && facts.key.attempt == AttemptNumber{1} ? 1 : 0;
    order.notice_children = facts.launcher == khu::Launcher::Script ? 1 : 0;
    order.accepts_steps = facts.accepts_steps ? 1 : 0;
    order.hold = facts.hold ? 1 : 0;
    order.processes_max = facts.processes_max;
    put_in_groups(order, facts.group);
    return order;
}

void put_in_groups(ShepherdOrder& order, const GroupPaths& group) {
    order.group_join = group.join;
    order.group_kill = group.kill;
    order.group_memory = group.memory;
    order.group_standby = group.standby;
    order.group_processes = group.processes;
}

}  // namespace khu::agent
