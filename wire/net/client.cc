#include "wire/net/client.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <thread>

#include "wire/net/dial.h"
#include "wire/net/line.h"
#include "wire/net/response_parser.h"

namespace khu::wire::net {
namespace {

std::int64_t now_ms() {
    using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::steady_clock;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

/// Waits for what `state` asks; false when it is not a wait, or the time is over.
bool wait_for(int fd, Io state, std::int64_t until) {
    const bool waits = state == Io::WantRead || state == Io::WantWrite;
    return waits && now_ms() < until && wait_ready(fd, state == Io::WantRead, until - now_ms());
}

/// What Retry-After says; 0 if it says nothing that we read.
std::int64_t retry_after_ms(const Response& response) {
    const std::string_view told = response.header("Retry-After");
    int whole_s = 0;
    const auto [end, error] = std::from_chars(told.data(), told.data() + told.size(), whole_s);
    const bool good = error == std::errc{} && end == told.data() + told.size() && whole_s > 0;
    return good ? std::min<std::int64_t>(whole_s, 3600) * 1000 : 0;
}

std::string name_of(Io state, const Line& line) {
    switch (state) {
        case Io::Done:
            return {};
        case Io::WantRead:
        case Io::WantWrite:
            return "no answer in time";
        case Io::Closed:
            return "it hung up";
        case Io::Failed:
            return line.why();
    }
    return {};
}

}  // namespace

/// One open connection; owns its descriptor.
class Client::Connection {
public:
    Connection(int fd, Line line) : fd_(fd), line_(std::move(line)) {}
    ~Connection() {
        line_.finish();
        ::close(fd_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Line& line() { return line_; }

    Io handshake(std::int64_t until) {
        Io state = line_.handshake();
        while (wait_for(fd_, state, until)) {
            state = line_.handshake();
        }
        return state;
    }

    /// Closed also when the server has stopped reading; its answer may be there all the same.
    Io write(std::string_view data, std::int64_t until) {
        while (!data.empty()) {
            const IoResult result = line_.write(data.data(), data.size());
            data.remove_prefix(result.bytes);
            if (result.state != Io::Done && !wait_for(fd_, result.state, until)) {
                return result.state;
            }
        }
        return Io::Done;
    }

    IoResult read(char* data, std::size_t size, std::int64_t until) {
        IoResult result = line_.read(data, size);
        while (wait_for(fd_, result.state, until)) {
            result = line_.read(data, size);
        }
        return result;
    }

    /// Between requests nothing may come: if something did, it is the server's goodbye.
    [[nodiscard]] bool is_stale() const {
        pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
        return ::poll(&waiting, 1, 0) != 0;
    }

    bool used{false};  ///< has carried a whole request and answer

private:
    int fd_;
    Line line_;
};

struct Client::Timing {
    Span whole;    ///< for the whole exchange,
    Span silence;  ///< or between two pieces, if `whole` is 0
    [[nodiscard]] std::int64_t next(std::int64_t began) const {
        return whole > Span{0} ? began + whole.value : now_ms() + silence.value;
    }
};

Client::Client(ClientOptions options) : options_(std::move(options)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::disconnect() {
    connection_.reset();
}

Expected<Done, Fault> Client::connect() {
    const std::int64_t until = now_ms() + options_.connect_max.value;
    if (!options_.endpoint.is_unix() && tls_ == nullptr) {
        Expected<std::shared_ptr<TlsContext>, Refusal> tls =
            TlsContext::client(options_.authority, options_.identity);
        if (!tls) {
            return Unexpected{std::move(tls).error()};
        }
        tls_ = *std::move(tls);
    }
    const Expected<int, Refusal> fd = dial(options_.endpoint, options_.connect_max);
    if (!fd) {
        return Unexpected{fd.error()};
    }
    connection_ = std::make_unique<Connection>(
        *fd, options_.endpoint.is_unix() ? Line::plain(*fd)
                                         : Line::tls_client(*fd, tls_, options_.endpoint.tcp.host));
    const Io state = connection_->handshake(until);
    if (state == Io::Done) {
        return Done{};
    }
    Fault fault = fault_of(state, connection_->line());
    connection_.reset();
    return Unexpected{std::move(fault)};
}

Expected<Response, Fault> Client::send(const Request& request) {
    return exchange(request, Timing{.whole = options_.answer_max, .silence = {}}, {});
}

Expected<Response, Fault> Client::send_again(const Request& request, const Patience& patience) {
    const std::int64_t until = now_ms() + patience.total.value;
    BackOff backoff(patience.first, patience.most, random_seed());
    for (;;) {
        Expected<Response, Fault> response = send(request);
        const bool in_vain = response ? response->status == 503 || response->status == 429
                                      : response.error().code == Code::Unreachable;
        const std::int64_t told_ms = response ? retry_after_ms(*response) : 0;
        const std::int64_t wait = std::max(backoff.next().value, told_ms);
        if (!in_vain || now_ms() + wait > until) {
            return response;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(wait));
    }
}

Expected<Response, Fault> Client::follow(const Request& request,
                                         const std::function<bool(std::string_view)>& on_chunk,
                                         Span silence_max) {
    return exchange(request, Timing{.whole = {}, .silence = silence_max}, on_chunk);
}

Expected<Response, Fault> Client::exchange(const Request& request, const Timing& timing,
                                           const OnChunk& on_chunk) {
    if (connection_ != nullptr && connection_->is_stale()) {
        connection_.reset();
    }
    const bool kept = connection_ != nullptr;
    bool nothing_came = true;
    Expected<Response, Fault> response = exchange_once(request, timing, on_chunk, nothing_came);
    // The server may close a kept connection in the very moment in which it is used again.
    const bool repeatable = request.method != "POST" && request.method != "PATCH";
    if (response || !kept || !nothing_came || !repeatable) {
        return response;
    }
    return exchange_once(request, timing, on_chunk, nothing_came);
}

Fault Client::fault_of(Io state, const Line& line) const {
    if (state == Io::Failed && line.is_tls()) {
        return Refusal(Code::Untrusted)
            .with("endpoint", text(options_.endpoint))
            .with("why", line.why());
    }
    return unreachable(options_.endpoint, name_of(state, line));
}

Fault Client::bad_answer(std::string why) const {
    return Refusal(Code::BadAnswer)
        .with("endpoint", text(options_.endpoint))
        .with("why", std::move(why));
}

Expected<Response, Fault> Client::exchange_once(const Request& request, const Timing& timing,
                                                const OnChunk& on_chunk, bool& nothing_came) {
    if (connection_ == nullptr) {
        const Expected<Done, Fault> connected = connect();
        if (!connected) {
            return Unexpected{connected.error()};
        }
    }
    const std::int64_t began = now_ms();
    // Taken out: if anything below fails, the connection is not used again.
    std::unique_ptr<Connection> connection = std::move(connection_);
    const Io written = connection->write(text_of(request), timing.next(began));
    if (written != Io::Done && written != Io::Closed) {
        return Unexpected{fault_of(written, connection->line())};
    }
    std::string body;
    const auto most = static_cast<std::size_t>(options_.answer_bytes_max);
    ResponseParser parser(request.method == "HEAD",
                          [&](const Response& head, std::string_view part) {
                              if (on_chunk && head.status / 100 == 2) {
                                  return on_chunk(part);
                              }
                              body += part;
                              return body.size() <= most;
                          });
    const Expected<Done, Fault> answered =
        read_answer(*connection, parser, timing, began, nothing_came);
    if (!answered) {
        return Unexpected{answered.error()};
    }
    if (body.size() > most) {
        return Unexpected{bad_answer("its answer is too large")};
    }
    if (parser.done() && parser.keep_alive() && written == Io::Done) {
        connection_ = std::move(connection);
    }
    Response response = std::move(parser.head());
    response.body = std::move(body);
    return response;
}

std::string Client::text_of(const Request& request) const {
    const std::string url = text(options_.endpoint);
    const std::string_view host =
        options_.endpoint.is_unix() ? "localhost" : std::string_view(url).substr(8);
    std::string out;
    append_head(out, request, host, options_.headers);
    out += request.body;
    return out;
}

Expected<Done, Fault> Client::read_answer(Connection& connection, ResponseParser& parser,
                                          const Timing& timing, std::int64_t began,
                                          bool& nothing_came) const {
    std::array<char, 16384> part;
    while (!parser.done() && !parser.stopped()) {
        const IoResult result = connection.read(part.data(), part.size(), timing.next(began));
        if (result.state == Io::Done) {
            nothing_came = false;
            if (!parser.feed({part.data(), result.bytes})) {
                return Unexpected{bad_answer(parser.why())};
            }
        } else if (result.state != Io::Closed) {
            nothing_came = false;
            return Unexpected{fault_of(result.state, connection.line())};
        } else if (!parser.end_of_stream()) {
            return Unexpected{nothing_came ? unreachable(options_.endpoint, parser.why())
                                           : bad_answer(parser.why())};
        }
    }
    return Done{};
}

}  // namespace khu::wire::net
