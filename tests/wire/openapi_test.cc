// docs/api/openapi.yaml says what the structs of wire/api.h say, for every route that khud has.
// KHU_UPDATE_GOLDEN=1 in the environment writes the file anew.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/wire/openapi_schema.h"
#include "wire/api.h"
#include "wire/api_calendar.h"
#include "wire/api_resources.h"
#include "wire/stats.h"

namespace khu::wire::tests {
namespace {

struct Nothing {};
struct Text {};

struct Documented {
    std::string method, path, query, sent, answered, sentence;
};

template <class T>
std::string schema_of(Schemas& schemas) {
    if constexpr (std::is_same_v<T, Nothing> || std::is_same_v<T, Text>) {
        return std::is_same_v<T, Text> ? "text" : "";
    } else {
        return schemas.of<T>();
    }
}

std::vector<Documented> routes(Schemas& schemas) {
    return {
#define KHU_ROUTE(method, path, query, Sent, Answered, sentence) \
    {method, path, query, schema_of<Sent>(schemas), schema_of<Answered>(schemas), sentence},
#include "tests/wire/openapi_routes.def"
#undef KHU_ROUTE
    };
}

std::string parameters(const Documented& route) {
    std::string lines;
    const std::regex part("\\{(\\w+)\\}");
    for (std::sregex_iterator it(route.path.begin(), route.path.end(), part), end; it != end;
         ++it) {
        lines += "        - {name: " + (*it)[1].str() +
                 ", in: path, required: true, schema: {type: string}}\n";
    }
    std::istringstream names(route.query);
    for (std::string name; names >> name;) {
        lines += "        - {name: " + name + ", in: query, schema: {type: string}}\n";
    }
    return lines.empty() ? "" : "      parameters:\n" + lines;
}

std::string answer(const std::string& schema) {
    if (schema.empty()) {
        return "        '204': {description: Done.}\n";
    }
    return schema == "text"
               ? "        '200': {description: Done., content: {'*/*': {schema: {type: string}}}}\n"
               : "        '200': {description: Done., content: {application/json: {schema: " +
                     schema + "}}}\n";
}

std::string operation(const Documented& route) {
    std::string text = "    " + route.method + ":\n      summary: '" +
                       std::regex_replace(route.sentence, std::regex("'"), "''") + "'\n" +
                       parameters(route);
    if (!route.sent.empty()) {
        text += "      requestBody: {required: true, content: {application/json: {schema: " +
                route.sent + "}}}\n";
    }
    return text + "      responses:\n" + answer(route.answered) +
           "        default: {$ref: '#/components/responses/Refused'}\n";
}

constexpr const char* kHead = R"(# Made by tests/wire/openapi_test.cc of wire/api.h; do not edit.
openapi: 3.0.3
info:
  title: Khu
  version: v1
  description: >
    One zone's API, over HTTPS and over the Unix socket. Amounts are integers with their unit as the
    last word of the key (ugs: 1e-6 reference-GPU-seconds, mvnd: thousandths of a dong, bytes, s);
    keys that end in _at are times in UTC, RFC 3339, and null where there is none. Unknown keys in a
    request are refused. A listing comes in pages: while `next` is not empty, ask again with it in
    `after`. An answer's ETag in If-None-Match gives 304 while it is the same; the policy's in
    If-Match keeps an apply from undoing another's. Who asks too fast gets 429 with Retry-After. The
    lines of /v1/events are described in docs/formats/events.md. Every refusal is
    application/problem+json with a code of docs/refusals.
security:
  - token: []
paths:
)";

constexpr const char* kComponents = R"(components:
  securitySchemes:
    token: {type: http, scheme: bearer}
  responses:
    Refused:
      description: The zone says no, or a fault; `code` has its page.
      content: {application/problem+json: {schema: {$ref: '#/components/schemas/Problem'}}}
  schemas:
)";

std::string document() {
    Schemas schemas;
    schemas.of<Problem>();
    std::string text = kHead, last;
    for (const Documented& route : routes(schemas)) {
        text += route.path == last ? "" : "  " + route.path + ":\n";
        text += operation(route);
        last = route.path;
    }
    text += kComponents;
    for (const auto& [name, properties] : schemas.all()) {
        text += "    " + name + ":\n      type: object\n      properties:\n" + properties;
    }
    return text;
}

std::string read(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(OpenApi, SaysWhatTheStructsSay) {
    const std::string path = std::string(KHU_SOURCE_DIR) + "/docs/api/openapi.yaml";
    const std::string text = document();
    if (std::getenv("KHU_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(path) << text;
    }

    EXPECT_EQ(read(path), text) << "KHU_UPDATE_GOLDEN=1 wire_openapi_test writes it anew";
}

TEST(OpenApi, NamesEveryRouteThatKhudHas) {
    const std::string source = read(std::string(KHU_SOURCE_DIR) + "/daemon/http/routes.cc");
    std::set<std::string> served;
    const std::regex route(R"rx(Route\{"([A-Z]+)", "([^"]+)")rx");
    for (std::sregex_iterator it(source.begin(), source.end(), route), end; it != end; ++it) {
        served.insert((*it)[1].str() + " " + (*it)[2].str());
    }

    Schemas schemas;
    std::set<std::string> described;
    for (const Documented& each : routes(schemas)) {
        std::string method = each.method;
        std::ranges::transform(method, method.begin(), [](char c) { return char(c - 'a' + 'A'); });
        const std::string path = std::regex_replace(each.path, std::regex("\\{\\w+\\}"), "{}");
        const std::string exact = method + " " + path;
        // One route may serve several verbs: "/v1/jobs/{}/{}".
        const std::string by_verb = exact.substr(0, exact.rfind('/')) + "/{}";
        described.insert(served.contains(exact) ? exact : by_verb);
    }

    EXPECT_FALSE(served.empty());
    EXPECT_EQ(described, served);
}

}  // namespace
}  // namespace khu::wire::tests
