#include "config/leaf_read.h"

#include <fmt/format.h>

#include "config/utf8.h"
#include "core/policy/hostlist.h"

namespace khu::config {

Value<std::string> read_leaf(schema::Text kind, const Node& node, int) {
    if (node.text.empty() || node.text.size() > kind.bytes_max) {
        return Unexpected{BadValue{"P008", fmt::format("a text of 1 to {} bytes", kind.bytes_max),
                                   fmt::format("cần văn bản dài 1 đến {} byte", kind.bytes_max),
                                   0}};
    }
    const bool hidden = !bad_characters(node.text, 1).empty() ||
                        node.text.find_first_of("\t\r\n") != std::string::npos;
    if (hidden) {
        return Unexpected{BadValue{"P008", "control characters are not allowed",
                                   "không được có ký tự điều khiển", 0}};
    }
    return node.text;
}

Value<std::string> read_leaf(schema::Identifier, const Node& node, int) {
    return parse_identifier(node.text);
}

Value<std::string> read_leaf(schema::ZoneOrAny, const Node& node, int) {
    return node.text == "*" ? Value<std::string>(node.text) : parse_identifier(node.text);
}

Value<std::string> read_leaf(schema::Reference, const Node& node, int) {
    return parse_reference(node.text);
}

Value<std::string> read_leaf(schema::TaxCode, const Node& node, int) {
    return read_tax_code(node.text, node.quoted);
}

Value<std::string> read_tax_code(const std::string& text, bool quoted) {
    Value<std::string> read = parse_tax_code(text);
    if (read && !quoted) {
        return Unexpected{BadValue{
            "P009", fmt::format("write \"{}\" in quotes: a zero in front must survive", text),
            fmt::format("hãy viết \"{}\" trong ngoặc kép: số 0 đứng đầu phải còn", text), 0}};
    }
    return read;
}

Value<std::int64_t> read_leaf(schema::Whole kind, const Node& node, int) {
    return parse_whole(node.text, kind.low, kind.high);
}

Value<bool> read_leaf(schema::Flag, const Node& node, int) {
    if (node.text == "true" || node.text == "false") {
        return node.text == "true";
    }
    return Unexpected{not_a_word(node.text, {"true", "false"})};
}

Value<Atoms> read_leaf(schema::GpuHours kind, const Node& node, int) {
    return parse_gpu_hours(node.text, kind.zero_too);
}

Value<Mvnd> read_leaf(schema::Dong kind, const Node& node, int) {
    return parse_dong(node.text, kind.zero_too);
}

Value<std::int64_t> read_leaf(schema::DongPerGpuHour, const Node& node, int) {
    return parse_rate(node.text);
}

Value<int> read_leaf(schema::Percent kind, const Node& node, int) {
    return parse_percent(node.text, kind.permille_max);
}

Value<Span> read_leaf(schema::Duration, const Node& node, int) {
    return parse_duration(node.text);
}

Value<int> read_leaf(schema::Months, const Node& node, int) {
    return parse_months(node.text);
}

Value<Moment> read_leaf(schema::Day, const Node& node, int offset) {
    return parse_day(node.text, offset);
}

Value<Moment> read_leaf(schema::Instant, const Node& node, int) {
    return parse_instant(node.text);
}

Value<int> read_leaf(schema::Offset, const Node& node, int) {
    return parse_offset(node.text);
}

Value<std::vector<NodeName>> read_leaf(schema::Hostlist, const Node& node, int) {
    Expected<std::vector<NodeName>, BadHostlist> nodes = expand_hostlist(node.text);
    if (!nodes) {
        return Unexpected{
            BadValue{"P031", nodes.error().why_en, nodes.error().why_vi, nodes.error().offset}};
    }
    return std::move(*nodes);
}

BadValue not_a_word(const std::string& text, const std::vector<std::string_view>& words) {
    std::string all;
    for (const std::string_view word : words) {
        all += fmt::format("{}{}", all.empty() ? "" : ", ", word);
    }
    BadValue bad{"P018", fmt::format("'{}' is none of: {}", text.substr(0, 60), all),
                 fmt::format("'{}' không thuộc: {}", text.substr(0, 60), all), 0};
    if (const auto near = nearest(text, words)) {
        bad.why_en += fmt::format("; did you mean '{}'?", *near);
        bad.why_vi += fmt::format("; có phải bạn muốn '{}'?", *near);
    }
    return bad;
}

}  // namespace khu::config
