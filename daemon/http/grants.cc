/// Requests for grants, and grants from a file.

#include "config/grant_csv.h"
#include "daemon/http/call.h"

namespace khu::daemon {
namespace {

wire::GrantRequestView view_of(const GrantRequestRecord& record) {
    const GrantRequest& request = record.request;
    wire::GrantRequestView view;
    view.request = request_name(request.number);
    view.enterprise = request.enterprise.value;
    view.programme = request.programme.value;
    switch (record.state) {
        case RequestState::Waiting:
            view.state = "waiting";
            break;
        case RequestState::Approved:
            view.state = "approved";
            break;
        case RequestState::Refused:
            view.state = "refused";
            break;
    }
    view.purpose = request.purpose;
    view.permit = request.permit;
    view.asked_by = request.by.value;
    view.decided_by = record.decided_by.value;
    view.reason = record.reason;
    view.decision_ref = record.decision_ref;
    view.grant = record.grant.value;
    view.amount_ugs = request.amount;
    view.from_at = request.from;
    view.to_at = request.to;
    view.asked_at = record.asked_at;
    view.decided_at = record.decided_at;
    return view;
}

void tell_and_show_request(const Call& call, Command command) {
    call->services.engine.tell(std::move(command), [call](const Answer& told) {
        if (told.refusal) {
            refuse(call, *told.refusal);
            return;
        }
        const std::uint64_t number = told.request;
        answer_from_state(
            call, [number](State& state, Moment) -> Expected<wire::GrantRequestView, Refusal> {
                const auto found = state.truth.requests.find(number);
                if (found == state.truth.requests.end()) {
                    return Unexpected{
                        Refusal(Code::UnknownGrantRequest).with("request", request_name(number))};
                }
                return view_of(found->second);
            });
    });
}

}  // namespace

void request_grant(const Call& call) {
    const auto request = body_of<wire::GrantAsk>(call);
    if (!request) {
        return;
    }
    const EnterpriseId enterprise = request->enterprise.empty() ? call->caller.who.enterprise
                                                                : EnterpriseId{request->enterprise};
    tell_and_show_request(call,
                          RequestGrant{.who = call->caller.who,
                                       .request = {.number = 0,
                                                   .enterprise = enterprise,
                                                   .programme = ProgrammeId{request->programme},
                                                   .amount = request->amount_ugs,
                                                   .from = request->from_at,
                                                   .to = request->to_at,
                                                   .purpose = request->purpose,
                                                   .permit = request->permit,
                                                   .by = {}}});
}

void list_grant_requests(const Call& call) {
    const Identity who = call->caller.who;
    answer_from_state(call, [who](State& state, Moment) {
        wire::GrantRequestPage page;
        for (const auto& [number, record] : state.truth.requests) {
            if (who.may_read(record.request.enterprise)) {
                page.requests.push_back(view_of(record));
            }
        }
        return page;
    });
}

void decide_grant_request(const Call& call) {
    const std::string& name = call->parts.at(0);
    const std::string& verb = call->parts.at(1);
    const auto request = body_of<wire::GrantDecision>(call);
    if (!request) {
        return;
    }
    const std::optional<std::uint64_t> number = number_after("RQ-", name);
    if (!number) {
        refuse(call, Refusal(Code::UnknownGrantRequest).with("request", name.substr(0, 40)));
        return;
    }
    if (verb != "approve" && verb != "refuse") {
        refuse(call, Refusal(Code::NoRoute)
                         .with("method", call->request.method)
                         .with("path", call->request.path.substr(0, 200)));
        return;
    }
    tell_and_show_request(call, DecideGrantRequest{.who = call->caller.who,
                                                   .number = *number,
                                                   .approve = verb == "approve",
                                                   .reason = request->reason,
                                                   .decision_ref = request->decision_ref,
                                                   .grant = GrantId{request->grant}});
}

/// All rows or none.
void import_grants(const Call& call) {
    const auto request = body_of<wire::GrantImport>(call);
    if (!request) {
        return;
    }
    call->services.engine.ask([call, request](State& state, Moment) {
        const int offset = state.truth.policy ? state.truth.policy->utc_offset_minutes : 0;
        auto read = config::read_grant_csv(request->text, offset);
        if (!read) {
            refuse(call, read.error());
            return;
        }
        ApproveGrants command{.who = call->caller.who,
                              .offers = std::move(read->offers),
                              .lines = std::move(read->lines)};
        wire::GrantImported done{.imported = static_cast<std::int64_t>(command.offers.size())};
        for (const GrantOffer& offer : command.offers) {
            done.existed += state.truth.ledger.find(offer.id) != nullptr ? 1 : 0;
        }
        call->services.engine.tell(std::move(command), [call, done](const Answer& told) {
            if (told.refusal) {
                refuse(call, *told.refusal);
            } else {
                answer(call, done);
            }
        });
    });
}

/// The grants that the caller may see, as a file that an import reads: for the system of the
/// province, or another zone's. Lines of overrun and make-good grants follow from the books.
void export_grants(const Call& call) {
    const Identity who = call->caller.who;
    const EnterpriseId enterprise{query(call, "enterprise")};
    call->services.engine.ask([call, who, enterprise](State& state, Moment) {
        const int offset = state.truth.policy ? state.truth.policy->utc_offset_minutes : 0;
        std::vector<GrantOffer> offers;
        for (const auto& [id, grant] : state.truth.ledger.grants()) {
            const bool wanted = enterprise.empty() || grant.enterprise == enterprise;
            if (wanted && who.may_read(grant.enterprise) && !grant.makegood &&
                grant.overrun_of.empty()) {
                offers.push_back({.id = id,
                                  .enterprise = grant.enterprise,
                                  .programme = grant.programme,
                                  .amount = offered(grant),
                                  .from = grant.from,
                                  .to = grant.to,
                                  .decision_ref = grant.decision_ref,
                                  .permit = grant.permit,
                                  .voucher = grant.voucher});
            }
        }
        call->responder.make([call, offers = std::move(offers), offset] {
            wire::net::Response response;
            response.content_type = "text/csv; charset=utf-8";
            response.body = config::write_grant_csv(offers, offset);
            return conditional(call->request, std::move(response));
        });
    });
}

}  // namespace khu::daemon
