#include "plugins/hostlist.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdint>
#include <optional>

namespace khu::plugins {
namespace {

constexpr std::size_t digits_max = 9;  // Fits an int; longer tails stay part of the stem.

struct Numbered {
    std::string stem;
    std::size_t width{0};
    std::int64_t number{0};
};

std::optional<Numbered> split_number(const std::string& name) {
    std::size_t first_digit = name.size();
    while (first_digit > 0 &&
           std::isdigit(static_cast<unsigned char>(name[first_digit - 1])) != 0) {
        --first_digit;
    }
    const std::size_t width = name.size() - first_digit;
    if (width == 0 || width > digits_max) {
        return std::nullopt;
    }
    return Numbered{.stem = name.substr(0, first_digit),
                    .width = width,
                    .number = std::stoll(name.substr(first_digit))};
}

struct Range {
    std::int64_t first{0}, last{0};
};

/// Neighbouring names that share a stem and a width; no ranges: one name without a number.
struct Group {
    std::string stem;
    std::size_t width{0};
    std::vector<Range> ranges;
};

bool take(Group& group, const Numbered& next) {
    if (group.ranges.empty() || next.stem != group.stem || next.width != group.width) {
        return false;
    }
    if (next.number == group.ranges.back().last + 1) {
        group.ranges.back().last = next.number;
    } else {
        group.ranges.push_back({next.number, next.number});
    }
    return true;
}

std::string text_of(const Group& group) {
    if (group.ranges.empty()) {
        return group.stem;
    }
    const Range& first = group.ranges.front();
    if (group.ranges.size() == 1 && first.first == first.last) {
        return fmt::format("{}{:0{}}", group.stem, first.first, group.width);
    }
    std::string inside;
    for (const Range& range : group.ranges) {
        inside += inside.empty() ? "" : ",";
        inside += fmt::format("{:0{}}", range.first, group.width);
        if (range.last != range.first) {
            inside += fmt::format("-{:0{}}", range.last, group.width);
        }
    }
    return fmt::format("{}[{}]", group.stem, inside);
}

void append(std::string& list, const std::string& part) {
    list += list.empty() ? part : "," + part;
}

}  // namespace

std::string compress_hostlist(const std::vector<std::string>& names) {
    std::vector<Group> groups;
    for (const std::string& name : names) {
        const std::optional<Numbered> numbered = split_number(name);
        if (!numbered) {
            groups.push_back({.stem = name, .width = 0, .ranges = {}});
        } else if (groups.empty() || !take(groups.back(), *numbered)) {
            groups.push_back({.stem = numbered->stem,
                              .width = numbered->width,
                              .ranges = {{numbered->number, numbered->number}}});
        }
    }
    std::string list;
    for (const Group& group : groups) {
        append(list, text_of(group));
    }
    return list;
}

std::string format_ranges(const std::vector<int>& numbers) {
    std::string list;
    for (std::size_t i = 0; i < numbers.size();) {
        std::size_t end = i;
        while (end + 1 < numbers.size() && numbers[end + 1] == numbers[end] + 1) {
            ++end;
        }
        append(list, end == i ? fmt::format("{}", numbers[i])
                              : fmt::format("{}-{}", numbers[i], numbers[end]));
        i = end + 1;
    }
    return list;
}

}  // namespace khu::plugins
