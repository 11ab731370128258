#include "agent/rsh_protocol.h"

#include <sstream>

#include "agent/shepherd_records.h"

namespace khu::agent {
namespace {

constexpr std::size_t head_bytes = 5;
constexpr int port_max = 65'535;

std::size_t length_of(std::string_view head) {
    std::size_t length = 0;
    for (std::size_t i = 1; i < head_bytes; ++i) {
        length = length << 8 | static_cast<unsigned char>(head[i]);
    }
    return length;
}

bool is_known(unsigned char type) {
    return type >= static_cast<unsigned char>(RshFrame::Input) &&
           type <= static_cast<unsigned char>(RshFrame::Exit);
}

}  // namespace

std::string encode_frame(RshFrame type, std::string_view payload) {
    std::string bytes(1, static_cast<char>(type));
    for (int shift = 24; shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<char>(payload.size() >> shift & 0xff));
    }
    return bytes.append(payload);
}

FrameRead take_frame(std::string& bytes, Frame& into) {
    if (bytes.empty()) {
        return FrameRead::NeedsMore;
    }
    if (!is_known(static_cast<unsigned char>(bytes[0]))) {
        return FrameRead::Nonsense;
    }
    if (bytes.size() < head_bytes) {
        return FrameRead::NeedsMore;
    }
    const std::size_t length = length_of(bytes);
    if (length > rsh_frame_bytes_max) {
        return FrameRead::Nonsense;
    }
    if (bytes.size() < head_bytes + length) {
        return FrameRead::NeedsMore;
    }
    into.type = static_cast<RshFrame>(bytes[0]);
    into.payload = bytes.substr(head_bytes, length);
    bytes.erase(0, head_bytes + length);
    return FrameRead::Whole;
}

std::optional<std::map<std::string, RshPeer>> parse_peers(std::string_view text) {
    std::map<std::string, RshPeer> peers;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string node, address, port_text, rest;
        if (!(words >> node >> address >> port_text) || words >> rest) {
            return std::nullopt;
        }
        const std::optional<std::int64_t> port = parse_number(port_text);
        if (!port || *port < 0 || *port > port_max) {
            return std::nullopt;
        }
        peers[node] = {.address = address, .port = static_cast<int>(*port)};
    }
    return peers;
}

std::optional<RshCommandLine> parse_command_line(int argc, const char* const* argv) {
    int at = 1;
    while (at < argc && argv[at][0] == '-') {
        ++at;  // MPICH passes ssh's -x.
    }
    if (at + 1 >= argc) {
        return std::nullopt;
    }
    RshCommandLine line;
    line.node = argv[at];
    for (int i = at + 1; i < argc; ++i) {
        line.command += i == at + 1 ? "" : " ";
        line.command += argv[i];
    }
    return line;
}

}  // namespace khu::agent
