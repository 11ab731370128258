#include "config/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/policy/schema.h"

namespace khu::config {
namespace {

/// An identifier without quotes, unless some YAML reader could take it for something else.
std::string word(const std::string& text) {
    constexpr std::array<std::string_view, 8> taken{"null", "true", "false", "yes",
                                                    "no",   "on",   "off",   "y"};
    const bool plain = !text.empty() && text[0] >= 'a' && text[0] <= 'z' && text != "n" &&
                       std::find(taken.begin(), taken.end(), text) == taken.end();
    return plain ? text : quoted(text);
}

/// Which kinds stand without quotes.
std::string dress(schema::Identifier, const std::string& text) {
    return word(text);
}
std::string dress(schema::ZoneOrAny, const std::string& text) {
    return word(text);
}
template <class E>
std::string dress(schema::Word<E>, const std::string& text) {
    return text;
}
std::string dress(schema::Whole, const std::string& text) {
    return text;
}
std::string dress(schema::Flag, const std::string& text) {
    return text;
}
std::string dress(schema::Duration, const std::string& text) {
    return text;
}
std::string dress(schema::Months, const std::string& text) {
    return text;
}
std::string dress(schema::Day, const std::string& text) {
    return text == "null" ? text : quoted(text);
}
template <class Kind>
std::string dress(Kind, const std::string& text) {
    return quoted(text);
}

/// The visitor of the schema that prints.
class Printer {
public:
    explicit Printer(int utc_offset_minutes) : how_{utc_offset_minutes} {}

    std::string take() { return std::move(out_); }
    void line(std::string_view key, std::string_view text) {
        out_ += fmt::format("{}{}{}{}\n", indent(), key, text.empty() ? ":" : ": ", text);
    }

    template <class Kind, class T>
    void must(const char* key, Kind kind, const T& value) {
        line(key, dress(kind, schema::write(kind, value, how_)));
    }
    template <class Kind, class T, class U>
    void may(const char* key, Kind kind, const T& value, const U& usual) {
        if (!(value == T(usual))) {
            must(key, kind, value);
        }
    }
    void offset(const char* key, const int& minutes) { must(key, schema::Offset{}, minutes); }
    template <class Kind, class T>
    void list(const char* key, Kind kind, const std::vector<T>& values) {
        std::string text;
        for (const T& value : values) {
            text += (text.empty() ? "" : ", ") + dress(kind, schema::write(kind, value, how_));
        }
        line(key, "[" + text + "]");
    }
    template <class Kind, class T>
    void list_may(const char* key, Kind kind, const std::vector<T>& values) {
        if (!values.empty()) {
            list(key, kind, values);
        }
    }
    template <class Body>
    void group(std::string_view key, Body body) {
        line(key, "");
        const std::size_t before = out_.size();
        ++depth_;
        body();
        --depth_;
        if (out_.size() == before) {  // All its keys are as usual.
            out_.insert(before - 1, " {}");
        }
    }
    template <class Body>
    void group_may(const char* key, bool usual, Body body) {
        if (!usual) {
            group(key, body);
        }
    }
    template <class Kind, class Row>
    void keyed(const char* key, Kind kind, const std::vector<Row>& rows) {
        if (rows.empty()) {
            return;
        }
        group(key, [&] {
            for (const Row& row : rows) {
                group(dress(kind, schema::write(kind, row.id, how_)),
                      [&] { schema::fields(*this, row); });
            }
        });
    }
    template <class Row>
    void rows(std::string_view key, const char*, const std::vector<Row>& rows) {
        if (rows.empty()) {
            return;
        }
        group(key, [&] {
            for (const Row& row : rows) {
                const std::size_t begin = out_.size();
                ++depth_;
                schema::fields(*this, row);
                --depth_;
                out_.replace(begin + depth_ * 2, 1, "-");
            }
        });
    }
    template <class Row, class Name, class List>
    void keyed_rows(const char* key, const char* identity, const std::vector<Row>& all, Name name,
                    List list) {
        if (all.empty()) {
            return;
        }
        group(key, [&] {
            for (const Row& row : all) {
                const std::string id = word((row.*name).value);
                if ((row.*list).empty()) {
                    line(id, "[]");
                }
                rows(id, identity, row.*list);
            }
        });
    }
    template <class NameKind, class Kind, class Row, class Name, class Value>
    void table(const char* key, NameKind, Kind kind, const std::vector<Row>& all, Name name,
               Value value) {
        group(key, [&] {
            for (const Row& row : all) {
                line(word((row.*name).value), dress(kind, schema::write(kind, row.*value, how_)));
            }
        });
    }
    void pair(const char* key, schema::Day kind, const Window& window) {
        line(key, fmt::format("[{}, {}]", dress(kind, schema::write(kind, window.from, how_)),
                              dress(kind, schema::write(kind, window.to, how_))));
    }
    void ordered(const char*, const Window&) {}

private:
    [[nodiscard]] std::string indent() const { return std::string(depth_ * 2, ' '); }

    schema::Writing how_;
    std::size_t depth_{0};
    std::string out_;
};

}  // namespace

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        out += c == '"' || c == '\\' ? "\\" : "";
        out += c;
    }
    return out + "\"";
}

std::string print(const Policy& policy) {
    Printer printer(policy.utc_offset_minutes);
    printer.line("khu_policy", "1");
    schema::fields(printer, policy);
    return printer.take();
}

}  // namespace khu::config
