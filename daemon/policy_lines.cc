#include "daemon/policy_lines.h"

#include "config/policy_reader.h"

namespace khu::daemon {

void find_lines(Fact& fact) {
    if (auto* applied = std::get_if<PolicyApplied>(&fact)) {
        applied->lines = config::key_lines(applied->text);
    } else if (auto* scheduled = std::get_if<PolicyScheduled>(&fact)) {
        scheduled->lines = config::key_lines(scheduled->text);
    }
}

void find_lines(Truth& truth) {
    truth.policy_lines = config::key_lines(truth.policy_text);
    if (truth.scheduled) {
        truth.scheduled->lines = config::key_lines(truth.scheduled->text);
    }
}

}  // namespace khu::daemon
