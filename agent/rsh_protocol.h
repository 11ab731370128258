#pragma once

/// \file
/// How khu-rsh asks another node's agent for a remote step of its attempt: over TLS 1.3 one JSON
/// line each way, then frames until the exit.
///
///     client  {"job":42,"attempt":1,"node":"gn02","token":"…","command":" orted -mca …"}\n
///     server  {"refused":""}\n                      or why not, and the end
///     both    type (1 byte) length (4 bytes, big-endian) payload
///
/// Everything is bounded before it is read: the line, a frame, the handshake's time. The token is
/// the secret of this attempt, in a file that only the job's user may read; it lets its holder run
/// commands as that user inside this attempt on its nodes, and nothing else.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/describe.h"
#include "core/base/units.h"

namespace khu::agent {

struct RshRequest {
    std::int64_t job{0}, attempt{0};
    std::string node;  ///< who is meant, so that a wrong address is found out
    std::string token;
    std::string command;  ///< for sh -c
};
KHU_DESCRIBE(RshRequest, job, attempt, node, token, command)

struct RshReply {
    std::string refused;  ///< empty: the step runs
};
KHU_DESCRIBE(RshReply, refused)

inline constexpr std::size_t rsh_line_bytes_max =
    128 << 10;  ///< a command of a thousand nodes, with room
inline constexpr std::size_t rsh_frame_bytes_max = 64 << 10;
inline constexpr Span rsh_handshake_max = seconds(10);

enum class RshFrame : std::uint8_t { Input = 1, InputEnd = 2, Output = 3, Error = 4, Exit = 5 };

struct Frame {
    RshFrame type{};
    std::string payload;  ///< with Exit: the exit status in decimal
};

std::string encode_frame(RshFrame type, std::string_view payload);

/// Cuts the first whole frame off `bytes`.
enum class FrameRead { Whole, NeedsMore, Nonsense };
FrameRead take_frame(std::string& bytes, Frame& into);

struct RshPeer {
    std::string address;
    int port{0};
};
/// The file KHU_RSH_PEERS: "NODE ADDRESS PORT", a line each. None if a line is not that.
std::optional<std::map<std::string, RshPeer>> parse_peers(std::string_view text);

/// The command of "khu-rsh [-options] NODE word…": mpirun quotes the words for a shell already, so
/// they are joined by blanks and left as they are.
struct RshCommandLine {
    std::string node, command;
};
std::optional<RshCommandLine> parse_command_line(int argc, const char* const* argv);

}  // namespace khu::agent
