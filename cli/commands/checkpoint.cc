#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "cli/commands/all.h"
#include "cli/files.h"
#include "core/base/limits.h"

namespace khu::cli {
namespace {

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// The whole path of something that is there.
Expected<std::string, Failure> checkpoint_path(Session& session, const std::string& typed) {
    std::error_code error;
    const std::string path = std::filesystem::absolute(typed, error).lexically_normal().string();
    const bool fits = static_cast<std::int64_t>(path.size()) <= limits::path_bytes_max;
    if (error || !fits || std::ranges::any_of(path, is_control)) {
        return Unexpected{usage(session.say(Message::BadValue, {"PATH", typed}), "")};
    }
    if (!std::filesystem::exists(path, error)) {
        return Unexpected{usage(session.say(Message::NoCheckpoint, {path}),
                                session.say(Message::NoCheckpointRemedy))};
    }
    return path;
}

/// Asks nobody: the agent of this node looks at the file, once a second and at the end.
Result run(Session& session) {
    const char* file = std::getenv("KHU_CHECKPOINT_FILE");
    if (file == nullptr || *file == '\0') {
        return Unexpected{usage(session.say(Message::NotInAJob, {"khu checkpoint"}),
                                session.say(Message::NotInAJobRemedy))};
    }
    const Expected<std::string, Failure> path = checkpoint_path(session, session.operand());
    if (!path) {
        return Unexpected{path.error()};
    }
    NewFile record(file, 0600);
    Expected<Done, FileFault> written = record.write(*path + "\n");
    written = written ? record.keep() : written;
    if (!written) {
        return Unexpected{
            internal(session.say(Message::ConfigUnreadable, {file, written.error().why}), "")};
    }
    session.print(session.say(Message::CheckpointDeclared, {*path}) + "\n");
    return 0;
}

}  // namespace

constinit const Command kCheckpoint{.name = "checkpoint",
                                    .operands = "PATH",
                                    .help = Message::HelpCheckpoint,
                                    .options = {},
                                    .refused = Message::Refused,
                                    .run = run};

}  // namespace khu::cli
