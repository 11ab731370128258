#include "cli/script_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "cli/files.h"
#include "cli/given.h"
#include "config/alternatives.h"
#include "config/job_file.h"
#include "config/script_header.h"
#include "core/base/limits.h"

namespace khu::cli {
namespace {

enum class Kind { Command, Script, JobFile };

bool ends_in(const std::string& path, std::initializer_list<std::string_view> endings) {
    for (const std::string_view ending : endings) {
        if (path.size() > ending.size() && path.ends_with(ending)) {
            return true;
        }
    }
    return false;
}

/// The first bytes; empty if it cannot be read.
std::string beginning(const std::string& path) {
    std::array<char, 4096> bytes{};
    std::FILE* file = std::fopen(path.c_str(), "re");
    if (file == nullptr) {
        return {};
    }
    const std::size_t got = std::fread(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
    return {bytes.data(), got};
}

bool has_directive(const std::string& text) {
    return text.find("\n#KHU") != std::string::npos || text.find("\n#SBATCH") != std::string::npos;
}

Kind kind_of(const Arguments& arguments) {
    const std::string& first = arguments.operands.front();
    if (arguments.after_dashes) {
        return Kind::Command;
    }
    if (ends_in(first, {".yaml", ".yml"})) {
        return Kind::JobFile;
    }
    if (first == "-" || ends_in(first, {".sh", ".slurm", ".sbatch", ".job", ".batch"})) {
        return Kind::Script;
    }
    struct stat about{};
    if (::stat(first.c_str(), &about) != 0) {
        return Kind::Command;
    }
    if (S_ISDIR(about.st_mode) ||
        (::access(first.c_str(), R_OK) != 0 && ::access(first.c_str(), X_OK) != 0)) {
        return Kind::Script;  // Which then says what is wrong with it.
    }
    const std::string text = S_ISREG(about.st_mode) ? beginning(first) : "";
    const bool alone = arguments.operands.size() == 1;
    return text.starts_with("#!") && (alone || has_directive(text)) ? Kind::Script : Kind::Command;
}

Failure unreadable(const Session& session, const std::string& path, std::string why) {
    return from_refusal(
        Refusal(Code::ScriptUnreadable).with("path", path).with("why", std::move(why)),
        session.language);
}

Expected<std::string, Failure> read_text(const Session& session, const std::string& path) {
    Expected<std::string, FileFault> text = read_file(path, limits::script_bytes_max);
    if (text) {
        return *std::move(text);
    }
    if (text.error().bytes >= 0) {
        return Unexpected{from_refusal(Refusal(Code::ScriptTooLarge)
                                           .with("size_bytes", text.error().bytes)
                                           .with("limit_bytes", limits::script_bytes_max),
                                       session.language)};
    }
    return Unexpected{unreadable(session, path, text.error().why)};
}

/// All complaints, one a line, as one refusal.
Failure complained(const Session& session, const std::vector<Complaint>& complaints) {
    std::string text;
    for (const Complaint& complaint : complaints) {
        text += (text.empty() ? "" : "\n     ") + show(complaint, session.language);
    }
    return Failure{.exit = ExitCode::Refused, .text = std::move(text)};
}

std::string note_of(const Session& session, const std::string& path,
                    const config::NotHonoured& line) {
    return session.say(Message::NotHonoured,
                       {path, std::to_string(line.line), line.text,
                        session.language == Language::Vietnamese ? line.why_vi : line.why_en});
}

/// The #SBATCH and #KHU lines, in the order in which they win.
Expected<JobInput, Failure> read_header(const Session& session, const std::string& path,
                                        const std::string& text) {
    const config::JobClock clock = clock_here();
    const config::ScriptHeader header = config::read_script_header(text, path, clock);
    std::vector<Complaint> complaints = header.complaints;
    JobInput input;
    for (const config::JobOption& option : header.options) {
        const auto bad = config::apply_option(option, clock, input.submission);
        if (bad) {
            complaints.push_back({bad->code, Severity::Error, option.name, bad->why_en, bad->why_vi,
                                  path, option.place.line, option.place.column});
        }
    }
    if (refuses(complaints)) {
        return Unexpected{complained(session, complaints)};
    }
    for (const config::NotHonoured& line : header.not_honoured) {
        input.notes.push_back(note_of(session, path, line));
    }
    return input;
}

Expected<JobInput, Failure> read_script(const Session& session, const std::string& path) {
    Expected<std::string, Failure> text = read_text(session, path);
    if (!text) {
        return Unexpected{std::move(text).error()};
    }
    const std::size_t zero = text->find('\0');
    if (zero != std::string::npos) {
        return Unexpected{
            unreadable(session, path, session.say(Message::ScriptBinary, {std::to_string(zero)}))};
    }
    if (!text->starts_with("#!")) {
        return Unexpected{unreadable(session, path, session.say(Message::ScriptNoInterpreter))};
    }
    if (session.arguments.operands.size() > 1) {
        return Unexpected{
            from_refusal(Refusal(Code::NotYet).with("what", session.say(Message::ScriptArguments)),
                         session.language)};
    }
    Expected<JobInput, Failure> input = read_header(session, path, *text);
    if (input) {
        input->submission.payload.script = *std::move(text);
    }
    return input;
}

Expected<JobInput, Failure> read_file_of_job(const Session& session, const std::string& path) {
    const Expected<std::string, Failure> text = read_text(session, path);
    if (!text) {
        return Unexpected{text.error()};
    }
    Expected<config::JobFile, std::vector<Complaint>> file =
        config::read_job_file(*text, path, clock_here());
    if (!file) {
        return Unexpected{complained(session, file.error())};
    }
    return JobInput{.submission = std::move(file->submission), .notes = {}};
}

}  // namespace

Expected<Done, Failure> read_any_of(const Session& session, config::Submission& job) {
    if (job.any_of_file.empty()) {
        return Done{};
    }
    const Expected<std::string, FileFault> text =
        read_file(job.any_of_file, limits::script_bytes_max);
    if (!text) {
        const std::string why =
            text.error().bytes < 0 ? text.error().why : std::to_string(text.error().bytes) + " B";
        return Unexpected{from_refusal(
            Refusal(Code::AnyOfUnreadable).with("path", job.any_of_file).with("why", why),
            session.language)};
    }
    Expected<config::Alternatives, std::vector<Complaint>> read =
        config::read_alternatives(*text, job.any_of_file);
    if (!read) {
        return Unexpected{complained(session, read.error())};
    }
    job.any_of = std::move(read).value();
    return Done{};
}

Expected<JobInput, Failure> read_job_input(const Session& session) {
    const std::string& first = session.arguments.operands.front();
    switch (kind_of(session.arguments)) {
        case Kind::Command:
            return JobInput{};
        case Kind::Script:
            return read_script(session, first);
        case Kind::JobFile:
            return read_file_of_job(session, first);
    }
    return JobInput{};
}

}  // namespace khu::cli
