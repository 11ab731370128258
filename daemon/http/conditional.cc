#include "daemon/http/conditional.h"

#include "wire/net/secrets.h"

namespace khu::daemon {
namespace {

constexpr std::size_t kTagDigits = 32;  // 128 bits of the hash

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ') || text.starts_with('\t')) {
        text.remove_prefix(1);
    }
    while (text.ends_with(' ') || text.ends_with('\t')) {
        text.remove_suffix(1);
    }
    return text;
}

}  // namespace

bool names_tag(std::string_view header, std::string_view tag) {
    while (!header.empty()) {
        const std::size_t end = std::min(header.find(','), header.size());
        std::string_view one = trimmed(header.substr(0, end));
        one.remove_prefix(one.starts_with("W/") ? 2 : 0);
        if (one == "*" || (!one.empty() && one == tag)) {
            return true;
        }
        header.remove_prefix(std::min(header.size(), end + 1));
    }
    return false;
}

wire::net::Response conditional(const wire::net::Request& request, wire::net::Response response) {
    if (request.method != "GET" || response.status != 200) {
        return response;
    }
    std::string tag(response.header("ETag"));
    if (tag.empty()) {
        tag = '"' + wire::net::sha256_hex(response.body).substr(0, kTagDigits) + '"';
        response.headers.emplace_back("ETag", tag);
    }
    response.headers.emplace_back("Cache-Control", "private, no-cache");
    if (names_tag(request.header("If-None-Match"), tag)) {
        response.status = 304;
        response.content_type.clear();
        response.body.clear();
        response.source.reset();
    }
    return response;
}

}  // namespace khu::daemon
