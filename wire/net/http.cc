#include "wire/net/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace khu::wire::net {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char small = lower(c);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    const auto put = [&](std::string_view text) {
        for (const char c : text) {
            out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
        }
    };
    put(name);
    out += ": ";
    put(value);
    out += "\r\n";
}

}  // namespace

bool same_without_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view find_header(const Headers& headers, std::string_view name) {
    for (const auto& [key, value] : headers) {
        if (same_without_case(key, name)) {
            return value;
        }
    }
    return {};
}

std::string_view status_text(int status) {
    constexpr std::array<std::pair<int, std::string_view>, 26> texts{
        {{200, "OK"},
         {201, "Created"},
         {202, "Accepted"},
         {204, "No Content"},
         {301, "Moved Permanently"},
         {302, "Found"},
         {304, "Not Modified"},
         {400, "Bad Request"},
         {401, "Unauthorized"},
         {403, "Forbidden"},
         {404, "Not Found"},
         {405, "Method Not Allowed"},
         {406, "Not Acceptable"},
         {408, "Request Timeout"},
         {409, "Conflict"},
         {410, "Gone"},
         {412, "Precondition Failed"},
         {413, "Content Too Large"},
         {415, "Unsupported Media Type"},
         {422, "Unprocessable Content"},
         {426, "Upgrade Required"},
         {429, "Too Many Requests"},
         {431, "Request Header Fields Too Large"},
         {500, "Internal Server Error"},
         {502, "Bad Gateway"},
         {503, "Service Unavailable"}}};
    const auto* found = std::ranges::find(texts, status, &std::pair<int, std::string_view>::first);
    return found == texts.end() ? std::string_view("Unknown") : found->second;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += plus_is_space && text[i] == '+' ? ' ' : text[i];
            continue;
        }
        const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const char small = lower(c);
        const bool plain = (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        }
    }
    return out;
}

bool split_target(Request& request) {
    std::string_view target = request.target;
    target = target.substr(0, target.find('#'));
    const std::size_t mark = target.find('?');
    std::optional<std::string> path = percent_decode(target.substr(0, mark), false);
    if (!path || path->empty() || path->front() != '/') {
        return false;
    }
    request.path = *std::move(path);
    std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        const std::size_t equals = pair.find('=');
        const std::string_view value =
            equals == std::string_view::npos ? "" : pair.substr(equals + 1);
        std::optional<std::string> name = percent_decode(pair.substr(0, equals), true);
        std::optional<std::string> decoded = percent_decode(value, true);
        if (!name || !decoded) {
            return false;
        }
        if (!pair.empty()) {
            request.query.insert_or_assign(*std::move(name), *std::move(decoded));
        }
    }
    return true;
}

void append_head(std::string& out, const Response& response, BodyFraming framing, bool keep_alive) {
    fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status,
                   status_text(response.status));
    if (!response.content_type.empty()) {
        append_header(out, "Content-Type", response.content_type);
    }
    for (const auto& [name, value] : response.headers) {
        append_header(out, name, value);
    }
    if (framing == BodyFraming::Chunked) {
        out += "Transfer-Encoding: chunked\r\n";
    } else if (framing == BodyFraming::Length && response.status != 204 && response.status != 304) {
        fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body_bytes());
    }
    out += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
}

void append_head(std::string& out, const Request& request, std::string_view host,
                 const Headers& more) {
    out += request.method + " " + request.target + " HTTP/1.1\r\n";
    append_header(out, "Host", host);
    for (const Headers* headers : {&request.headers, &more}) {
        for (const auto& [name, value] : *headers) {
            append_header(out, name, value);
        }
    }
    if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
        fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", request.body.size());
    }
    out += "\r\n";
}

void append_chunk(std::string& out, std::string_view data) {
    if (!data.empty()) {
        fmt::format_to(std::back_inserter(out), "{:x}\r\n", data.size());
        out += data;
        out += "\r\n";
    }
}

}  // namespace khu::wire::net
