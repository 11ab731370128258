#include "cli/rules_above.h"

#include "cli/given.h"
#include "config/layer_reader.h"
#include "core/base/limits.h"

namespace khu::cli {

Expected<std::vector<LayerRules>, Failure> rules_under(const Session& session,
                                                       std::vector<Complaint>& wrong) {
    std::vector<LayerRules> above;
    for (const std::string& path : session.arguments.all("--under")) {
        const Expected<std::string, Failure> text =
            given_file(session, path, limits::policy_bytes_max);
        if (!text) {
            return Unexpected{text.error()};
        }
        if (auto rules = config::read_layer_above(*text, path)) {
            above.push_back(*std::move(rules));
        } else {
            wrong.insert(wrong.end(), rules.error().begin(), rules.error().end());
        }
    }
    return above;
}

}  // namespace khu::cli
