#pragma once

/// \file
/// One HTTP/1.1 request and its answer over a byte stream, blocking: the command line does one
/// thing at a time, starts no thread and must start fast. The Unix socket (transport.cc) needs
/// neither Asio nor OpenSSL; TLS lies in tls_transport.cc and costs only those who use it.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/expected.h"
#include "core/base/units.h"

namespace khu::cli {

struct HttpRequest {
    std::string method{"GET"};
    std::string target{};  ///< "/v1/queue?user=an"
    std::string body{};
    std::string headers{};   ///< further ones, each ending in CRLF
    Span idle{seconds(60)};  ///< longest silence of the other side; 0: for ever
};

struct HttpHead {
    int status{0};
    std::string content_type{};
};

/// What broke. Only `Connect` promises that khud has not seen the request.
struct NetFault {
    enum class Stage { Connect, Exchange, Interrupted };
    Stage stage{Stage::Exchange};
    std::string why{};   ///< "Connection refused"
    bool absent{false};  ///< nobody listens there: no socket, connection refused
};

/// Takes the answer's body in pieces, as they come; false ends the transfer.
using OnBody = std::function<bool(const HttpHead& head, std::string_view piece)>;

/// A connected byte stream. Reading and writing give -1 and errno as read(2) does.
class ByteStream {
public:
    virtual ~ByteStream() = default;
    /// At least one byte, 0 at the orderly end, -1: errno, EINTR if a signal came.
    virtual long read_some(char* to, std::size_t size, Span idle) = 0;
    virtual long write_some(const char* from, std::size_t size) = 0;
    [[nodiscard]] virtual std::string last_error() const = 0;
};

class Transport {
public:
    virtual ~Transport() = default;
    /// The whole exchange; the connection is kept for the next one when both sides allow it.
    Expected<HttpHead, NetFault> exchange(const HttpRequest& request, const OnBody& on_body);

protected:
    virtual Expected<std::unique_ptr<ByteStream>, NetFault> connect() = 0;
    [[nodiscard]] virtual std::string host() const = 0;

private:
    Expected<HttpHead, NetFault> converse(const HttpRequest& request, const OnBody& on_body,
                                          bool& answered);
    std::unique_ptr<ByteStream> stream_;
};

std::unique_ptr<Transport> unix_transport(std::string path);
/// `ca_file` empty: the system's authorities.
std::unique_ptr<Transport> tls_transport(std::string host, std::string port, std::string ca_file);

/// True once SIGINT or SIGTERM came after catch_interrupts(); the exchange then ends as
/// Interrupted.
bool interrupted();
void catch_interrupts();
void forget_interrupt();

}  // namespace khu::cli
