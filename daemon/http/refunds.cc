/// Refunds of attempts that have ended.

#include <algorithm>

#include "core/ledger/refund.h"
#include "daemon/http/call.h"

namespace khu::daemon {
namespace {

std::string word(RequestState state) {
    switch (state) {
        case RequestState::Waiting:
            return "waiting";
        case RequestState::Approved:
            return "approved";
        case RequestState::Refused:
            return "refused";
    }
    KHU_CHECK(false);
}

wire::RefundView view_of(const RefundRecord& record) {
    const RefundRequest& request = record.request;
    wire::RefundView view;
    view.refund = refund_name(request.number);
    view.job = request.key.job;
    view.attempt = request.key.attempt;
    view.enterprise = request.paid.last.enterprise_id.value;
    view.state = word(record.state);
    view.asked_by = request.by.value;
    view.reason = request.reason;
    view.decided_by = record.decided_by.value;
    view.decision = record.reason;
    view.charged_ugs = request.paid.charged;
    view.amount_ugs = request.amount;
    for (const MoneyPart& part : request.paid.money) {
        view.list_mvnd += part.amount;
    }
    for (const GrantId& grant : record.made_good) {
        view.made_good.push_back(grant.value);
    }
    view.ended_at = request.paid.last.slice_end;
    view.asked_at = record.asked_at;
    view.decided_at = record.decided_at;
    return view;
}

Refusal unknown_refund(const std::string& name) {
    return Refusal(Code::UnknownRefund).with("refund", name.substr(0, 40));
}

void tell_and_show(const Call& call, Command command) {
    call->services.engine.tell(std::move(command), [call](const Answer& told) {
        if (told.refusal) {
            refuse(call, *told.refusal);
            return;
        }
        const std::uint64_t number = told.request;
        answer_from_state(call,
                          [number](State& state, Moment) -> Expected<wire::RefundView, Refusal> {
                              const auto found = state.truth.refunds.find(number);
                              if (found == state.truth.refunds.end()) {
                                  return Unexpected{unknown_refund(refund_name(number))};
                              }
                              return view_of(found->second);
                          });
    });
}

/// The attempt's last row and what it cost, from the stored books. One of somebody else's is as
/// unknown as one that never was.
Expected<RefundRequest, Refusal> request_of(const Call& call, const wire::RefundAsk& ask) {
    Store& store = call->services.store;
    const auto rows = store.usage_of(ask.job);
    if (!rows) {
        return Unexpected{rows.error()};
    }
    const UsageRow* last = nullptr;
    for (const UsageRow& row : *rows) {
        if (ask.attempt.value == 0 || row.attempt == ask.attempt) {
            last = &row;
        }
    }
    if (last == nullptr || !call->caller.who.may_read(last->enterprise_id)) {
        return Unexpected{Refusal(Code::UnknownJob).with("job", std::to_string(ask.job.value))};
    }
    const AttemptKey key{ask.job, last->attempt};
    const auto entries = store.entries_of(key);
    if (!entries) {
        return Unexpected{entries.error()};
    }
    RefundRequest request;
    request.key = key;
    request.paid = paid_attempt(*last, key, *entries);
    request.amount = ask.amount_ugs;
    request.reason = ask.reason;
    return request;
}

}  // namespace

/// The books are read when all that was decided so far is stored.
void ask_refund(const Call& call) {
    const auto ask = body_of<wire::RefundAsk>(call);
    if (!ask) {
        return;
    }
    call->services.engine.store_values({}, [call, ask](const Answer& stored) {
        if (stored.refusal) {
            refuse(call, *stored.refusal);
            return;
        }
        auto request = request_of(call, *ask);
        if (!request) {
            refuse(call, request.error());
            return;
        }
        tell_and_show(call, AskRefund{.who = call->caller.who, .request = *std::move(request)});
    });
}

void list_refunds(const Call& call) {
    const Identity who = call->caller.who;
    answer_from_state(call, [who](State& state, Moment) {
        wire::RefundPage page;
        for (const auto& [number, record] : state.truth.refunds) {
            if (who.may_read(record.request.paid.last.enterprise_id)) {
                page.refunds.push_back(view_of(record));
            }
        }
        return page;
    });
}

void decide_refund(const Call& call) {
    const std::string& name = call->parts.at(0);
    const std::string& verb = call->parts.at(1);
    const auto request = body_of<wire::ReasonRequest>(call);
    if (!request) {
        return;
    }
    const std::optional<std::uint64_t> number = number_after("RF-", name);
    if (!number) {
        refuse(call, unknown_refund(name));
        return;
    }
    if (verb != "approve" && verb != "refuse") {
        refuse(call, Refusal(Code::NoRoute)
                         .with("method", call->request.method)
                         .with("path", call->request.path.substr(0, 200)));
        return;
    }
    tell_and_show(call, DecideRefund{.who = call->caller.who,
                                     .number = *number,
                                     .approve = verb == "approve",
                                     .reason = request->reason});
}

}  // namespace khu::daemon
