#include "cli/top/terminal.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "cli/transport.h"

namespace khu::cli {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";

void write_out(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

/// Only so that poll(2) ends: the size is asked for when the screen is drawn.
void on_resize(int) {}

/// What is there is thrown away; the first byte is returned, 0 if there was none.
char drain(int fd) {
    char bytes[64];
    const ssize_t got = ::read(fd, bytes, sizeof bytes);
    return got > 0 ? bytes[0] : '\0';
}

}  // namespace

Terminal::Terminal() {
    ::tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    struct sigaction action{};
    action.sa_handler = on_resize;
    ::sigaction(SIGWINCH, &action, nullptr);
    catch_interrupts();
    write_out(kEnter);
}

Terminal::~Terminal() {
    write_out(kLeave);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

TopSize Terminal::size() {
    winsize of{};
    const char* no_colour = std::getenv("NO_COLOR");
    TopSize size{.width = 80, .height = 24, .colour = no_colour == nullptr || no_colour[0] == '\0'};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &of) == 0 && of.ws_col > 0 && of.ws_row > 0) {
        size.width = of.ws_col;
        size.height = of.ws_row;
    }
    return size;
}

void Terminal::show(const std::string& text) {
    std::string out = "\x1b[H";
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos;
         end = text.find('\n', begin)) {
        out += begin == 0 ? "" : "\r\n";
        out += text.substr(begin, end - begin) + "\x1b[K";
        begin = end + 1;
    }
    write_out(out + "\x1b[J");
}

Terminal::Wake Terminal::wait(int events, int milliseconds) {
    pollfd watched[2] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                         {.fd = events, .events = POLLIN, .revents = 0}};
    const int ready = ::poll(watched, 2, milliseconds);
    if (interrupted()) {
        return {.by = Woken::Signal};
    }
    if (ready < 0) {
        return {.by = Woken::Resized};
    }
    if (watched[0].revents != 0) {
        const char key = drain(STDIN_FILENO);
        return key == '\0' ? Wake{.by = Woken::Signal}  // The terminal is gone.
                           : Wake{.by = Woken::Key, .key = key};
    }
    if (watched[1].revents != 0) {
        drain(events);
        return {.by = Woken::Event};
    }
    return {.by = Woken::Time};
}

}  // namespace khu::cli
