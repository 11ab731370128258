#pragma once

/// \file
/// Requests and responses as plain values, for the server and the client alike (RFC 9110, 9112).

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace khu::wire::net {

/// Who is at the other end of a Unix socket, as the kernel says.
struct UnixPeer {
    std::uint32_t uid{0};
    std::uint32_t gid{0};
    std::int32_t pid{0};
};

struct Peer {
    std::optional<UnixPeer> local;    ///< over the Unix socket
    std::string certificate_subject;  ///< common name of a verified certificate, or empty
    std::string address;              ///< "10.0.0.7:40112", "unix"
};

/// In the order given; names compare without case.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// The first value of `name`; empty if there is none.
std::string_view find_header(const Headers& headers, std::string_view name);

struct Request {
    std::string method{"GET"};
    std::string target{"/"};                                  ///< as sent: "/v1/jobs?limit=10"
    std::string path{};                                       ///< decoded (server): "/v1/jobs"
    std::map<std::string, std::string, std::less<>> query{};  ///< decoded (server)
    Headers headers{};
    std::string body{};
    Peer peer{};  ///< (server)

    [[nodiscard]] std::string_view header(std::string_view name) const {
        return find_header(headers, name);
    }
};

/// A body that is read piece by piece while it is sent.
class BodySource {
public:
    virtual ~BodySource() = default;
    [[nodiscard]] virtual std::int64_t bytes() const = 0;
    /// From byte `from` on, at most `most`; empty: it cannot be read, and the answer is cut short.
    [[nodiscard]] virtual std::string read(std::int64_t from, std::size_t most) const = 0;
};

struct Response {
    int status{200};
    std::string content_type{"application/json"};
    std::string body{};
    Headers headers{};
    std::shared_ptr<const BodySource> source{};  ///< null: `body` is all; else it comes after that

    [[nodiscard]] std::string_view header(std::string_view name) const {
        return find_header(headers, name);
    }
    /// Of the whole body.
    [[nodiscard]] std::int64_t body_bytes() const {
        return static_cast<std::int64_t>(body.size()) + (source == nullptr ? 0 : source->bytes());
    }
};

/// "Not Found" for 404.
std::string_view status_text(int status);
bool same_without_case(std::string_view a, std::string_view b);

/// Decodes %41 and, in queries, '+'; none if it is malformed.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
std::string percent_encode(std::string_view text);
/// Sets `path` and `query` from `target`; false if it is malformed.
bool split_target(Request& request);

/// How a body follows the header.
enum class BodyFraming { Length, Chunked, UntilClose };

/// Appends the status line and header of `response`. Line breaks in header values become spaces,
/// so that no value can add a header.
void append_head(std::string& out, const Response& response, BodyFraming framing, bool keep_alive);
/// Appends the request line and header; `host` for the Host header, `more` after the request's own.
void append_head(std::string& out, const Request& request, std::string_view host,
                 const Headers& more);
/// Appends `data` as one chunk; nothing if it is empty, since an empty chunk ends the body.
void append_chunk(std::string& out, std::string_view data);

}  // namespace khu::wire::net
