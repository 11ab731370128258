#include "cli/transport.h"

#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "wire/net/dial.h"
#include "wire/net/line.h"
#include "wire/net/response_parser.h"

namespace khu::cli {

namespace net = wire::net;
using net::Io;

namespace {

constexpr Span kConnectMax = seconds(5);
constexpr std::int64_t kSlice = 100;  ///< ms; how late a Ctrl-C between two polls is seen

volatile sig_atomic_t signal_came = 0;

void note_signal(int) {
    signal_came = 1;
}

std::int64_t now_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

/// False when the time is over or a signal came.
bool wait_for(int file, Io state, std::int64_t until) {
    pollfd waiting{.fd = file,
                   .events = static_cast<short>(state == Io::WantRead ? POLLIN : POLLOUT),
                   .revents = 0};
    while (!interrupted()) {
        const std::int64_t left = until - now_ms();
        if (left <= 0) {
            return false;
        }
        if (::poll(&waiting, 1, static_cast<int>(std::min(left, kSlice))) > 0) {
            return true;
        }
    }
    return false;
}

bool waits(Io state) {
    return state == Io::WantRead || state == Io::WantWrite;
}

}  // namespace

/// One open connection; owns its descriptor. Each function goes on until done, at an end, or over
/// `until`; what it then still waits for is its result.
class Transport::Link {
public:
    Link(int file, net::Line line) : file_(file), line_(std::move(line)) {}
    ~Link() {
        line_.finish();
        ::close(file_);
    }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    Io handshake(std::int64_t until) {
        Io state = line_.handshake();
        while (waits(state) && wait_for(file_, state, until)) {
            state = line_.handshake();
        }
        return state;
    }

    Io write(std::string_view data, std::int64_t until) {
        while (!data.empty()) {
            const net::IoResult result = line_.write(data.data(), data.size());
            data.remove_prefix(result.bytes);
            const bool again = result.state == Io::Done ||
                               (waits(result.state) && wait_for(file_, result.state, until));
            if (!again) {
                return result.state;
            }
        }
        return Io::Done;
    }

    net::IoResult read(char* data, std::size_t size, std::int64_t until) {
        net::IoResult result = line_.read(data, size);
        while (waits(result.state) && wait_for(file_, result.state, until)) {
            result = line_.read(data, size);
        }
        return result;
    }

    /// Why `state` is no success.
    [[nodiscard]] std::string why(Io state) const {
        if (state == Io::Failed) {
            return line_.why();
        }
        return state == Io::Closed ? "it hung up" : "no answer in time";
    }

private:
    int file_;
    net::Line line_;
};

Transport::Transport(net::Endpoint endpoint, std::string authority)
    : endpoint_(std::move(endpoint)), authority_(std::move(authority)) {}

Transport::~Transport() = default;

NetFault Transport::broke(NetFault::Stage stage, std::string why) const {
    const bool by_signal = interrupted() && stage == NetFault::Stage::Exchange;
    return {.stage = by_signal ? NetFault::Stage::Interrupted : stage,
            .refusal = net::unreachable(endpoint_, std::move(why))};
}

Expected<std::unique_ptr<Transport::Link>, NetFault> Transport::connect() {
    const auto failed = [](Refusal refusal) {
        return Unexpected{
            NetFault{.stage = NetFault::Stage::Connect, .refusal = std::move(refusal)}};
    };
    if (!endpoint_.is_unix() && tls_ == nullptr) {
        Expected<std::shared_ptr<net::TlsContext>, Refusal> tls =
            net::TlsContext::client(authority_, {});
        if (!tls) {
            return failed(std::move(tls).error());
        }
        tls_ = *std::move(tls);
    }
    const Expected<int, Refusal> file = net::dial(endpoint_, kConnectMax);
    if (!file) {
        return failed(file.error());
    }
    auto link = std::make_unique<Link>(
        *file, endpoint_.is_unix() ? net::Line::plain(*file)
                                   : net::Line::tls_client(*file, tls_, endpoint_.tcp.host));
    const Io state = link->handshake(now_ms() + kConnectMax.value);
    if (state == Io::Done) {
        return link;
    }
    if (state == Io::Failed && !endpoint_.is_unix()) {
        return failed(Refusal(Code::Untrusted)
                          .with("endpoint", net::text(endpoint_))
                          .with("why", link->why(state)));
    }
    return Unexpected{broke(NetFault::Stage::Connect, link->why(state))};
}

Expected<Done, NetFault> Transport::read_answer(net::ResponseParser& parser, Span idle,
                                                bool& nothing_came) {
    std::array<char, 65536> piece;
    while (!parser.done() && !parser.stopped()) {
        const net::IoResult got = link_->read(piece.data(), piece.size(), now_ms() + idle.value);
        if (got.state == Io::Done) {
            nothing_came = false;
            if (!parser.feed({piece.data(), got.bytes})) {
                return Unexpected{NetFault{.stage = NetFault::Stage::Exchange,
                                           .refusal = Refusal(Code::BadAnswer)
                                                          .with("endpoint", net::text(endpoint_))
                                                          .with("why", parser.why())}};
            }
        } else if (got.state != Io::Closed) {
            return Unexpected{broke(NetFault::Stage::Exchange, link_->why(got.state))};
        } else if (!parser.end_of_stream()) {
            return Unexpected{broke(NetFault::Stage::Exchange, parser.why())};
        }
    }
    return Done{};
}

Expected<net::Response, NetFault> Transport::converse(const net::Request& request, Span idle,
                                                      const OnBody& on_body, bool& nothing_came) {
    std::string text;
    const std::string url = net::text(endpoint_);
    net::append_head(text, request,
                     endpoint_.is_unix() ? "localhost" : std::string_view(url).substr(8), {});
    text += request.body;
    // A server that has refused a large body stops reading: its answer is there all the same.
    const Io written = link_->write(text, now_ms() + idle.value);
    net::ResponseParser parser(false, on_body);
    const Expected<Done, NetFault> answered = read_answer(parser, idle, nothing_came);
    if (!answered || !parser.done() || !parser.keep_alive() || written != Io::Done) {
        link_.reset();
    }
    if (!answered) {
        return Unexpected{answered.error()};
    }
    return std::move(parser.head());
}

Expected<net::Response, NetFault> Transport::exchange(const net::Request& request, Span idle,
                                                      const OnBody& on_body) {
    bool nothing_came = true;
    if (request.method != "GET") {
        link_.reset();  // A kept connection may be closed already; only reading may be repeated.
    }
    if (link_ != nullptr) {
        Expected<net::Response, NetFault> head = converse(request, idle, on_body, nothing_came);
        if (head || !nothing_came || interrupted()) {
            return head;
        }
    }
    Expected<std::unique_ptr<Link>, NetFault> made = connect();
    if (!made) {
        return Unexpected{std::move(made).error()};
    }
    link_ = *std::move(made);
    return converse(request, idle, on_body, nothing_came);
}

bool interrupted() {
    return signal_came != 0;
}

void catch_interrupts() {
    struct sigaction action{};
    action.sa_handler = note_signal;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

void forget_interrupt() {
    signal_came = 0;
}

}  // namespace khu::cli
