// Policies come from people. Whatever text is read must print and read back as the same policy,
// every complaint has a place, and nothing is thrown.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/policy_reader.h"
#include "config/print.h"
#include "core/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const khu::config::PolicyCheck check = khu::config::check_policy(text, "f", {});
    for (const khu::Complaint& complaint : check.complaints) {
        KHU_CHECK(complaint.line > 0 && complaint.column > 0);
        KHU_CHECK(!complaint.text_en.empty() && !complaint.text_vi.empty());
    }
    if (check.policy) {
        const auto again = khu::config::read_policy(khu::config::print(*check.policy), "f");
        KHU_CHECK(again && *again == *check.policy);
    }
    return 0;
}
