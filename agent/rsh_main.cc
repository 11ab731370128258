// khu-rsh NODE word…: runs a shell command on another node of this job, through that node's agent.
// Open MPI's mpirun calls it instead of ssh (plm_rsh_agent); people may too, inside a job. It needs
// no key: the job's own token, in a file that only the job's user may read, is good for this
// attempt alone.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include "agent/cgroup_kill.h"
#include "agent/process.h"
#include "agent/rsh_protocol.h"
#include "agent/rsh_tls.h"
#include "agent/shepherd_channel.h"
#include "agent/shepherd_order.h"
#include "agent/shepherd_records.h"
#include "wire/json.h"

namespace khu::agent {
namespace {

constexpr int exit_no_connection = 255;  // As ssh says it; mpirun knows it.
constexpr Span patience = seconds(20);
constexpr Span again_after = milliseconds(100);
constexpr Span write_patience = seconds(60);

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

int complain(const std::string& why) {
    std::fprintf(stderr, "khu-rsh: %s\n", why.c_str());
    return exit_no_connection;
}

/// This node's own shepherd, through the socket beside the token.
int run_here(const std::string& token_path, const std::string& command) {
    const std::string job_dir = token_path.substr(0, token_path.rfind('/'));
    const Fd dir{::open(job_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    const Fd step = dir ? connect_in(dir.get(), spool_names::exec_socket) : Fd{};
    std::string request;
    add_record(request, "do", std::string_view("exec"));
    add_record(request, "text", command);
    if (!step || !send_packet(step.get(), request, {0, 1, 2})) {
        return complain("the attempt has no shepherd here");
    }
    Packet packet;
    Received received = Received::Nothing;
    while (received == Received::Nothing) {
        received = receive_packet(step.get(), packet, 0);
    }
    if (received != Received::Packet) {
        return complain("the attempt ended");
    }
    if (const auto refused = find_value(packet.text, "refused")) {
        return complain(*refused);
    }
    const auto signal = find_number(packet.text, "signal").value_or(0);
    const auto code = find_number(packet.text, "exit_code").value_or(exit_no_connection);
    return static_cast<int>(signal != 0 ? 128 + signal : code);
}

/// An agent that is being restarted is back within seconds: a refused connection is tried again.
Expected<TlsStream, std::string> dial(const RshPeer& peer, const std::string& authority,
                                      const std::string& node) {
    const std::int64_t until = boot_ms() + patience.value;
    for (;;) {
        Expected<TlsStream, std::string> stream =
            TlsStream::connect(peer.address, peer.port, authority, node, patience);
        const bool again = !stream && stream.error().find("refused") != std::string::npos;
        if (!again || boot_ms() > until) {
            return stream;
        }
        ::poll(nullptr, 0, static_cast<int>(again_after.value));
    }
}

/// Sends a part of our input; false if the connection is gone.
bool send_input(TlsStream& stream, bool& open) {
    char bytes[16 << 10];
    const ssize_t size = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (size > 0) {
        return stream.write(encode_frame(RshFrame::Input, {bytes, static_cast<std::size_t>(size)}),
                            write_patience);
    }
    open = false;
    return stream.write(encode_frame(RshFrame::InputEnd, {}), write_patience);
}

/// Writes what has come; the exit status if that was among it. None and `broken`: nonsense.
std::optional<int> take_output(std::string& received, bool& broken) {
    Frame frame;
    for (;;) {
        const FrameRead read = take_frame(received, frame);
        if (read != FrameRead::Whole) {
            broken = read == FrameRead::Nonsense;
            return std::nullopt;
        }
        if (frame.type == RshFrame::Exit) {
            return static_cast<int>(parse_number(frame.payload).value_or(exit_no_connection));
        }
        write_all(frame.type == RshFrame::Error ? STDERR_FILENO : STDOUT_FILENO, frame.payload);
    }
}

int pump(TlsStream stream, std::string received) {
    bool input_open = true, broken = false;
    for (;;) {
        const std::optional<int> status = take_output(received, broken);
        if (status) {
            stream.close();
            return *status;
        }
        pollfd polled[2] = {{.fd = stream.fd(), .events = POLLIN, .revents = 0},
                            {.fd = input_open ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0}};
        const bool at_hand = stream.pending();
        ::poll(polled, 2, at_hand ? 0 : -1);
        const bool ended =
            (at_hand || polled[0].revents != 0) && stream.read(received) == TlsStream::Read::Ended;
        const bool sent = polled[1].revents == 0 || send_input(stream, input_open);
        if (ended || broken || !sent) {
            return complain("the connection to the node broke");
        }
    }
}

int run_there(const RshCommandLine& line, const std::string& token_path) {
    const auto peers = parse_peers(read_small_file(variable("KHU_RSH_PEERS")));
    const auto peer =
        peers ? peers->find(line.node) : std::map<std::string, RshPeer>::const_iterator{};
    if (!peers || peer == peers->end()) {
        return complain("node " + line.node + " is not in this job");
    }
    const auto job = parse_number(variable("KHU_JOB_ID"));
    const auto attempt = parse_number(variable("KHU_ATTEMPT"));
    const RshRequest request{.job = job.value_or(-1),
                             .attempt = attempt.value_or(-1),
                             .node = line.node,
                             .token = read_small_file(token_path),
                             .command = line.command};
    Expected<TlsStream, std::string> stream =
        dial(peer->second, read_small_file(variable("KHU_RSH_CA")), line.node);
    if (!stream) {
        return complain(stream.error());
    }
    std::string text, rest;
    if (!stream->write(wire::to_json_text(request) + "\n", patience) ||
        !stream->read_line(text, rest, rsh_line_bytes_max, patience)) {
        return complain("node " + line.node + " does not answer");
    }
    const auto reply = wire::from_json_text<RshReply>(text, wire::Unknown::Ignore);
    if (!reply || !reply->refused.empty()) {
        return complain(line.node + ": " + (reply ? reply->refused : "answers nonsense"));
    }
    return pump(std::move(*stream), std::move(rest));
}

int rsh_main(int argc, const char* const* argv) {
    const std::optional<RshCommandLine> line = parse_command_line(argc, argv);
    const std::string token_path = variable("KHU_RSH_TOKEN");
    if (!line) {
        return complain("usage: khu-rsh NODE COMMAND… (inside a job)");
    }
    if (token_path.empty()) {
        return complain("not inside a job that has other nodes (KHU_RSH_TOKEN is not set)");
    }
    ::signal(SIGPIPE, SIG_IGN);
    return line->node == variable("KHU_NODE_NAME") ? run_here(token_path, line->command)
                                                   : run_there(*line, token_path);
}

}  // namespace
}  // namespace khu::agent

int main(int argc, char** argv) {
    return khu::agent::rsh_main(argc, argv);
}
