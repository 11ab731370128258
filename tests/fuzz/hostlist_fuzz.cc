// Host lists come from policy files and command lines. Whatever is expanded must survive being
// compressed and expanded again, and never be longer than the zone can be.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/policy/hostlist.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto nodes = khu::expand_hostlist(text);
    if (!nodes) {
        KHU_CHECK(nodes.error().offset <= size, "offset {} of {}", nodes.error().offset, size);
        return 0;
    }
    KHU_CHECK(nodes->size() <= std::size_t(khu::limits::nodes_max), "{} names", nodes->size());
    const auto again = khu::expand_hostlist(khu::compress_hostlist(*nodes));
    KHU_CHECK(again && *again == *nodes);
    return 0;
}
