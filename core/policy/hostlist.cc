#include "core/policy/hostlist.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>

#include "core/base/limits.h"

namespace khu {
namespace {

constexpr std::size_t name_bytes = 63;  // one DNS label, RFC 1035
constexpr std::size_t digits_max = 9;   // of a number in brackets; fits in 32 bits

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_name_byte(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
}

/// Reads a hostlist from left to right; the first error ends it.
class Expander {
public:
    explicit Expander(std::string_view text) : text_(text) {}

    Expected<std::vector<NodeName>, BadHostlist> run() {
        do {
            name();
        } while (!error_ && take(','));
        if (!error_ && at_ < text_.size()) {
            fail(fmt::format("'{}' is not expected here", text_[at_]),
                 fmt::format("không mong đợi '{}' ở đây", text_[at_]));
        }
        if (error_) {
            return Unexpected{*error_};
        }
        return std::move(nodes_);
    }

private:
    struct Number {
        std::int64_t value{0};
        std::size_t width{0};
        bool leads_with_zero{false};
    };

    void fail(std::string why_en, std::string why_vi) {
        if (!error_) {
            error_ = BadHostlist{std::move(why_en), std::move(why_vi), at_};
        }
    }
    bool take(char c) {
        if (at_ < text_.size() && text_[at_] == c) {
            ++at_;
            return true;
        }
        return false;
    }
    std::string_view word() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_name_byte(text_[at_])) {
            ++at_;
        }
        return text_.substr(begin, at_ - begin);
    }

    void name() {
        const std::string_view prefix = word();
        if (!take('[')) {
            add(std::string(prefix));
            return;
        }
        const std::size_t brackets = at_;
        const std::size_t close = text_.find(']', at_);
        if (close == std::string_view::npos) {
            fail("'[' is not closed", "thiếu ']'");
            return;
        }
        at_ = close + 1;
        const std::string_view suffix = word();
        const std::size_t end = at_;
        at_ = brackets;
        ranges(prefix, suffix);
        if (!error_ && !take(']')) {
            fail("a range like 01-16 is expected", "cần một khoảng như 01-16");
        }
        at_ = error_ ? at_ : end;
    }

    void ranges(std::string_view prefix, std::string_view suffix) {
        do {
            const Number first = number();
            const Number last = take('-') ? number() : first;
            if (error_) {
                return;
            }
            check_range(first, last);
            for (std::int64_t n = first.value; !error_ && n <= last.value; ++n) {
                add(fmt::format("{}{:0{}}{}", prefix, n, first.leads_with_zero ? first.width : 0,
                                suffix));
            }
        } while (!error_ && take(','));
    }

    Number number() {
        Number number;
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_digit(text_[at_]) && at_ - begin < digits_max) {
            number.value = number.value * 10 + (text_[at_] - '0');
            ++at_;
        }
        number.width = at_ - begin;
        number.leads_with_zero = number.width > 1 && text_[begin] == '0';
        if (number.width == 0) {
            fail("a number is expected", "cần một con số");
        }
        return number;
    }

    void check_range(const Number& first, const Number& last) {
        const bool zeros = first.leads_with_zero || last.leads_with_zero;
        if (last.value < first.value) {
            fail(fmt::format("range {}-{} runs backwards", first.value, last.value),
                 fmt::format("khoảng {}-{} bị ngược", first.value, last.value));
        } else if (zeros && first.width != last.width) {
            fail("both ends of a range with leading zeros need the same width",
                 "hai đầu của khoảng có số 0 đứng trước phải dài bằng nhau");
        } else if (last.value - first.value >= limits::nodes_max) {
            too_many();
        }
    }

    void too_many() {
        fail(fmt::format("more than {} nodes", limits::nodes_max),
             fmt::format("nhiều hơn {} nút", limits::nodes_max));
    }

    void add(std::string node) {
        if (node.empty()) {
            fail("a node name is expected", "cần tên nút");
        } else if (node.size() > name_bytes || node.front() == '-' || node.front() == '.') {
            fail(fmt::format("'{}' is not a node name", node.substr(0, name_bytes)),
                 fmt::format("'{}' không phải tên nút", node.substr(0, name_bytes)));
        } else if (static_cast<std::int64_t>(nodes_.size()) >= limits::nodes_max) {
            too_many();
        } else if (!seen_.insert(node).second) {
            fail(fmt::format("node {} is named twice", node),
                 fmt::format("nút {} được nêu hai lần", node));
        } else {
            nodes_.emplace_back(std::move(node));
        }
    }

    std::string_view text_;
    std::size_t at_{0};
    std::vector<NodeName> nodes_;
    std::set<std::string> seen_;
    std::optional<BadHostlist> error_;
};

/// A name cut around its last run of digits: "gn01" is {"gn", "01", ""}.
struct Parts {
    std::string_view prefix, digits, suffix;
};

Parts cut(std::string_view name) {
    std::size_t end = name.size();
    while (end > 0 && !is_digit(name[end - 1])) {
        --end;
    }
    std::size_t begin = end;
    while (begin > 0 && is_digit(name[begin - 1]) && end - begin < digits_max) {
        --begin;
    }
    return {name.substr(0, begin), name.substr(begin, end - begin), name.substr(end)};
}

std::int64_t value_of(std::string_view digits) {
    std::int64_t value = 0;
    for (const char c : digits) {
        value = value * 10 + (c - '0');
    }
    return value;
}

/// True if `b` is the name after `a` in one range: the next number, written the same way.
bool follows(const Parts& a, const Parts& b) {
    const bool zeros =
        (a.digits.size() > 1 && a.digits[0] == '0') || (b.digits.size() > 1 && b.digits[0] == '0');
    return !a.digits.empty() && !b.digits.empty() && value_of(b.digits) == value_of(a.digits) + 1 &&
           (!zeros || a.digits.size() == b.digits.size());
}

}  // namespace

Expected<std::vector<NodeName>, BadHostlist> expand_hostlist(std::string_view text) {
    return Expander(text).run();
}

std::string compress_hostlist(const std::vector<NodeName>& nodes) {
    std::string out;
    std::size_t i = 0;
    while (i < nodes.size()) {
        const Parts head = cut(nodes[i].value);
        std::string ranges;
        std::size_t count = 0;
        while (i < nodes.size()) {
            const Parts first = cut(nodes[i].value);
            if (first.prefix != head.prefix || first.suffix != head.suffix ||
                first.digits.empty() != head.digits.empty() || (count > 0 && head.digits.empty())) {
                break;
            }
            Parts last = first;
            for (++i, ++count; i < nodes.size(); ++i, ++count) {
                const Parts next = cut(nodes[i].value);
                if (next.prefix != head.prefix || next.suffix != head.suffix ||
                    !follows(last, next)) {
                    break;
                }
                last = next;
            }
            ranges += ranges.empty() ? "" : ",";
            ranges += first.digits;
            if (last.digits != first.digits) {
                ranges += fmt::format("-{}", last.digits);
            }
        }
        out += out.empty() ? "" : ",";
        out += count == 1 ? fmt::format("{}{}{}", head.prefix, ranges, head.suffix)
                          : fmt::format("{}[{}]{}", head.prefix, ranges, head.suffix);
    }
    return out;
}

}  // namespace khu
