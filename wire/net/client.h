#pragma once

/// \file
/// A blocking HTTP client for the command line and the agents: one connection that is kept, over
/// TLS or a Unix socket. It starts no thread, and over a Unix socket it never touches OpenSSL, so
/// that a command costs little. One thread at a time.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/base/units.h"
#include "wire/net/backoff.h"
#include "wire/net/certificates.h"
#include "wire/net/endpoint.h"
#include "wire/net/http.h"

namespace khu::wire::net {

/// Unreachable, Untrusted, BadAnswer or CertificateFailed: the world failed, no refusal of khud's.
using Fault = Refusal;

struct ClientOptions {
    Endpoint endpoint{};
    std::string authority{};             ///< PEM: who may sign khud's certificate
    std::optional<Identity> identity{};  ///< our own certificate, if we have one
    Headers headers{};                   ///< added to each request, e.g. Authorization
    Span connect_max{seconds(5)};        ///< to connect and greet
    Span answer_max{seconds(60)};        ///< from the request's first byte to the answer's last
    std::int64_t answer_bytes_max{256LL << 20};
};

/// How long to go on trying.
struct Patience {
    Span total{seconds(30)};
    Span first{milliseconds(100)};
    Span most{seconds(5)};
};

enum class Io;
class Line;
class ResponseParser;
class TlsContext;

class Client {
public:
    explicit Client(ClientOptions options);
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;

    /// Sends and waits for the answer, whatever its status. A kept connection that the server has
    /// closed meanwhile is replaced. A fault of a request that is not idempotent may have come
    /// after khud has done it.
    Expected<Response, Fault> send(const Request& request);

    /// For requests that may be repeated: while khud is unreachable, answers 503 or asks to slow
    /// down (429), waits (jittered, doubling, at least what it says) and sends again, until
    /// `patience` ends; then the last fault or answer.
    Expected<Response, Fault> send_again(const Request& request, const Patience& patience);

    /// For a body without end: gives each piece to `on_chunk` as it comes, until the body ends or
    /// it returns false. The result has the status and headers, and the body if the status is not
    /// 2xx. `silence_max`: cut when nothing comes for so long.
    Expected<Response, Fault> follow(const Request& request,
                                     const std::function<bool(std::string_view)>& on_chunk,
                                     Span silence_max = days(1));

    /// The connection is given up; the next request makes a new one.
    void disconnect();

private:
    class Connection;
    struct Timing;

    using OnChunk = std::function<bool(std::string_view)>;

    Expected<Done, Fault> connect();
    Expected<Response, Fault> exchange(const Request& request, const Timing& timing,
                                       const OnChunk& on_chunk);
    Expected<Response, Fault> exchange_once(const Request& request, const Timing& timing,
                                            const OnChunk& on_chunk, bool& nothing_came);
    Expected<Done, Fault> read_answer(Connection& connection, ResponseParser& parser,
                                      const Timing& timing, std::int64_t began,
                                      bool& nothing_came) const;
    [[nodiscard]] std::string text_of(const Request& request) const;
    [[nodiscard]] Fault fault_of(Io state, const Line& line) const;
    [[nodiscard]] Fault bad_answer(std::string why) const;

    ClientOptions options_;
    std::unique_ptr<Connection> connection_;
    std::shared_ptr<TlsContext> tls_;
};

}  // namespace khu::wire::net
