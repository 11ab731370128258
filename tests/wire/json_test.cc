#include "wire/json.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/json/value.hpp>
#include <limits>
#include <map>
#include <set>

namespace khu::wire {
namespace {

enum class Ending { Completed, NodeFail, OutOfMemory };
KHU_DESCRIBE_ENUM(Ending, Completed, NodeFail, OutOfMemory)

struct Shape {
    std::int64_t gpus{1};
    std::uint8_t level{0};
    std::optional<NodeName> node;
    bool operator==(const Shape&) const = default;
};
KHU_DESCRIBE(Shape, gpus, level, node)

struct JobPlaced {
    AttemptKey key;
    Moment at;
    bool operator==(const JobPlaced&) const = default;
};
KHU_DESCRIBE(JobPlaced, key, at)

struct Nothing {
    bool operator==(const Nothing&) const = default;
};
KHU_DESCRIBE(Nothing)

using Event = std::variant<std::monostate, JobPlaced, Nothing>;

struct Everything {
    std::string name;
    bool held{false};
    Ending ending{Ending::Completed};
    Atoms amount;
    Span limit{hours(1)};
    JobId job;
    EnterpriseId enterprise;
    std::uint64_t largest{0};
    std::int32_t small{0};
    Shape shape;
    std::vector<Shape> shapes;
    std::vector<bool> flags;
    std::map<std::string, std::string> env;
    std::map<GrantId, Atoms> grants;
    std::map<JobId, std::vector<Event>> events;
    std::map<Ending, std::int64_t> endings;
    std::map<AttemptKey, Ending> attempts;
    std::set<std::string> words;
    std::pair<std::string, int> pair;
    std::array<int, 3> three{};
    std::optional<std::int64_t> maybe;
    Datum datum;
    bool operator==(const Everything&) const = default;
};
KHU_DESCRIBE(Everything, name, held, ending, amount, limit, job, enterprise, largest, small, shape,
             shapes, flags, env, grants, events, endings, attempts, words, pair, three, maybe,
             datum)

template <class T>
T read_back(std::string_view text) {
    Expected<T, JsonError> read = from_json_text<T>(text, Unknown::Refuse);
    EXPECT_TRUE(read.has_value()) << khu::wire::text(read.error()) << "\n" << text;
    return *std::move(read);
}

template <class T>
std::string complaint(std::string_view json, Unknown unknown = Unknown::Refuse) {
    const Expected<T, JsonError> read = from_json_text<T>(json, unknown);
    return read ? std::string("none") : text(read.error());
}

// Generators: whole values of every kind the codec knows.

std::string any_text() {
    // Every code point but surrogates, as UTF-8, with the ones JSON escapes more often.
    const auto points = *rc::gen::container<std::vector<char32_t>>(rc::gen::oneOf(
        rc::gen::inRange<char32_t>(0, 128), rc::gen::elementOf(std::vector<char32_t>{'"', '\\', 0}),
        rc::gen::inRange<char32_t>(128, 0xd800), rc::gen::inRange<char32_t>(0xe000, 0x110000)));
    std::string out;
    const auto put = [&](char32_t bits) { out += static_cast<char>(bits); };
    for (const char32_t c : points) {
        if (c < 0x80) {
            put(c);
        } else if (c < 0x800) {
            put(0xc0 | (c >> 6)), put(0x80 | (c & 63));
        } else if (c < 0x10000) {
            put(0xe0 | (c >> 12)), put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
        } else {
            put(0xf0 | (c >> 18)), put(0x80 | (c >> 12 & 63));
            put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
        }
    }
    return out;
}

std::int64_t any_number() {
    return *rc::gen::oneOf(rc::gen::arbitrary<std::int64_t>(),
                           rc::gen::element(std::numeric_limits<std::int64_t>::min(),
                                            std::numeric_limits<std::int64_t>::max()));
}

AttemptKey any_key() {
    return {JobId{*rc::gen::arbitrary<std::uint64_t>()},
            AttemptNumber{*rc::gen::inRange<std::uint64_t>(0, 9)}};
}

Ending any_ending() {
    return *rc::gen::element(Ending::Completed, Ending::NodeFail, Ending::OutOfMemory);
}

Shape any_shape() {
    return {.gpus = any_number(),
            .level = *rc::gen::arbitrary<std::uint8_t>(),
            .node = *rc::gen::element(0, 1) == 0 ? std::nullopt
                                                 : std::optional<NodeName>(NodeName{any_text()})};
}

Event any_event() {
    switch (*rc::gen::inRange(0, 3)) {
        case 0:
            return std::monostate{};
        case 1:
            return JobPlaced{any_key(), Moment{any_number()}};
        default:
            return Nothing{};
    }
}

Everything any_everything() {
    Everything one{.name = any_text(),
                   .held = *rc::gen::arbitrary<bool>(),
                   .ending = any_ending(),
                   .amount = Atoms{any_number()},
                   .limit = Span{any_number()},
                   .job = JobId{std::numeric_limits<std::uint64_t>::max()},
                   .enterprise = EnterpriseId{any_text()},
                   .largest = *rc::gen::arbitrary<std::uint64_t>(),
                   .small = *rc::gen::arbitrary<std::int32_t>(),
                   .shape = any_shape(),
                   .shapes = {any_shape(), any_shape()},
                   .flags = *rc::gen::arbitrary<std::vector<bool>>(),
                   .env = {{any_text(), any_text()}, {any_text(), any_text()}},
                   .grants = {{GrantId{any_text()}, Atoms{any_number()}}},
                   .events = {{JobId{7}, {any_event(), any_event()}}},
                   .endings = {{any_ending(), any_number()}},
                   .attempts = {{any_key(), any_ending()}},
                   .words = {any_text(), any_text()},
                   .pair = {any_text(), *rc::gen::arbitrary<int>()},
                   .three = {1, -2, 3},
                   .maybe = any_number(),
                   .datum = {any_text(), any_number()}};
    if (one.held) {
        one.maybe.reset();
        one.datum.value = any_text();
    }
    return one;
}

TEST(Json, WritesEachKindAsTheHeaderSays) {
    Everything one;
    one.name = "a\"b\\\n\x01é";
    one.ending = Ending::NodeFail;
    one.enterprise = EnterpriseId{"0401000001"};
    one.shape = {.gpus = 8, .level = 2, .node = NodeName{"gn01"}};
    one.flags = {true, false};
    const JobPlaced placed{{JobId{7}, AttemptNumber{1}}, Moment{5}};
    one.events = {{JobId{7}, {placed, Nothing{}, std::monostate{}}}};
    one.endings = {{Ending::OutOfMemory, 3}};
    one.attempts = {{{JobId{7}, AttemptNumber{1}}, Ending::Completed}};
    one.pair = {"p", 1};
    one.datum = {"gpus", std::string("8")};

    EXPECT_EQ(to_json_text(one),
              R"({"name":"a\"b\\\n\u0001é","held":false,"ending":"node_fail","amount":0,)"
              R"("limit":3600000,"job":0,"enterprise":"0401000001","largest":0,"small":0,)"
              R"("shape":{"gpus":8,"level":2,"node":"gn01"},"shapes":[],"flags":[true,false],)"
              R"("env":{},"grants":{},"events":{"7":[{"job_placed":{"key":{"job":7,"attempt":1},)"
              R"("at":5}},{"nothing":{}},null]},"endings":{"out_of_memory":3},)"
              R"("attempts":[[{"job":7,"attempt":1},"completed"]],"words":[],"pair":["p",1],)"
              R"("three":[0,0,0],"maybe":null,"datum":{"key":"gpus","value":"8"}})");
}

TEST(Json, ReadsBackWhatItWrote) {
    EXPECT_TRUE(rc::check("every value reads back as itself", [] {
        const Everything one = any_everything();

        RC_ASSERT(read_back<Everything>(to_json_text(one)) == one);
    }));
}

TEST(Json, ReadsTheSameThroughAValue) {
    const Shape shape{.gpus = 4, .level = 1, .node = NodeName{"gn02"}};

    const boost::json::value value = to_json(shape);

    EXPECT_EQ(*from_json<Shape>(value, Unknown::Refuse), shape);
}

TEST(Json, KeepsTheDefaultOfAMissingKey) {
    EXPECT_EQ(read_back<Everything>("{}"), Everything{});
    EXPECT_EQ(read_back<Shape>(R"({"level":3})"), (Shape{.gpus = 1, .level = 3, .node = {}}));
}

TEST(Json, RefusesAnUnknownKeyInWhatPeopleWriteAndNamesTheNearest) {
    const std::string_view mistyped = R"({"shape":{"gpu":8}})";

    EXPECT_EQ(complaint<Everything>(mistyped), R"(shape.gpu: unknown key; did you mean "gpus"?)");
    EXPECT_EQ(complaint<Shape>(R"({"colour":1})"),
              "colour: unknown key; known are gpus, level, node");
    EXPECT_EQ(complaint<Everything>(mistyped, Unknown::Ignore), "none");
}

TEST(Json, NamesThePlaceOfAWrongValue) {
    EXPECT_EQ(complaint<Everything>(R"({"shapes":[{},{"gpus":"8"}]})"),
              "shapes[1].gpus: must be a whole number");
    EXPECT_EQ(complaint<Everything>(R"({"events":{"7":[{"job_placd":{}}]}})"),
              R"(events.7[0].job_placd: unknown key; did you mean "job_placed"?)");
    EXPECT_EQ(complaint<Everything>(R"({"events":{"07":[]}})"), "events.07: is not a valid key");
    EXPECT_EQ(complaint<Everything>(R"({"ending":"nodefail"})"),
              R"(ending: unknown value "nodefail"; did you mean "node_fail"?)");
    EXPECT_EQ(complaint<Everything>(R"({"three":[1,2]})"), "three: must be an array of 3");
    EXPECT_EQ(complaint<Everything>(R"({"name":null})"), "name: must be a string");
    EXPECT_EQ(complaint<Everything>(R"({"datum":{"value":true}})"),
              "datum.value: has the wrong kind");
    EXPECT_EQ(complaint<Everything>("[]"), "must be an object");
}

TEST(Json, ChecksTheRangeOfNumbers) {
    EXPECT_EQ(complaint<Shape>(R"({"level":256})"), "level: must be at most 255");
    EXPECT_EQ(complaint<Shape>(R"({"level":-1})"), "level: must not be negative");
    EXPECT_EQ(complaint<Shape>(R"({"gpus":9223372036854775808})"),
              "gpus: must be between -9223372036854775808 and 9223372036854775807");
    EXPECT_EQ(complaint<Shape>(R"({"gpus":1.0})"), "gpus: must be a whole number");
    EXPECT_EQ(complaint<Shape>(R"({"gpus":1e3})"), "gpus: must be a whole number");
    EXPECT_EQ(complaint<Everything>(R"({"small":2147483648})"),
              "small: must be between -2147483648 and 2147483647");
}

TEST(Json, SaysAtWhichByteATextStopsBeingJson) {
    const Expected<Shape, JsonError> read =
        from_json_text<Shape>(R"({"gpus":8,})", Unknown::Ignore);

    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().offset, 10);
    EXPECT_EQ(to_refusal(read.error()).code, Code::BadJson);
    EXPECT_NE(complaint<Shape>(""), "none");
    EXPECT_NE(complaint<Shape>("{} {}"), "none");
    EXPECT_NE(complaint<Shape>("{\"node\":\"\xff\"}"), "none");
    EXPECT_EQ(complaint<Shape>(" {} \n"), "none");
}

TEST(Json, EndsNestingAtThirtyTwo) {
    const auto nested = [](std::size_t depth) {
        return R"({"more":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
    };

    EXPECT_EQ(complaint<Shape>(nested(32), Unknown::Ignore), "none");
    EXPECT_EQ(complaint<Shape>(nested(33), Unknown::Ignore), "too deep at byte 39");
}

TEST(Json, ReplacesBytesThatAreNotUtf8SoThatWhatIsStoredReadsBack) {
    EXPECT_TRUE(rc::check("any bytes are written as JSON", [](const std::string& bytes) {
        const Shape shape{.node = NodeName{bytes}};

        RC_ASSERT(from_json_text<Shape>(to_json_text(shape), Unknown::Refuse).has_value());
    }));
    EXPECT_EQ(to_json_text(std::string("a\xff\xed\xa0\x80\xf4\x90z")),
              "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
}

TEST(Json, NeverFailsBadlyOnAMutatedText) {
    EXPECT_TRUE(rc::check("a mutated text is read or refused", [] {
        std::string text = to_json_text(any_everything());
        const auto edits = *rc::gen::inRange(1, 4);
        for (int i = 0; i < edits; ++i) {
            const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
            text[at] = *rc::gen::elementOf(std::string("{}[]\",:0-9.etfn \\\x01\xff"));
        }

        const Expected<Everything, JsonError> read =
            from_json_text<Everything>(text, Unknown::Ignore);

        const bool answered = read ? true : !read.error().why.empty();
        RC_ASSERT(answered);
    }));
}

TEST(Json, WritesCodesByTheirNames) {
    const Refusal refusal = Refusal(Code::GrantTooSmall).with("gpus", 8).with("grant", "DN-1");

    EXPECT_EQ(to_json_text(refusal),
              R"({"code":"grant_too_small","data":[{"key":"gpus","value":8},)"
              R"({"key":"grant","value":"DN-1"}]})");
    EXPECT_EQ(read_back<Refusal>(to_json_text(refusal)), refusal);
}

TEST(Json, MakesSnakeCase) {
    EXPECT_EQ(snake_case("JobPlaced"), "job_placed");
    EXPECT_EQ(snake_case("NVLink"), "nv_link");
    EXPECT_EQ(snake_case("H100Sxm"), "h100_sxm");
    EXPECT_EQ(snake_case("already_snake"), "already_snake");
}

struct Parity {
    bool odd{false};
    bool operator==(const Parity&) const = default;
};

}  // namespace

template <>
struct JsonForm<Parity> {
    using Form = std::string;
    static Form to(const Parity& parity) { return parity.odd ? "odd" : "even"; }
    static std::optional<Parity> from(const Form& form) {
        if (form != "odd" && form != "even") {
            return std::nullopt;
        }
        return Parity{form == "odd"};
    }
};

namespace {

TEST(Json, LetsATypeBeWrittenAsAnother) {
    EXPECT_EQ(to_json_text(std::vector<Parity>{{true}, {false}}), R"(["odd","even"])");
    EXPECT_EQ(read_back<Parity>(R"("odd")"), Parity{true});
    EXPECT_EQ(complaint<Parity>(R"("neither")"), "is not a valid parity");
}

TEST(Json, SharesAndOwnsThroughPointers) {
    const auto shape = std::make_shared<const Shape>(Shape{.gpus = 3, .node = {}});

    const auto back = read_back<std::shared_ptr<const Shape>>(to_json_text(shape));

    ASSERT_NE(back, nullptr);
    EXPECT_EQ(*back, *shape);
    EXPECT_EQ(read_back<std::unique_ptr<Shape>>("null"), nullptr);
}

}  // namespace
}  // namespace khu::wire
