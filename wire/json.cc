#include "wire/json.h"

#include <fmt/format.h>

#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>

#include "core/base/nearest.h"

namespace khu::wire {

namespace json = boost::json;

std::string text(const JsonError& error) {
    if (error.offset >= 0) {
        return fmt::format("{} at byte {}", error.why, error.offset);
    }
    return error.path.empty() ? error.why : fmt::format("{}: {}", error.path, error.why);
}

Refusal to_refusal(const JsonError& error) {
    if (error.offset >= 0) {
        return Refusal(Code::BadJson).with("why", error.why).with("offset", error.offset);
    }
    return Refusal(Code::BadField)
        .with("field", error.path.empty() ? std::string("body") : error.path)
        .with("why", error.why);
}

std::string snake_case(std::string_view pascal_case) {
    const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    std::string out;
    for (std::size_t i = 0; i < pascal_case.size(); ++i) {
        const char c = pascal_case[i];
        if (!upper(c)) {
            out += c;
            continue;
        }
        const bool word_began = i > 0 && !upper(pascal_case[i - 1]) && pascal_case[i - 1] != '_';
        const bool word_begins = i > 0 && upper(pascal_case[i - 1]) && i + 1 < pascal_case.size() &&
                                 pascal_case[i + 1] >= 'a' && pascal_case[i + 1] <= 'z';
        if (word_began || word_begins) {
            out += '_';
        }
        out += static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

namespace detail {

/// One step of the way from the root to a value; the steps lie on the stack of the readers.
struct Place {
    const Place* up;
    std::string_view key;    ///< of an object's member,
    std::int64_t index{-1};  ///< or the position in an array
};

/// What one reading shares.
struct Reading {
    Unknown unknown;
    std::optional<JsonError> error;
};

namespace {

std::string path_of(const Place* place) {
    if (place == nullptr) {
        return {};
    }
    std::string path = path_of(place->up);
    if (place->index >= 0) {
        return path + fmt::format("[{}]", place->index);
    }
    return path.empty() ? std::string(place->key) : path + "." + std::string(place->key);
}

/// "; did you mean "gpus"?", "; known are a, b", or nothing when there are many.
std::string hint(std::string_view word, std::span<const std::string_view> known) {
    constexpr std::size_t few = 8;
    if (const std::optional<std::string_view> near = nearest(word, known)) {
        return fmt::format("; did you mean \"{}\"?", *near);
    }
    if (known.empty() || known.size() > few) {
        return {};
    }
    return fmt::format("; known are {}", fmt::join(known, ", "));
}

template <class Items, class Project>
std::vector<std::string_view> words_of(const Items& items, Project project) {
    std::vector<std::string_view> words;
    for (const auto& item : items) {
        words.emplace_back(project(item));
    }
    return words;
}

/// Length of the UTF-8 sequence at the start of `text`, 0 if it is none (RFC 3629: shortest form,
/// no surrogates, up to U+10FFFF).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return tail(1) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
        const unsigned high = first == 0xed ? 0x9f : 0xbf;
        return byte(1) >= low && byte(1) <= high && tail(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const unsigned low = first == 0xf0 ? 0x90 : 0x80;
        const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
        return byte(1) >= low && byte(1) <= high && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

void write_control(std::string& out, char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    switch (c) {
        case '\n':
            out += "\\n";
            return;
        case '\t':
            out += "\\t";
            return;
        case '\r':
            out += "\\r";
            return;
        default:
            out += "\\u00";
            out += digits[static_cast<unsigned char>(c) >> 4];
            out += digits[static_cast<unsigned char>(c) & 15];
    }
}

constexpr std::array<bool, 256> make_plain() {
    std::array<bool, 256> plain{};
    for (std::size_t c = 0x20; c < 0x7f; ++c) {
        plain[c] = c != '"' && c != '\\';
    }
    return plain;
}
/// Bytes that stand in a JSON string as they are, whatever stands beside them.
constexpr std::array<bool, 256> kPlain = make_plain();

/// Writes the one character at the start of `text` that is not plain; returns its length.
std::size_t write_special(std::string& out, std::string_view text) {
    const char c = text.front();
    if (c == '"' || c == '\\') {
        out += '\\';
        out += c;
        return 1;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        write_control(out, c);
        return 1;
    }
    const std::size_t length = utf8_length(text);
    if (length == 0) {
        out += "\xef\xbf\xbd";  // U+FFFD
        return 1;
    }
    out += text.substr(0, length);
    return length;
}

template <class N>
void write_digits(std::string& out, N number) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

template <class N>
std::optional<N> number_of_key(std::string_view key) {
    N number{};
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    const bool whole = error == std::errc{} && end == key.data() + key.size();
    if (!whole || std::to_string(number) != key) {  // one spelling for each key
        return std::nullopt;
    }
    return number;
}

std::string_view view(const json::string& text) {
    return {text.data(), text.size()};
}
std::string_view view(json::string_view text) {
    return {text.data(), text.size()};
}

}  // namespace

// Writing.

void write_text(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        std::size_t plain = 0;
        while (plain < text.size() && kPlain[static_cast<unsigned char>(text[plain])]) {
            ++plain;
        }
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (!text.empty()) {
            text.remove_prefix(write_special(out, text));
        }
    }
    out += '"';
}

void write_integer(std::string& out, std::int64_t number) {
    write_digits(out, number);
}

void write_natural(std::string& out, std::uint64_t number) {
    write_digits(out, number);
}

void write_real(std::string& out, double number) {
    if (std::isfinite(number)) {
        write_digits(out, number);  // the shortest that reads back as the same
    } else {
        out += "null";
    }
}

std::string_view name_of(std::span<const EnumName> names, std::int64_t value) {
    const auto index = static_cast<std::size_t>(value);
    if (index < names.size() && names[index].value == value) {
        return names[index].name;
    }
    for (const EnumName& one : names) {
        if (one.value == value) {
            return one.name;
        }
    }
    KHU_CHECK(false, "enumerator {} is not described", value);
    return {};
}

void write_enumerator(std::string& out, std::span<const EnumName> names, std::int64_t value) {
    out += '"';
    out += name_of(names, value);
    out += '"';
}

void write_object(std::string& out, std::span<const Field> fields, const void* object) {
    char before = '{';
    for (const Field& field : fields) {
        out += before;
        out += '"';
        out += field.name;
        out += "\":";
        field.write(out, object);
        before = ',';
    }
    out += fields.empty() ? "{}" : "}";
}

std::string_view code_name(Code code) {
    return info(code).name;
}

std::optional<std::int64_t> integer_of_key(std::string_view key) {
    return number_of_key<std::int64_t>(key);
}

std::optional<std::uint64_t> natural_of_key(std::string_view key) {
    return number_of_key<std::uint64_t>(key);
}

std::optional<std::int64_t> enumerator_of_key(std::span<const EnumName> names,
                                              std::string_view key) {
    for (const EnumName& one : names) {
        if (one.name == key) {
            return one.value;
        }
    }
    return std::nullopt;
}

// Reading.

bool Reader::is_null() const {
    return value_->is_null();
}
bool Reader::is_integer() const {
    return value_->is_int64() || value_->is_uint64();
}
bool Reader::is_number() const {
    return value_->is_number();
}
bool Reader::is_string() const {
    return value_->is_string();
}
bool Reader::is_bool() const {
    return value_->is_bool();
}
std::size_t Reader::size() const {
    return value_->is_array() ? value_->get_array().size() : 0;
}

bool Reader::fail(std::string why) {
    if (!reading_->error) {
        reading_->error = JsonError{.path = path_of(place_), .why = std::move(why)};
    }
    return false;
}

bool Reader::boolean(bool& out) {
    if (!value_->is_bool()) {
        return fail("must be true or false");
    }
    out = value_->get_bool();
    return true;
}

bool Reader::integer(std::int64_t low, std::int64_t high, std::int64_t& out) {
    if (value_->is_int64() && value_->get_int64() >= low && value_->get_int64() <= high) {
        out = value_->get_int64();
        return true;
    }
    return is_integer() ? fail(fmt::format("must be between {} and {}", low, high))
                        : fail("must be a whole number");
}

bool Reader::natural(std::uint64_t high, std::uint64_t& out) {
    if (value_->is_int64() && value_->get_int64() >= 0) {
        out = static_cast<std::uint64_t>(value_->get_int64());
    } else if (value_->is_uint64()) {
        out = value_->get_uint64();
    } else {
        return fail(value_->is_int64() ? "must not be negative" : "must be a whole number");
    }
    return out <= high || fail(fmt::format("must be at most {}", high));
}

bool Reader::real(double& out) {
    if (!value_->is_number()) {
        return fail("must be a number");
    }
    out = value_->is_double()  ? value_->get_double()
          : value_->is_int64() ? static_cast<double>(value_->get_int64())
                               : static_cast<double>(value_->get_uint64());
    return true;
}

bool Reader::text(std::string_view& out) {
    if (!value_->is_string()) {
        return fail("must be a string");
    }
    out = view(value_->get_string());
    return true;
}

bool Reader::text(std::string& out) {
    std::string_view words;
    const bool good = text(words);
    out = words;
    return good;
}

bool Reader::enumerator(std::span<const EnumName> names, std::int64_t& out) {
    std::string_view word;
    if (!text(word)) {
        return false;
    }
    const std::optional<std::int64_t> value = enumerator_of_key(names, word);
    if (!value) {
        const auto known = words_of(names, [](const EnumName& one) { return one.name.c_str(); });
        return fail(fmt::format("unknown value \"{}\"{}", word.substr(0, 64), hint(word, known)));
    }
    out = *value;
    return true;
}

bool Reader::code(Code& out) {
    std::string_view word;
    if (!text(word)) {
        return false;
    }
    for (const CodeInfo& one : all_codes()) {
        if (one.name == word) {
            out = one.code;
            return true;
        }
    }
    return fail(fmt::format("unknown code \"{}\"", word.substr(0, 64)));
}

bool Reader::object(std::span<const Field> fields, void* out) {
    if (!value_->is_object()) {
        return fail("must be an object");
    }
    std::size_t next = 0;  // our own texts keep the order, so the next member is most likely it
    for (const json::key_value_pair& entry : value_->get_object()) {
        const std::string_view key = view(entry.key());
        std::size_t at = next;
        if (at >= fields.size() || fields[at].name != key) {
            at = 0;
            while (at < fields.size() && fields[at].name != key) {
                ++at;
            }
        }
        const Place place{.up = place_, .key = key};
        Reader member(entry.value(), &place, *reading_);
        if (at < fields.size()) {
            next = at + 1;
            if (!fields[at].read(member, out)) {
                return false;
            }
        } else if (reading_->unknown == Unknown::Refuse) {
            const auto known = words_of(fields, [](const Field& one) { return one.name; });
            return member.fail("unknown key" + hint(key, known));
        }
    }
    return true;
}

bool Reader::items(bool (*one)(Reader, std::size_t, void*), void* out) {
    if (!value_->is_array()) {
        return fail("must be an array");
    }
    std::size_t index = 0;
    for (const json::value& item : value_->get_array()) {
        const Place place{.up = place_, .key = {}, .index = static_cast<std::int64_t>(index)};
        if (!one(Reader(item, &place, *reading_), index, out)) {
            return false;
        }
        ++index;
    }
    return true;
}

bool Reader::exact_items(std::size_t count, bool (*one)(Reader, std::size_t, void*), void* out) {
    if (value_->is_array() && value_->get_array().size() != count) {
        return fail(fmt::format("must be an array of {}", count));
    }
    return items(one, out);
}

bool Reader::entries(bool (*one)(Reader, std::string_view key, void*), void* out) {
    if (!value_->is_object()) {
        return fail("must be an object");
    }
    for (const json::key_value_pair& entry : value_->get_object()) {
        const std::string_view key = view(entry.key());
        const Place place{.up = place_, .key = key};
        if (!one(Reader(entry.value(), &place, *reading_), key, out)) {
            return false;
        }
    }
    return true;
}

bool Reader::tagged(std::span<const std::string> names, bool (*one)(Reader, std::size_t, void*),
                    void* out) {
    if (!value_->is_object() || value_->get_object().size() != 1) {
        return fail("must be an object with one key");
    }
    const json::key_value_pair& entry = *value_->get_object().begin();
    const std::string_view key = view(entry.key());
    const Place place{.up = place_, .key = key};
    Reader member(entry.value(), &place, *reading_);
    for (std::size_t index = 0; index < names.size(); ++index) {
        if (names[index] == key) {
            return one(member, index, out);
        }
    }
    const auto known = words_of(names, [](const std::string& name) { return name.c_str(); });
    return member.fail("unknown key" + hint(key, known));
}

std::optional<JsonError> read_value(const json::value& value, Unknown unknown,
                                    bool (*read)(Reader, void*), void* out) {
    Reading reading{.unknown = unknown, .error = {}};
    const bool good = read(Reader(value, nullptr, reading), out);
    KHU_CHECK(good != reading.error.has_value());
    return std::move(reading.error);
}

std::optional<JsonError> read_text(std::string_view text, Unknown unknown,
                                   bool (*read)(Reader, void*), void* out) {
    constexpr std::size_t usual = 4096;  // most texts are parsed without touching the heap
    std::array<unsigned char, usual> parsing;
    std::array<unsigned char, usual> parsed;
    json::monotonic_resource resource(parsed.data(), parsed.size());
    json::parser parser(json::storage_ptr{}, json::parse_options{}, parsing.data(), parsing.size());
    parser.reset(&resource);
    boost::system::error_code error;
    const std::size_t used = parser.write_some(text.data(), text.size(), error);
    if (!error && used < text.size()) {
        error = json::error::extra_data;
    }
    if (error) {
        return JsonError{
            .path = {}, .why = error.message(), .offset = static_cast<std::int64_t>(used)};
    }
    const json::value value = parser.release();
    return read_value(value, unknown, read, out);
}

void parse_own(std::string_view text, json::value& out) {
    boost::system::error_code error;
    out = json::parse({text.data(), text.size()}, error);
    KHU_CHECK(!error, "{}", error.message());
}

}  // namespace detail
}  // namespace khu::wire
