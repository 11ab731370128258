#pragma once

/// \file
/// Asking khud. Each call gives the body of the answer or a Failure ready to be printed. When the
/// connection breaks, requests that may be repeated are sent again for half a minute: those that
/// only read, and those that carry an idempotency key, so that a retried submit never makes two
/// jobs. When khud asks to slow down, any request waits as long as it says and is sent again. A
/// connection that cannot be made in the first place fails at once.

#include <functional>
#include <string>

#include "cli/endpoint.h"
#include "cli/failure.h"
#include "cli/transport.h"

namespace khu::cli {

using Sink = std::function<bool(std::string_view piece)>;

class Connection {
public:
    Connection(Endpoint endpoint, Language language);

    Expected<std::string, Failure> get(const std::string& target);
    /// Waits up to `idle` for the answer's first byte and between bytes; for long polls.
    Expected<std::string, Failure> get(const std::string& target, Span idle);
    /// With a key it may be repeated; without one it is sent once.
    Expected<std::string, Failure> post(const std::string& target, std::string body,
                                        const std::string& idempotency_key = "");
    Expected<std::string, Failure> remove(const std::string& target);

    /// The answer in pieces; not repeated, because the caller knows how much it has had.
    /// `broken` in the failure's status (0) tells a lost connection from a refusal.
    Expected<Done, Failure> stream(const std::string& target, Span idle, const Sink& sink);

    [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

private:
    Expected<std::string, Failure> ask(wire::net::Request request, Span idle, bool repeatable);
    Failure failure_of(const NetFault& fault, bool maybe_done) const;
    Failure refusal_of(int status, const std::string& body) const;

    Endpoint endpoint_;
    Language language_;
    Transport transport_;
};

/// 32 hexadecimal digits of the system's randomness.
std::string new_idempotency_key();

/// Takes "?key=value&..." together, leaving out empty values.
std::string query(std::initializer_list<std::pair<std::string_view, std::string>> parts);

}  // namespace khu::cli
