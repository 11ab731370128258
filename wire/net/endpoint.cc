#include "wire/net/endpoint.h"

#include <fmt/format.h>

#include <charconv>

namespace khu::wire::net {
namespace {

Unexpected<Refusal> bad(std::string_view endpoint, std::string_view why) {
    return {Refusal(Code::BadEndpoint)
                .with("endpoint", std::string(endpoint))
                .with("why", std::string(why))};
}

}  // namespace

Expected<HostPort, Refusal> parse_host_port(std::string_view text) {
    HostPort result;
    std::string_view port;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) {
            return bad(text, "] is missing");
        }
        result.host = text.substr(1, end - 1);
        port = text.substr(end + 1);
    } else {
        const std::size_t colon = text.rfind(':');
        if (colon != text.find(':')) {
            return bad(text, "an IPv6 address is written in brackets, [::1]:7443");
        }
        result.host = text.substr(0, colon);
        port = colon == std::string_view::npos ? "" : text.substr(colon);
    }
    if (port.empty()) {
        return result;
    }
    const char* end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data() + 1, end, result.port);
    if (port.front() != ':' || error != std::errc{} || stop != end) {
        return bad(text, "the port is not a number from 0 to 65535");
    }
    return result;
}

Expected<Endpoint, Refusal> parse_endpoint(std::string_view text) {
    constexpr std::string_view local = "unix:";
    constexpr std::string_view secure = "https://";
    if (text.starts_with(local)) {
        Endpoint endpoint{.unix_path = std::string(text.substr(local.size())), .tcp = {}};
        if (!endpoint.is_unix()) {
            return bad(text, "the path is missing");
        }
        return endpoint;
    }
    if (text.starts_with("http://")) {
        return bad(text, "khud speaks TLS only");
    }
    std::string_view rest = text;
    if (rest.starts_with(secure)) {
        rest.remove_prefix(secure.size());
    }
    if (rest.ends_with('/')) {
        rest.remove_suffix(1);
    }
    Expected<HostPort, Refusal> tcp = parse_host_port(rest);
    if (!tcp) {
        return Unexpected{std::move(tcp).error()};
    }
    if (tcp->host.empty() || tcp->host.find('/') != std::string::npos) {
        return bad(text, "the host is missing or has a path");
    }
    return Endpoint{.unix_path = {}, .tcp = *std::move(tcp)};
}

std::string text(const Endpoint& endpoint) {
    if (endpoint.is_unix()) {
        return "unix:" + endpoint.unix_path;
    }
    const bool v6 = endpoint.tcp.host.find(':') != std::string::npos;
    return fmt::format(fmt::runtime(v6 ? "https://[{}]:{}" : "https://{}:{}"), endpoint.tcp.host,
                       endpoint.tcp.port);
}

}  // namespace khu::wire::net
