#include "agent/rsh_session.h"

#include <poll.h>

#include <array>
#include <cerrno>

#include "agent/shepherd_client.h"

namespace khu::agent {
namespace {

constexpr Span write_patience = seconds(60);  // For a peer that is there but reads nothing.
constexpr int parts_max = 16;     // A full pipe, with room; a daemon may go on for ever.
constexpr int signal_base = 128;  // As shells report death by a signal.

}  // namespace

RshSession::RshSession(TlsStream stream, Fd step, Fd input, Fd output, Fd error, int stop)
    : stream_(std::move(stream)),
      step_(std::move(step)),
      input_(std::move(input)),
      output_(std::move(output)),
      error_(std::move(error)),
      stop_(stop) {}

void RshSession::run(std::string early) {
    received_ = std::move(early);
    bool alive = take_input();
    while (alive) {
        const bool full = !to_write_.empty();
        std::array<pollfd, 6> polled{{
            {.fd = full ? -1 : stream_.fd(), .events = POLLIN, .revents = 0},
            {.fd = output_.get(), .events = POLLIN, .revents = 0},
            {.fd = error_.get(), .events = POLLIN, .revents = 0},
            {.fd = step_.get(), .events = POLLIN, .revents = 0},
            {.fd = full ? input_.get() : -1, .events = POLLOUT, .revents = 0},
            {.fd = stop_, .events = POLLIN, .revents = 0},
        }};
        const bool at_hand = !full && stream_.pending();
        if (::poll(polled.data(), polled.size(), at_hand ? 0 : -1) < 0 && errno != EINTR) {
            break;
        }
        const auto ready = [&](std::size_t i) { return polled[i].revents != 0; };
        if (ready(5)) {
            break;
        }
        alive = (!(ready(0) || at_hand) || on_network()) && (!ready(4) || push_input()) &&
                (!ready(1) || forward(output_, RshFrame::Output)) &&
                (!ready(2) || forward(error_, RshFrame::Error));
        if (alive && ready(3)) {
            finish();
            break;
        }
    }
    stream_.close();
}

bool RshSession::on_network() {
    return stream_.read(received_) != TlsStream::Read::Ended && take_input();
}

/// Takes the frames that have come; false on nonsense.
bool RshSession::take_input() {
    Frame frame;
    for (;;) {
        switch (take_frame(received_, frame)) {
            case FrameRead::NeedsMore:
                return push_input();
            case FrameRead::Nonsense:
                return false;
            case FrameRead::Whole:
                break;
        }
        if (frame.type == RshFrame::Input) {
            to_write_ += frame.payload;
        } else if (frame.type == RshFrame::InputEnd) {
            input_ended_ = true;
        } else {
            return false;
        }
    }
}

/// Writes what the process takes now. A process that closed its input loses the rest, as in a pipe.
bool RshSession::push_input() {
    while (input_ && !to_write_.empty()) {
        const ssize_t written = ::write(input_.get(), to_write_.data(), to_write_.size());
        if (written < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        }
        if (written < 0) {
            input_.reset();
            break;
        }
        to_write_.erase(0, static_cast<std::size_t>(written));
    }
    if (!input_) {
        to_write_.clear();
    } else if (input_ended_ && to_write_.empty()) {
        input_.reset();
    }
    return true;
}

/// Sends on what is there now; false if the peer is gone.
bool RshSession::forward(Fd& from, RshFrame type) {
    char bytes[16 << 10];
    const ssize_t size = ::read(from.get(), bytes, sizeof bytes);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (size <= 0) {
        from.reset();
        return true;
    }
    const std::string frame = encode_frame(type, {bytes, static_cast<std::size_t>(size)});
    return stream_.write(frame, write_patience);
}

/// The process has ended: what it wrote is in the pipes already. Its daemons may hold them open, so
/// the end of the pipes is not waited for.
void RshSession::finish() {
    const std::optional<StepExit> exit = Shepherds::read_step_exit(step_.get());
    for (Fd* from : {&output_, &error_}) {
        const RshFrame type = from == &output_ ? RshFrame::Output : RshFrame::Error;
        pollfd polled{.fd = from->get(), .events = POLLIN, .revents = 0};
        for (int part = 0; part < parts_max && *from && ::poll(&polled, 1, 0) > 0; ++part) {
            if (!forward(*from, type)) {
                return;
            }
        }
    }
    int code = 255;
    if (exit && !exit->refused.empty()) {
        stream_.write(encode_frame(RshFrame::Error, "khu-rsh: " + exit->refused + "\n"),
                      write_patience);
    } else if (exit) {
        code = exit->signal != 0 ? signal_base + exit->signal : exit->exit_code;
    }
    stream_.write(encode_frame(RshFrame::Exit, std::to_string(code)), write_patience);
}

}  // namespace khu::agent
