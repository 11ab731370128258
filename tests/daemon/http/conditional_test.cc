#include "daemon/http/conditional.h"

#include <gtest/gtest.h>

namespace khu::daemon {
namespace {

wire::net::Request asking(const std::string& if_none_match) {
    wire::net::Request request{.method = "GET"};
    if (!if_none_match.empty()) {
        request.headers.emplace_back("If-None-Match", if_none_match);
    }
    return request;
}

wire::net::Response saying(const std::string& body) {
    wire::net::Response response;
    response.body = body;
    return response;
}

TEST(Conditional, AnAnswerThatTheCallerHasComesWithoutItsBody) {
    const wire::net::Response first = conditional(asking(""), saying("{}"));
    const std::string tag(first.header("ETag"));

    const wire::net::Response second = conditional(asking("\"x\", W/" + tag), saying("{}"));
    const wire::net::Response changed = conditional(asking(tag), saying("{\"a\":1}"));

    EXPECT_EQ(tag.size(), 34U);
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(second.status, 304);
    EXPECT_EQ(second.header("ETag"), tag);
    EXPECT_EQ(second.body, "");
    EXPECT_EQ(changed.status, 200);
    EXPECT_NE(changed.header("ETag"), tag);
}

TEST(Conditional, ATagOfItsOwnStaysAndRefusalsHaveNone) {
    wire::net::Response policy = saying("{}");
    policy.headers.emplace_back("ETag", "\"e2e.1\"");
    wire::net::Response refusal = saying("{}");
    refusal.status = 404;

    EXPECT_EQ(conditional(asking("\"e2e.1\""), policy).status, 304);
    EXPECT_EQ(conditional(asking("*"), refusal).status, 404);
    EXPECT_EQ(conditional(asking(""), refusal).header("ETag"), "");
}

TEST(Conditional, TagsAreComparedWhole) {
    EXPECT_TRUE(names_tag("*", "\"a\""));
    EXPECT_TRUE(names_tag(" \"b\" ,\"a\"", "\"a\""));
    EXPECT_FALSE(names_tag("\"ab\"", "\"a\""));
    EXPECT_FALSE(names_tag(",,", "\"a\""));
}

}  // namespace
}  // namespace khu::daemon
