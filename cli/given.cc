#include "cli/given.h"

#include "cli/files.h"

#include <time.h>

#include <limits>

namespace khu::cli {
namespace {

template <class T>
Expected<T, Failure> checked(const Session& session, std::string_view option,
                             const config::Value<T>& value) {
    if (!value) {
        return Unexpected{
            bad_value(session, option, session.arguments.text(option), value.error())};
    }
    return *value;
}

}  // namespace

Failure bad_value(const Session& session, std::string_view option, std::string_view value,
                  const config::BadValue& why) {
    return usage(session.say(Message::BadValue, {option, value}),
                 session.language == Language::Vietnamese ? why.why_vi : why.why_en);
}

Expected<Span, Failure> given_duration(const Session& session, std::string_view option) {
    if (!session.arguments.has(option)) {
        return Span{0};
    }
    return checked(session, option, config::parse_duration(session.arguments.text(option)));
}

Expected<Atoms, Failure> given_gpu_hours(const Session& session, std::string_view option) {
    if (!session.arguments.has(option)) {
        return Atoms{0};
    }
    return checked(session, option, config::parse_granted(session.arguments.text(option)));
}

Expected<Mvnd, Failure> given_dong(const Session& session, std::string_view option) {
    if (!session.arguments.has(option)) {
        return Mvnd{0};
    }
    return checked(session, option, config::parse_dong(session.arguments.text(option), false));
}

Expected<Moment, Failure> given_moment(const Session& session, std::string_view option) {
    if (!session.arguments.has(option)) {
        return Moment{0};
    }
    const config::JobClock clock = clock_here();
    return checked(
        session, option,
        config::parse_begin(session.arguments.text(option), clock.now, clock.utc_offset_minutes));
}

Expected<std::int64_t, Failure> given_number(const Session& session, std::string_view option,
                                             std::int64_t otherwise) {
    if (!session.arguments.has(option)) {
        return otherwise;
    }
    return checked(session, option,
                   config::parse_whole(session.arguments.text(option), 0,
                                       std::numeric_limits<std::int64_t>::max()));
}

Expected<std::vector<CountedWish>, Failure> given_resources(const Session& session) {
    config::Submission asked;
    for (const std::string& text : session.arguments.all("--resource")) {
        const std::optional<config::BadValue> bad = config::apply_option(
            {.name = "resource", .value = text, .place = {}}, clock_here(), asked);
        if (bad) {
            return Unexpected{bad_value(session, "--resource", text, *bad)};
        }
    }
    return asked.spec.counted->all;
}

Failure missing_option(const Session& session, std::string_view option) {
    const std::string command = "khu " + std::string(session.command.name);
    return usage(session.say(Message::MissingOption, {command, option}),
                 session.say(Message::SeeHelp, {command + " --help"}));
}

Expected<std::string, Failure> given_file(const Session& session, const std::string& path,
                                          std::int64_t bytes_max) {
    Expected<std::string, FileFault> text = read_file(path, bytes_max);
    if (text) {
        return *std::move(text);
    }
    const std::int64_t bytes = text.error().bytes;
    return Unexpected{
        usage(bytes < 0 ? session.say(Message::FileUnreadable, {path, text.error().why})
                        : session.say(Message::FileTooLarge,
                                      {path, std::to_string(bytes), std::to_string(bytes_max)}),
              "")};
}

config::JobClock clock_here() {
    const Moment now = wall_now();
    const time_t whole = now.value / 1000;
    tm local{};
    ::localtime_r(&whole, &local);
    return {.now = now, .utc_offset_minutes = static_cast<int>(local.tm_gmtoff / 60)};
}

}  // namespace khu::cli
