#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli/client_config.h"
#include "cli/commands/all.h"
#include "cli/files.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--ca-file", "FILE", Message::HelpLoginCa},
});

/// One line of standard input, unseen while it is typed.
std::string read_secret(const Session& session) {
    termios before{};
    const bool terminal = ::tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        std::fprintf(stderr, "%s", session.say(Message::LoginAsk).c_str());
        termios silent = before;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSANOW, &silent);
    }
    std::string line;
    for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar()) {
        line += static_cast<char>(c);
    }
    if (terminal) {
        ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
        std::fprintf(stderr, "\n");
    }
    return line.substr(0, line.find_last_not_of(" \r\t") + 1);
}

bool make_folders(const std::string& path) {
    for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
        ::mkdir(path.substr(0, at).c_str(), 0755);
    }
    return ::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST;
}

Expected<Done, Failure> write_private(const Session& session, const std::string& path,
                                      const std::string& text) {
    NewFile file(path, 0600);
    Expected<Done, FileFault> done = file.write(text);
    if (done) {
        done = file.keep();
    }
    if (!done) {
        return Unexpected{
            internal(session.say(Message::FileUnwritable, {path, done.error().why}), "")};
    }
    return Done{};
}

std::string absolute(const std::string& path) {
    std::array<char, PATH_MAX> whole{};
    return !path.empty() && ::realpath(path.c_str(), whole.data()) != nullptr ? whole.data() : path;
}

Expected<Done, Failure> keep(const Session& session, ClientConfig config,
                             const std::string& token) {
    const std::string folder = configuration_folder();
    if (folder.empty() || !make_folders(folder)) {
        return Unexpected{internal(
            session.say(Message::FileUnwritable, {folder + "/", std::strerror(errno)}), "")};
    }
    if (!token.empty()) {
        config.token_file = folder + "/token";
        const Expected<Done, Failure> written =
            write_private(session, config.token_file, token + "\n");
        if (!written) {
            return written;
        }
    }
    return write_private(session, folder + "/config.yaml", format_client_config(config));
}

/// Asks khud who this token is before anything is written.
Result run(Session& session) {
    const std::string ca_file = absolute(session.arguments.text("--ca-file"));
    if (!ca_file.empty()) {
        ::setenv("KHU_CA_FILE", ca_file.c_str(), 1);
    }
    Expected<Endpoint, Failure> endpoint =
        find_endpoint(session.arguments.text("--endpoint"), session.language);
    if (!endpoint) {
        return Unexpected{std::move(endpoint).error()};
    }
    if (!endpoint->address.is_unix()) {
        endpoint->token = read_secret(session);
        if (endpoint->token.empty()) {
            return Unexpected{usage(session.say(Message::LoginNoToken), "")};
        }
    }
    const char* authority = std::getenv("KHU_CA_FILE");
    Connection khud(*endpoint, session.language);
    const Expected<Received<wire::WhoAnswer>, Failure> who =
        understood<wire::WhoAnswer>(khud.get("/v1/whoami"), session.language);
    if (!who) {
        return Unexpected{who.error()};
    }
    const Expected<Done, Failure> kept = keep(
        session,
        {.endpoint = endpoint->url, .ca_file = absolute(authority == nullptr ? "" : authority)},
        endpoint->token);
    if (!kept) {
        return Unexpected{kept.error()};
    }
    session.print(session.say(Message::LoggedIn, {who->answer.zone, who->answer.user}) + "\n");
    return 0;
}

}  // namespace

constinit const Command kLogin{.name = "login",
                               .operands = "",
                               .help = Message::HelpLogin,
                               .options = {kOptions},
                               .refused = Message::Refused,
                               .run = run};

}  // namespace khu::cli
