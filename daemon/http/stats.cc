/// How long jobs waited, whether what was said of their start held, and how free GPUs lie.

#include "config/values.h"
#include "core/schedule/decay.h"
#include "daemon/http/call.h"
#include "daemon/stats_view.h"

namespace khu::daemon {
namespace {

constexpr std::int64_t kUsualDays = 30;

/// The day asked for in that parameter, or `usual`; none if it is not a day.
std::optional<std::int64_t> day_asked(const Call& call, const char* name, std::int64_t usual) {
    const std::string text = query(call, name);
    if (text.empty()) {
        return usual;
    }
    const config::Value<Moment> day = config::parse_day(text, 0);
    return day ? std::optional(day_of(*day)) : std::nullopt;
}

}  // namespace

void show_stats(const Call& call) {
    answer_from_state(
        call, [call](State& state, Moment now) -> Expected<wire::StatsAnswer, Refusal> {
            const int offset = state.truth.policy ? state.truth.policy->utc_offset_minutes : 0;
            const std::int64_t today = day_of(now + minutes(offset));
            const auto to = day_asked(call, "to", today);
            const auto from = day_asked(call, "from", to.value_or(today) - kUsualDays + 1);
            if (!from || !to || *from > *to) {
                return Unexpected{Refusal(Code::BadField)
                                      .with("field", to && !from ? "from" : "to")
                                      .with("why",
                                            "it is a day such as 2026-03-02, and `from` is "
                                            "not after `to`")};
            }
            const Identity& who = call->caller.who;
            const bool all = who.has(Role::ZoneAdmin) || who.has(Role::Auditor);
            if (!all && who.enterprise.empty()) {
                return wire::StatsAnswer{};  // an identity without an enterprise has no jobs
            }
            return statistics(state, {.enterprise = all ? EnterpriseId{} : who.enterprise,
                                      .from_day = *from,
                                      .to_day = *to});
        });
}

}  // namespace khu::daemon
