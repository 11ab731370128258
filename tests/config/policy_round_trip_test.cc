// Invariant I-31: parse(print(policy)) == policy, for policies made at random over the whole
// schema.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "config/policy_reader.h"
#include "config/print.h"
#include "core/base/random.h"
#include "core/policy/diff.h"
#include "core/policy/schema.h"
#include "tests/config/policy_texts.h"

namespace khu::config {
namespace {

/// The visitor of the schema that fills a policy with well-formed values; each optional key half
/// the time.
class Filler {
public:
    explicit Filler(std::uint64_t seed) : random_(seed) {}

    template <class Kind, class T>
    void must(const char*, Kind kind, T& value) {
        value = T(make(kind));
    }
    template <class T>
    void must(const char*, schema::Whole kind, T& value) {
        value = static_cast<T>(random_.between(kind.low, kind.high));
    }
    void must(const char*, schema::Hostlist, std::vector<NodeName>& nodes) {
        for (int i = 0; i <= static_cast<int>(random_.below(6)); ++i) {
            nodes.emplace_back(fmt::format("n{}x{:02}", ++nodes_, random_.below(4)));
        }
    }
    template <class E>
    void must(const char*, schema::Word<E>, E& value) {
        const auto words = schema::words_of<E>();
        value = words[random_.below(words.size())].value;
    }
    template <class Kind, class T, class U>
    void may(const char* key, Kind kind, T& value, const U&) {
        if (random_.chance(500)) {
            must(key, kind, value);
        }
    }
    void offset(const char*, int& minutes) {
        minutes = static_cast<int>(random_.between(-12 * 4, 14 * 4)) * 15;
        offset_ = minutes;
    }
    template <class Kind, class T>
    void list(const char* key, Kind kind, std::vector<T>& values) {
        for (int i = 0; i <= static_cast<int>(random_.below(3)); ++i) {
            T value{};
            must(key, kind, value);
            if (std::find(values.begin(), values.end(), value) == values.end()) {
                values.push_back(value);
            }
        }
    }
    template <class Kind, class T>
    void list_may(const char* key, Kind kind, std::vector<T>& values) {
        if (random_.chance(500)) {
            list(key, kind, values);
        }
    }
    template <class Body>
    void group(const char*, Body body) {
        body();
    }
    template <class Body>
    void group_may(const char*, bool, Body body) {
        if (random_.chance(500)) {
            body();
        }
    }
    template <class Kind, class Row>
    void keyed(const char*, Kind kind, std::vector<Row>& rows) {
        for (std::uint64_t n = random_.below(4); n > 0; --n) {
            Row& row = rows.emplace_back();
            row.id = decltype(row.id)(unique(kind));
            schema::fields(*this, row);
        }
    }
    template <class Row>
    void rows(const char*, const char*, std::vector<Row>& rows) {
        for (std::uint64_t n = random_.below(4); n > 0; --n) {
            schema::fields(*this, rows.emplace_back());
        }
    }
    template <class Row, class Name, class List>
    void keyed_rows(const char* key, const char* identity, std::vector<Row>& all, Name name,
                    List list) {
        for (std::uint64_t n = random_.below(3); n > 0; --n) {
            Row& row = all.emplace_back();
            row.*name = PartitionId(unique(schema::Identifier{}));
            rows(key, identity, row.*list);
        }
    }
    template <class NameKind, class Kind, class Row, class Name, class Value>
    void table(const char* key, NameKind, Kind kind, std::vector<Row>& all, Name name,
               Value value) {
        for (std::uint64_t n = random_.below(4); n > 0; --n) {
            Row& row = all.emplace_back();
            (row.*name).value = unique(schema::Identifier{});
            must(key, kind, row.*value);
        }
    }
    void pair(const char* key, schema::Day kind, Window& window) {
        must(key, kind, window.from);
        window.to = window.from + days(random_.between(1, 900));
    }
    void ordered(const char*, Window& window) {
        if (window.to != kNever && window.to <= window.from) {
            window.to = window.from + days(random_.between(1, 900));
        }
    }

private:
    std::string pick(std::string_view alphabet, std::uint64_t most) {
        std::string out;
        for (std::uint64_t n = 1 + random_.below(most); n > 0; --n) {
            out += alphabet[random_.below(alphabet.size())];
        }
        return out;
    }
    std::string unique(schema::Identifier kind) {
        return fmt::format("{}-{}", make(kind), ++nodes_);
    }
    std::string unique(schema::TaxCode) { return fmt::format("{:010}", ++nodes_); }

    std::string make(schema::TaxCode) { return fmt::format("{:010}", random_.below(10'000)); }
    std::string make(schema::Identifier) {
        constexpr std::array<std::string_view, 6> traps{"null", "true", "no", "0", "1e3", "-"};
        return random_.chance(100) ? std::string(traps[random_.below(traps.size())])
                                   : pick("abcxyz019-", 12);
    }
    std::string make(schema::ZoneOrAny) {
        return random_.chance(200) ? "*" : make(schema::Identifier{});
    }
    std::string make(schema::Reference) { return pick("abcXYZ019._-", 20); }
    std::string make(schema::Text) {
        std::string text;
        constexpr std::array<std::string_view, 10> parts{"a",  "Đà Nẵng", "\"", "\\", ": ",
                                                         "# ", "%",       "'",  " ",  "{}[],&*!|>"};
        for (std::uint64_t n = 1 + random_.below(6); n > 0; --n) {
            text += parts[random_.below(parts.size())];
        }
        return text.substr(0, 20).find_last_of("\xC3\xE1\xBA\x90") == std::string::npos
                   ? text.substr(0, 20)
                   : "Đà Nẵng " + pick("ab: #", 6);
    }
    bool make(schema::Flag) { return random_.chance(500); }
    Atoms make(schema::GpuHours) { return gpu_hours(random_.between(1, 2'000'000'000)); }
    Mvnd make(schema::Dong) { return Mvnd{1000} * random_.between(1, 1'000'000'000'000); }
    std::int64_t make(schema::DongPerGpuHour) { return random_.between(1, 1'000'000'000'000); }
    int make(schema::Percent kind) {
        return static_cast<int>(random_.between(0, kind.permille_max));
    }
    Span make(schema::Duration) {
        constexpr std::array<std::int64_t, 4> units{1, 60, 3'600, 86'400};
        return seconds(units[random_.below(4)]) * random_.between(1, 36'600);
    }
    int make(schema::Months) { return static_cast<int>(random_.between(1, 240)); }
    Moment make(schema::Day) {
        return Moment{} + days(random_.between(-20'000, 300'000)) - minutes(offset_);
    }
    Moment make(schema::Instant) { return Moment{} + seconds(random_.between(0, 20'000'000'000)); }

    Random random_;
    int offset_{0};
    int nodes_{0};
};

Policy made_from(std::uint64_t seed) {
    Policy policy;
    Filler filler(seed);
    schema::fields(filler, policy);
    return policy;
}

TEST(PolicyRoundTrip, ReadingWhatWasPrintedGivesTheSamePolicy) {
    EXPECT_TRUE(rc::check([](std::uint64_t seed) {
        const Policy policy = made_from(seed);
        const std::string text = print(policy);
        const auto again = read_policy(text, "printed");
        if (!again) {
            RC_FAIL(show(again.error()[0], Language::English) + "\n" + text);
        }
        RC_ASSERT(*again == policy);
        RC_ASSERT(print(*again) == text);
        RC_ASSERT(diff(policy, *again).empty());
    }));
}

TEST(PolicyRoundTrip, TheFillerReachesTheWholeSchema) {
    std::set<std::string> last_words;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        for (const std::string& path : key_paths(made_from(seed))) {
            last_words.insert(path.substr(path.rfind('.') + 1));
        }
    }
    for (const char* key :
         {"permit", "max_running_jobs", "cancel_until", "payer", "borrow", "credit_limit",
          "per_user", "cores_per_gpu", "mem", "statement_scale"}) {
        EXPECT_TRUE(last_words.contains(key)) << key;
    }
}

TEST(PolicyRoundTrip, AnyTextIsReadOrRefusedNeverWorse) {
    const std::string example = example_text();
    EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
        Random random(seed);
        std::string text = example;
        for (int i = 0; i < 6; ++i) {
            const std::size_t at = random.below(text.size());
            const std::size_t size = random.below(20);
            const std::size_t from = random.below(text.size());
            text.replace(at, random.below(20), text.substr(from, size));
        }
        const PolicyCheck check = check_policy(text, "p.yaml", {});
        RC_ASSERT(check.policy.has_value() != refuses(check.complaints));
        for (const Complaint& complaint : check.complaints) {
            RC_ASSERT(complaint.line > 0);
        }
        if (check.policy) {
            RC_ASSERT(read_policy(print(*check.policy), "again").value() == *check.policy);
        }
    }));
}

}  // namespace
}  // namespace khu::config
