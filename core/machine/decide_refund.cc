/// Refunds of attempts that have ended: asked by a holder or a zone admin, made at once where the
/// policy lets one person do that, else by another admin.

#include <algorithm>

#include "core/base/enum_name.h"
#include "core/base/limits.h"
#include "core/machine/decide.h"
#include "core/machine/money.h"

namespace khu::decide_detail {
namespace {

/// The same in both languages of the refusals.
struct Why {
    std::string english;
    std::string vietnamese;
};

Unexpected<Refusal> not_allowed(AttemptKey key, Why why) {
    return Unexpected{Refusal(Code::RefundNotAllowed)
                          .with("job", key.job.value)
                          .with("attempt", key.attempt.value)
                          .with("why", std::move(why.english))
                          .with("why_vi", std::move(why.vietnamese))};
}

/// It is that rule of the policy that does not allow it.
Unexpected<Refusal> limited_by(std::string key, Unexpected<Refusal> why) {
    return Unexpected{std::move(why.error).limited_by(std::move(key))};
}

Unexpected<Refusal> bad_field(const char* field, const char* why) {
    return Unexpected{Refusal(Code::BadField).with("field", field).with("why", why)};
}

const EnterpriseId& owner_of(const RefundRequest& request) {
    return request.paid.last.enterprise_id;
}

/// Whether `who` may make a refund of so much alone.
bool may_alone(const State& state, const Identity& who, const RefundRequest& request) {
    const ManualRefunds& rules = state.truth.policy->refunds.manual;
    const bool trusted = who.has(Role::ZoneAdmin) || (rules.needs == RefundRole::Holder &&
                                                      is_holder_of(state, who, owner_of(request)));
    return trusted && request.amount <= rules.second_approver_above;
}

const Refund& refunded_before(const State& state, AttemptKey key) {
    static const Refund none;
    const auto found = state.truth.refunded.find(key);
    return found == state.truth.refunded.end() ? none : found->second.total;
}

/// What may still be refunded of the attempt.
Atoms left_of(const State& state, const RefundRequest& request) {
    __extension__ using Wide = __int128;
    const Wide most =
        Wide{request.paid.charged.value} * state.truth.policy->refunds.manual.max_permille / 1000;
    return Atoms{static_cast<std::int64_t>(most)} -
           refunded_before(state, request.key).less.charged;
}

Expected<Done, Refusal> in_bounds(const State& state, const RefundRequest& request) {
    const Atoms left = std::max(Atoms{0}, left_of(state, request));
    if (request.amount > Atoms{0} && request.amount <= left) {
        return Done{};
    }
    const std::string asked = format_gpu_hours(request.amount) + " GPUh";
    const std::string rest = format_gpu_hours(left) + " GPUh";
    return limited_by(
        "refunds.manual.max",
        not_allowed(
            request.key,
            {fmt::format("{} asked, {} of what it was charged may still be refunded", asked, rest),
             fmt::format("đề nghị {}, chỉ còn {} của phần đã tính có thể hoàn trả", asked, rest)}));
}

/// By whom, whose, and when: what does not depend on the amount.
Expected<Done, Refusal> may_ask(const State& state, const AskRefund& command, Moment now) {
    const RefundRequest& request = command.request;
    const UsageRow& last = request.paid.last;
    if (!command.who.has(Role::ZoneAdmin) && !is_holder_of(state, command.who, owner_of(request))) {
        return not_allowed(request.key,
                           {fmt::format("only a holder of {} or a zone admin asks for that",
                                        owner_of(request).value),
                            fmt::format("chỉ người phụ trách của {} hoặc quản trị khu được đề nghị",
                                        owner_of(request).value)});
    }
    if (request.reason.empty() ||
        static_cast<std::int64_t>(request.reason.size()) > limits::purpose_bytes_max) {
        return bad_field("reason", "a refund needs its reason, at most 2000 bytes");
    }
    if (last.end_cause == "period_cut") {
        return not_allowed(request.key, {"it has not ended", "tác vụ chưa kết thúc"});
    }
    const Span within = state.truth.policy->refunds.manual.ask_within;
    if (now > last.slice_end + within || last.slice_end <= state.truth.refunds_since) {
        return limited_by(
            "refunds.manual.ask_within",
            not_allowed(request.key,
                        {fmt::format("it ended at {}, and a refund is asked for within {}",
                                     format_utc(last.slice_end), format_span(within)),
                         fmt::format("tác vụ kết thúc lúc {}, chỉ được đề nghị trong {}",
                                     format_utc(last.slice_end), format_span(within))}));
    }
    return Done{};
}

/// The kinds of those who paid, for the columns of the report.
Expected<Done, Refusal> say_kinds(const State& state, RefundRequest& request) {
    request.paid.kinds.clear();
    for (const MoneyPart& part : request.paid.money) {
        const bool own = !part.account.starts_with("funder:");
        const std::string name = part.account.substr(part.account.find(':') + 1);
        const Funder* funder = own ? nullptr : find_funder(*state.truth.policy, FunderId{name});
        if (!own && funder == nullptr) {
            return not_allowed(request.key,
                               {name + ", which paid a part, is no longer in the policy",
                                name + ", bên đã trả một phần, không còn trong chính sách"});
        }
        request.paid.kinds.push_back(own ? PayerKind::Enterprise : payer_kind(funder->kind));
    }
    return Done{};
}

/// A new grant for each that paid and is over, with what would expire with that.
std::vector<GrantOffer> make_good(const State& state, const RefundRequest& request,
                                  const Refund& back, Moment now) {
    std::vector<GrantOffer> offers;
    const auto before = state.truth.refunded.find(request.key);
    const int times = before == state.truth.refunded.end() ? 1 : before->second.times + 1;
    for (const HoldPart& part : back.hours) {
        const Grant& grant = *state.truth.ledger.find(part.grant);
        const GrantState now_is = state_of(grant, now);
        const bool over = now_is == GrantState::Closing || now_is == GrantState::Closed;
        if (!over || part.amount == Atoms{0}) {
            continue;
        }
        std::string id =
            fmt::format("MG-{}-{}-{}", request.key.job.value, request.key.attempt.value, times);
        id += offers.empty() ? "" : fmt::format("-{}", offers.size() + 1);
        offers.push_back({.id = GrantId{id},
                          .enterprise = grant.enterprise,
                          .programme = grant.programme,
                          .amount = part.amount,
                          .from = now,
                          .to = now + limits::makegood_window,
                          .decision_ref = refund_name(request.number),
                          .makegood = true});
    }
    return offers;
}

void approve(const State& state, const RefundRequest& request, RefundDecision decision, Moment now,
             Decision& out) {
    decision.number = request.number;
    decision.approved = true;
    decision.back = refund_part(request.paid, refunded_before(state, request.key), request.amount);
    const std::vector<GrantOffer> offers = make_good(state, request, decision.back, now);
    for (const GrantOffer& offer : offers) {
        decision.made_good.push_back(offer.id);
    }
    const UserId by = decision.by;
    out.facts.push_back(RefundDecided{std::move(decision)});
    for (const GrantOffer& offer : offers) {
        out.facts.push_back(GrantOpened{.offer = offer, .by = by});
    }
}

/// The very same that was asked before and not refused: a client asks again when the line breaks.
std::optional<std::uint64_t> asked_already(const State& state, const RefundRequest& request) {
    for (const auto& [number, record] : state.truth.refunds) {
        const RefundRequest& other = record.request;
        const bool as_much = request.amount == Atoms{0} || other.amount == request.amount;
        if (record.state != RequestState::Refused && other.key == request.key && as_much &&
            other.reason == request.reason && other.by == request.by) {
            return number;
        }
    }
    return std::nullopt;
}

std::int64_t waiting(const State& state, const EnterpriseId& owner) {
    return std::ranges::count_if(state.truth.refunds, [&](const auto& each) {
        return each.second.state == RequestState::Waiting && owner_of(each.second.request) == owner;
    });
}

Refusal decided_before(const RefundRecord& record) {
    return Refusal(Code::RefundDecidedAlready)
        .with("refund", refund_name(record.request.number))
        .with("state", record.state == RequestState::Approved ? "approved" : "refused")
        .with("by", record.decided_by.value.str())
        .with("decided_at", record.decided_at.value);
}

}  // namespace

/// Errors: L207, L213, H422.
Decided on(State& state, const AskRefund& command, Moment now) {
    RefundRequest request = command.request;
    request.by = command.who.user;
    if (!state.truth.policy) {
        return not_allowed(request.key, {"the zone has no policy", "khu chưa có chính sách"});
    }
    if (auto allowed = may_ask(state, command, now); !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    if (const auto known = asked_already(state, request)) {
        return Decision{.existed = true, .request = *known};
    }
    if (auto kinds = say_kinds(state, request); !kinds) {
        return Unexpected{std::move(kinds).error()};
    }
    if (request.amount == Atoms{0}) {
        request.amount = std::max(Atoms{0}, left_of(state, request));
    }
    if (auto bounded = in_bounds(state, request); !bounded) {
        return Unexpected{std::move(bounded).error()};
    }
    const bool at_once = may_alone(state, command.who, request);
    const std::int64_t open = waiting(state, owner_of(request));
    if (!at_once && open >= limits::grant_requests_waiting_max) {
        return Unexpected{Refusal(Code::TooManyGrantRequests)
                              .with("enterprise", owner_of(request).value)
                              .with("waiting", open)
                              .with("limit", limits::grant_requests_waiting_max)};
    }
    request.number = state.truth.next_refund;
    Decision decision{.request = request.number};
    decision.facts.push_back(RefundAsked{request});
    if (at_once) {
        approve(state, request, {.reason = request.reason, .by = request.by}, now, decision);
    }
    return decision;
}

/// Errors: L207, L214, L215, H422.
Decided on(State& state, const DecideRefund& command, Moment now) {
    const auto found = state.truth.refunds.find(command.number);
    if (found == state.truth.refunds.end() || !state.truth.policy) {
        return Unexpected{Refusal(Code::UnknownRefund).with("refund", refund_name(command.number))};
    }
    const RefundRecord& record = found->second;
    const RefundRequest& request = record.request;
    if (!command.who.has(Role::ZoneAdmin)) {
        return not_allowed(request.key, {"a zone admin decides that", "quản trị khu quyết định"});
    }
    if (record.state != RequestState::Waiting) {
        return Unexpected{decided_before(record)};
    }
    RefundDecision made{.number = command.number, .reason = command.reason, .by = command.who.user};
    Decision decision{.request = command.number};
    if (!command.approve) {
        if (command.reason.empty()) {
            return bad_field("reason", "a refusal needs its reason");
        }
        decision.facts.push_back(RefundDecided{std::move(made)});
        return decision;
    }
    const Atoms bound = state.truth.policy->refunds.manual.second_approver_above;
    if (request.amount > bound && command.who.user == request.by) {
        return not_allowed(
            request.key, {fmt::format("above {} GPUh another admin than the one who asked decides",
                                      format_gpu_hours(bound)),
                          fmt::format("trên {} GPUh phải do quản trị khác người đề nghị quyết định",
                                      format_gpu_hours(bound))});
    }
    if (auto bounded = in_bounds(state, request); !bounded) {
        return Unexpected{std::move(bounded).error()};
    }
    approve(state, request, std::move(made), now, decision);
    return decision;
}

}  // namespace khu::decide_detail
