#pragma once

/// \file
/// One HTTP request and its answer over wire/net's sockets, blocking: the command line does one
/// thing at a time and must start fast, so there is no thread, no Asio, and over a Unix socket no
/// OpenSSL. It differs from wire/net/client.h in two things that a person at a terminal needs:
/// Ctrl-C ends a wait at once, and a fault says whether khud can have seen the request.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/base/units.h"
#include "wire/net/endpoint.h"
#include "wire/net/http.h"

namespace khu::wire::net {
class TlsContext;
class ResponseParser;
}  // namespace khu::wire::net

namespace khu::cli {

struct NetFault {
    enum class Stage {
        Connect,      ///< khud has not seen the request
        Exchange,     ///< nobody knows
        Interrupted,  ///< SIGINT or SIGTERM after catch_interrupts()
    };
    Stage stage{Stage::Exchange};
    Refusal refusal;  ///< Unreachable, Untrusted, BadAnswer or CertificateFailed
};

/// Takes the answer's body in pieces as they come, with its head; false ends the transfer.
using OnBody = std::function<bool(const wire::net::Response& head, std::string_view piece)>;

class Transport {
public:
    /// `authority`: who may have signed khud's certificate, PEM; unused for a Unix socket.
    Transport(wire::net::Endpoint endpoint, std::string authority);
    ~Transport();
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// The whole exchange; the result is the answer's head. `idle`: longest silence. The connection
    /// is kept for the next request that only reads.
    Expected<wire::net::Response, NetFault> exchange(const wire::net::Request& request, Span idle,
                                                     const OnBody& on_body);

private:
    class Link;

    Expected<std::unique_ptr<Link>, NetFault> connect();
    Expected<wire::net::Response, NetFault> converse(const wire::net::Request& request, Span idle,
                                                     const OnBody& on_body, bool& nothing_came);
    Expected<Done, NetFault> read_answer(wire::net::ResponseParser& parser, Span idle,
                                         bool& nothing_came);
    [[nodiscard]] NetFault broke(NetFault::Stage stage, std::string why) const;

    wire::net::Endpoint endpoint_;
    std::string authority_;
    std::shared_ptr<wire::net::TlsContext> tls_;
    std::unique_ptr<Link> link_;
};

/// True once SIGINT or SIGTERM came after catch_interrupts().
bool interrupted();
void catch_interrupts();
void forget_interrupt();

}  // namespace khu::cli
