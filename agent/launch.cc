#include "agent/launch.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "agent/output.h"
#include "agent/shepherd_plan.h"
#include "plugins/launcher.h"

namespace khu::agent {
namespace {

constexpr std::int64_t kProcessesMax = 32'768;  // a fork bomb ends here, a large job does not

struct Account {
    std::int64_t uid{-1}, gid{-1};
    std::string home;
    std::vector<std::int64_t> groups;
};

Expected<Account, Refusal> account_of(std::int64_t uid, const std::string& node) {
    Account account;
    const uid_t id = uid < 0 ? ::geteuid() : static_cast<uid_t>(uid);
    const passwd* entry = ::getpwuid(id);
    if (entry == nullptr && uid >= 0) {
        return Unexpected{Refusal(Code::LaunchFailed)
                              .with("node", node)
                              .with("why", "account " + std::to_string(uid) + " is unknown here")};
    }
    if (entry == nullptr) {
        return account;
    }
    account.home = entry->pw_dir;
    if (uid < 0) {
        return account;  // as the agent itself
    }
    account.uid = uid;
    account.gid = entry->pw_gid;
    std::vector<gid_t> groups(64);
    int count = static_cast<int>(groups.size());
    if (::getgrouplist(entry->pw_name, entry->pw_gid, groups.data(), &count) >= 0) {
        account.groups.assign(groups.begin(), groups.begin() + count);
    }
    return account;
}

std::vector<plugins::HostSlice> hosts_of(const StartAttempt& order) {
    std::vector<plugins::HostSlice> hosts;
    for (const PeerNode& peer : order.nodes) {
        plugins::HostSlice host{.name = peer.name,
                                .address = host_of(peer.address),
                                .rsh_port = port_of(peer.address),
                                .tasks = order.spec.tasks_per_node,
                                .cores = peer.pus,
                                .gpus = {},
                                .memory = {}};
        std::ranges::sort(host.cores);
        for (std::size_t i = 0; i < peer.allocation.gpus.size(); ++i) {
            host.gpus.push_back({.index = peer.allocation.gpus[i],
                                 .uuid = i < peer.gpu_uuids.size() ? peer.gpu_uuids[i] : ""});
        }
        for (const MemorySlice& slice : peer.allocation.memory) {
            host.memory += slice.bytes;
        }
        hosts.push_back(std::move(host));
    }
    return hosts;
}

plugins::LaunchRequest request_of(const StartAttempt& order, const NodeFacts& facts,
                                  const std::string& job_dir, const Account& account) {
    plugins::LaunchRequest request;
    request.job = order.job;
    request.attempt = order.attempt;
    request.name = order.spec.name;
    request.zone = facts.zone;
    request.enterprise = order.spec.enterprise.value;
    request.user = order.spec.user.value;
    request.partition = order.spec.partition.value;
    request.home = account.home;
    request.hosts = hosts_of(order);
    request.node_rank = order.node_rank;
    request.argv = order.payload.argv;
    request.script = order.payload.script;
    request.env = order.payload.env;
    request.chdir = order.payload.chdir;
    request.deadline = order.deadline;
    request.restart_count = order.restart_count;
    request.checkpoint = order.checkpoint;
    request.network_cidr = facts.network_cidr;
    request.rsh_token = order.token;
    request.rsh_ca = facts.authority_pem;
    request.paths.attempt_dir = job_dir;
    request.paths.rsh_helper = facts.rsh_helper;
    request.paths.stop_file = job_dir + "/" + spool_names::stop_file;
    request.paths.checkpoint_file = job_dir + "/" + spool_names::checkpoint_file;
    if (!facts.checkpoint_root.empty()) {
        request.paths.checkpoint_dir =
            facts.checkpoint_root + "/" + std::to_string(order.job.value);
    }
    request.array_index = order.spec.array->index;
    request.run_as_root = (account.uid < 0 ? ::geteuid() : account.uid) == 0;
    request.bind_cores = !facts.presented;
    request.oversubscribed =
        facts.presented || order.spec.tasks_per_node > std::max(1, facts.real_cores);
    return request;
}

/// Empty stays empty.
std::string absolute(const std::string& pattern, const StartAttempt& order,
                     const std::string& node) {
    if (pattern.empty()) {
        return {};
    }
    const std::string name =
        expand_output(pattern, {.job = static_cast<std::int64_t>(order.job.value),
                                .array_index = order.spec.array->index,
                                .node = node,
                                .rank = 0});
    return name.starts_with('/') ? name : order.payload.chdir + "/" + name;
}

}  // namespace

std::string host_of(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    return colon == std::string::npos ? address : address.substr(0, colon);
}

int port_of(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    int port = 0;
    if (colon != std::string::npos) {
        std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
    }
    return port;
}

OutputFiles outputs_of(const StartAttempt& order, const std::string& node) {
    return {.job = order.job,
            .attempt = order.attempt,
            .uid = order.payload.uid,
            .output = absolute(output_pattern(order.payload.output), order, node),
            .error = absolute(order.payload.error, order, node)};
}

GroupLimits group_limits(const StartAttempt& order, const NodeFacts& facts) {
    const PeerNode& own = order.nodes.at(static_cast<std::size_t>(order.node_rank));
    GroupLimits limits{.cores = {}, .memory = {}, .processes_max = kProcessesMax};
    if (!facts.presented) {
        limits.cores = own.pus;
        for (const MemorySlice& slice : own.allocation.memory) {
            limits.memory += slice.bytes;
        }
    }
    return limits;
}

Expected<ShepherdOrder, Refusal> make_shepherd_order(const StartAttempt& order,
                                                     const NodeFacts& facts,
                                                     const std::string& job_dir,
                                                     const GroupPaths& group) {
    auto account = account_of(order.payload.uid, facts.name);
    if (!account) {
        return Unexpected{std::move(account).error()};
    }
    const plugins::LaunchRequest request = request_of(order, facts, job_dir, *account);
    auto plan = plugins::launcher_for(order.spec.launcher).plan(request);
    if (!plan) {
        return Unexpected{std::move(plan).error()};
    }
    OrderFacts about{.key = {order.job, order.attempt}, .node = facts.name};
    about.array_index = order.spec.array->index;
    about.uid = account->uid;
    about.gid = account->gid;
    about.groups = account->groups;
    about.chdir = order.payload.chdir;
    about.output = order.payload.output;
    about.error = order.payload.error;
    about.first_node = order.node_rank == 0 && order.restart_count == 0;
    about.hold = !order.run_at_once;
    about.launcher = order.spec.launcher;
    about.accepts_steps = order.nodes.size() > 1;
    about.group = group;
    return make_order(*plan, about);
}

}  // namespace khu::agent
