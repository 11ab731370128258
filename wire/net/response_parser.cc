#include "wire/net/response_parser.h"

#include <algorithm>
#include <charconv>

namespace khu::wire::net {
namespace {

constexpr std::size_t kHeadMax = 64 << 10;
constexpr std::size_t kLineMax = 8 << 10;

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

template <class N>
bool whole_number(std::string_view text, N& number, int base) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number, base);
    return !text.empty() && error == std::errc{} && stop == end;
}

}  // namespace

bool ResponseParser::fail(std::string why) {
    why_ = std::move(why);
    return false;
}

bool ResponseParser::feed(std::string_view data) {
    std::string line;
    while (!data.empty() && !done() && !stopped_) {
        switch (step_) {
            case Step::Head:
                if (!take_head(data)) {
                    return false;
                }
                break;
            case Step::Length:
            case Step::ChunkData:
            case Step::UntilClose:
                deliver(data);
                break;
            case Step::ChunkSize:
                if (read_line(data, line) && !read_chunk_size(line)) {
                    return false;
                }
                break;
            case Step::ChunkEnd:
                if (read_line(data, line)) {
                    step_ = Step::ChunkSize;
                    if (!line.empty()) {
                        return fail("a chunk is longer than it says");
                    }
                }
                break;
            case Step::Trailer:
                if (read_line(data, line) && line.empty()) {
                    step_ = Step::Done;
                }
                break;
            case Step::Done:
                break;
        }
        if (line_.size() > kLineMax && step_ != Step::Head) {
            return fail("a line is too long");
        }
    }
    return true;
}

/// Collects the head until its empty line.
bool ResponseParser::take_head(std::string_view& data) {
    const std::size_t before = line_.size();
    line_ += data;
    const std::size_t end = line_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end == std::string::npos) {
        data = {};
        return line_.size() <= kHeadMax || fail("the header is too long");
    }
    data.remove_prefix(end + 4 - before);
    line_.resize(end + 2);
    return parse_head(std::exchange(line_, {}));
}

bool ResponseParser::end_of_stream() {
    if (step_ == Step::UntilClose) {
        step_ = Step::Done;
    }
    return done() || fail(head_done() ? "the answer ends early" : "it hung up");
}

/// Moves a line without its end from `data` to `line`; false while it is not complete.
bool ResponseParser::read_line(std::string_view& data, std::string& line) {
    const std::size_t end = data.find('\n');
    line_ += data.substr(0, end);
    if (end == std::string_view::npos) {
        data = {};
        return false;
    }
    data.remove_prefix(end + 1);
    line = std::exchange(line_, {});
    if (line.ends_with('\r')) {
        line.pop_back();
    }
    return true;
}

void ResponseParser::deliver(std::string_view& data) {
    const bool bounded = step_ != Step::UntilClose;
    const std::string_view part =
        bounded
            ? data.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, data.size())))
            : data;
    data.remove_prefix(part.size());
    stopped_ = !on_body_(head_, part);
    if (bounded) {
        left_ -= part.size();
        if (left_ == 0) {
            step_ = step_ == Step::Length ? Step::Done : Step::ChunkEnd;
        }
    }
}

bool ResponseParser::read_chunk_size(std::string_view line) {
    if (!whole_number(trim(line.substr(0, line.find(';'))), left_, 16)) {
        return fail("a chunk's size is no number");
    }
    step_ = left_ == 0 ? Step::Trailer : Step::ChunkData;
    return true;
}

bool ResponseParser::parse_status(std::string_view line) {
    // "HTTP/1.1 200 OK"
    const bool known = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
    if (!known || line.size() < 12 || !whole_number(line.substr(9, 3), head_.status, 10)) {
        return fail("it does not speak HTTP/1.1");
    }
    keep_alive_ = line[7] == '1';
    return true;
}

bool ResponseParser::parse_head(std::string_view head) {
    head_ = Response{};
    head_.content_type.clear();
    bool first = true;
    while (!head.empty()) {
        const std::size_t end = head.find("\r\n");
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(end + 2);
        if (std::exchange(first, false)) {
            if (!parse_status(line)) {
                return false;
            }
            continue;
        }
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0) {
            return fail("a header has no name");
        }
        head_.headers.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
    }
    head_.content_type = head_.header("content-type");
    return choose_body();
}

bool ResponseParser::choose_body() {
    const int status = head_.status;
    if (status >= 100 && status < 200 && status != 101) {
        return true;  // "100 Continue": the real one follows
    }
    const std::string_view connection = head_.header("connection");
    if (same_without_case(connection, "close")) {
        keep_alive_ = false;
    }
    const std::string_view length = head_.header("content-length");
    if (to_head_ || status == 204 || status == 304 || status == 101) {
        step_ = Step::Done;
    } else if (same_without_case(head_.header("transfer-encoding"), "chunked")) {
        step_ = Step::ChunkSize;
    } else if (length.empty()) {
        keep_alive_ = false;
        step_ = Step::UntilClose;
    } else if (whole_number(length, left_, 10)) {
        step_ = left_ == 0 ? Step::Done : Step::Length;
    } else {
        return fail("the content's length is no number");
    }
    return true;
}

}  // namespace khu::wire::net
