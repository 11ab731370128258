#include "config/default_policy.h"

#include <fmt/format.h>

#include "config/values.h"
#include "core/base/check.h"

namespace khu::config {

std::string default_policy_text(const ZoneId& zone) {
    KHU_CHECK(parse_identifier(zone.value).has_value(), "zone {}", zone.value);
    return fmt::format(
        R"(# The policy that a new zone starts with. Nobody can submit under it: write your
# own, beginning from config/examples, then: khu policy check FILE && khu policy apply FILE
khu_policy: 1

policy:
  id: {0}-default
  effective_from: "2025-01-01T00:00:00+07:00"
  utc_offset: "+07:00"

zone:
  id: {0}
  name: "{0}"

units:
  reference_gpu: a100-80
  weights_milli:
    a100-80: 1000
  price_list:                              # no programme uses it yet
    - {{from: "2025-01-01", rate: "1 VND/GPUh"}}
)",
        zone.value);
}

}  // namespace khu::config
