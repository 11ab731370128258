#include "plugins/launcher.h"

#include <string>

#include "plugins/openmpi.h"
#include "plugins/processes.h"

namespace khu::plugins {
namespace {

Unexpected<Refusal> refuse(const LaunchRequest& request, std::string why) {
    const auto rank = static_cast<std::size_t>(request.node_rank);
    const bool known = request.node_rank >= 0 && rank < request.hosts.size();
    return Unexpected{Refusal(Code::LaunchFailed)
                          .with("node", known ? request.hosts[rank].name : std::string("?"))
                          .with("why", std::move(why))};
}

bool has_nul(const std::string& text) {
    return text.find('\0') != std::string::npos;
}

bool bad_variable(const std::string& name, const std::string& value) {
    return name.empty() || has_nul(name) || name.find('=') != std::string::npos || has_nul(value);
}

/// Names end up in files whose fields are separated by blanks and lines.
bool bad_host_name(const std::string& name) {
    return name.empty() || name.find_first_of(std::string(" \t\r\n=,\0", 7)) != std::string::npos;
}

}  // namespace

Expected<Done, Refusal> check_request(const LaunchRequest& request) {
    const auto hosts = static_cast<int>(request.hosts.size());
    if (request.node_rank < 0 || request.node_rank >= hosts) {
        return refuse(request, "node rank " + std::to_string(request.node_rank) + " of " +
                                   std::to_string(hosts) + " nodes");
    }
    if (request.argv.empty() == request.script.empty()) {
        return refuse(request, request.argv.empty() ? "there is no command and no script"
                                                    : "there is a command and a script");
    }
    for (const HostSlice& host : request.hosts) {
        if (host.tasks < 1 || bad_host_name(host.name)) {
            return refuse(request, "bad host '" + host.name + "' with " +
                                       std::to_string(host.tasks) + " tasks");
        }
    }
    for (const std::string& argument : request.argv) {
        if (has_nul(argument)) {
            return refuse(request, "an argument holds a NUL byte");
        }
    }
    for (const auto& [name, value] : request.env) {
        if (bad_variable(name, value)) {
            return refuse(request, "bad environment variable '" + name + "'");
        }
    }
    return Done{};
}

const Launcher& launcher_for(khu::Launcher kind) {
    static const ScriptLauncher script;
    static const OpenMpiLauncher mpi;
    static const TorchLauncher torch;
    static const ForkLauncher fork;
    switch (kind) {
        case khu::Launcher::Script:
            return script;
        case khu::Launcher::Mpi:
            return mpi;
        case khu::Launcher::Torch:
            return torch;
        case khu::Launcher::Fork:
            return fork;
    }
    KHU_CHECK(false, "launcher {}", static_cast<int>(kind));
}

}  // namespace khu::plugins
