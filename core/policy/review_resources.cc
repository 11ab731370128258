// Counted resources: who may use them (P030), and less than is in use (P076).
#include <algorithm>

#include "core/policy/findings.h"

namespace khu::reviewing {
namespace {

/// P030 for each name of the list that is none of `known`.
template <class Id, class Rows>
void need_all(const std::vector<Id>& ids, const Rows& known, const Kind& kind,
              const std::string& at, Findings& out) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::vector<std::string_view> names = ids_of(known);
        if (std::find(names.begin(), names.end(), ids[i].value.str()) == names.end()) {
            out.unknown(fmt::format("{}[{}]", at, i), ids[i].value, kind, names);
        }
    }
}

}  // namespace

void review_resources(const Policy& policy, const ReviewContext& context, Findings& out) {
    for (const CountedResource& resource : policy.resources) {
        const std::string at = "resources." + resource.id.value;
        need_all(resource.programmes, policy.programmes, kAProgramme, at + ".programmes", out);
        need_all(resource.enterprises, policy.enterprises, kAnEnterprise, at + ".enterprises", out);
    }
    for (const auto& [id, used] : context.resources_used) {
        const CountedResource* resource = find_resource(policy, id);
        const int count = resource == nullptr ? 0 : resource->count;
        if (used > count) {
            const std::string at = "resources." + id.value;
            out.warning("P076", resource == nullptr ? "resources" : at + ".count",
                        fmt::format("{} of {} are in use and {} are left; the running keep theirs",
                                    used, id.value.str(), count),
                        fmt::format("đang dùng {} {} mà chỉ còn {}; tác vụ đang chạy vẫn giữ", used,
                                    id.value.str(), count));
        }
    }
}

}  // namespace khu::reviewing
