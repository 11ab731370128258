// What is stored of tokens, and what the API shows of them.

#include <gtest/gtest.h>

#include "daemon/identity.h"
#include "wire/json.h"

namespace khu::daemon {
namespace {

TEST(StoredToken, OfAnOlderReleaseIsReadAndShownInTheApisTime) {
    const std::string stored =
        R"({"view":{"id":"a1","user":"an","enterprise":"0401000001","kind":"user",)"
        R"("roles":["member"],"created_at":1772413200000,"expires_at":1780189200000,)"
        R"("last_used_at":0,"revoked":false},"hash":"00","node":"","uid":1000,"gid":1000})";

    const auto record = wire::from_json_text<TokenRecord>(stored, wire::Unknown::Refuse);

    ASSERT_TRUE(record.has_value()) << text(record.error());
    EXPECT_EQ(wire::to_json_text(*record), stored);
    EXPECT_EQ(wire::to_json_text(token_view(record->view)),
              R"({"id":"a1","user":"an","enterprise":"0401000001","kind":"user",)"
              R"("roles":["member"],"created_at":"2026-03-02T01:00:00Z",)"
              R"("expires_at":"2026-05-31T01:00:00Z","last_used_at":null,"revoked":false})");
}

}  // namespace
}  // namespace khu::daemon
