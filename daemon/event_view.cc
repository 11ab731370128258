#include "daemon/event_view.h"

#include <algorithm>

#include "core/base/enum_name.h"
#include "wire/json_kinds.h"

namespace khu::daemon {
namespace {

class Teller {
public:
    Teller(const State& state, wire::Event& event) : state_(state), event_(event) {}

    template <class Fact>
    void operator()(const Fact& fact) {
        event_.type = wire::snake_case(wire::detail::type_name<Fact>());
        add_names(fact);
        add_end(fact);
        add_texts(fact);
    }

private:
    void add_node(NodeId id) {
        const NodeRecord* node = state_.find_node(id);
        if (node != nullptr) {
            event_.nodes.emplace_back(node->name.value);
        }
    }
    void add_grant(const GrantId& id) {
        event_.grant = id;
        if (const Grant* grant = state_.truth.ledger.find(id)) {
            event_.enterprise = grant->enterprise;
        }
    }

    template <class Fact>
    void add_names(const Fact& fact) {
        if constexpr (requires { fact.job.value; }) {
            event_.job = fact.job;
            if (const Job* job = state_.find_job(fact.job)) {
                event_.enterprise = job->spec.enterprise;
            }
        }
        if constexpr (requires { fact.attempt.value; }) {
            event_.attempt = fact.attempt;
        }
        if constexpr (requires { fact.placement.nodes; }) {
            for (const NodeAllocation& each : fact.placement.nodes) {
                add_node(each.node);
            }
        }
        if constexpr (requires {
                          fact.name;
                          fact.node;
                      }) {
            event_.nodes.emplace_back(fact.name.value);
        } else if constexpr (requires { fact.node; }) {
            add_node(fact.node);
        }
        if constexpr (requires { fact.grant; }) {
            add_grant(fact.grant);
        } else if constexpr (requires { fact.extension; }) {
            add_grant(fact.extension.id);
        } else if constexpr (requires { fact.offer; }) {
            event_.grant = fact.offer.id;
            event_.enterprise = fact.offer.enterprise;
        } else if constexpr (requires { fact.request.enterprise; }) {
            event_.enterprise = fact.request.enterprise;
            event_.by = fact.request.by.value;
            event_.text = request_name(fact.request.number);
        }
        if constexpr (std::is_same_v<Fact, PlacePromised>) {
            for (const NodeId node : fact.nodes) {
                add_node(node);
            }
        }
        add_reservation(fact);
        if constexpr (std::is_same_v<Fact, WalletPaidIn>) {
            event_.enterprise = fact.enterprise;
            event_.text = format_dong(fact.amount) + " " + fact.ref;
        }
        if constexpr (std::is_same_v<Fact, RefundAsked>) {
            event_.by = fact.request.by.value;
            add_refund(fact.request);
        }
        if constexpr (std::is_same_v<Fact, RefundDecided>) {
            event_.by = fact.decision.by.value;
            const auto known = state_.truth.refunds.find(fact.decision.number);
            if (known != state_.truth.refunds.end()) {
                add_refund(known->second.request);
            }
        }
        if constexpr (std::is_same_v<Fact, GrantRequestDecided>) {
            add_request(fact.number);
        }
    }
    template <class Fact>
    void add_reservation(const Fact& fact) {
        if constexpr (std::is_same_v<Fact, ReservationPlaced>) {
            for (const NodeId node : fact.window.placed) {
                add_node(node);
            }
            event_.text = fact.window.id;
        }
        if constexpr (std::is_same_v<Fact, ReservationEnded> ||
                      std::is_same_v<Fact, ReservationSettled> ||
                      std::is_same_v<Fact, ReservationCancelled>) {
            event_.text = fact.id.substr(0, fact.id.find('@'));
            add_booked(fact.id);
        }
        if constexpr (std::is_same_v<Fact, CountedBooked>) {
            event_.enterprise = fact.booking.enterprise;
            event_.by = fact.booking.by.value;
            event_.text = fact.booking.id;
        }
        if constexpr (std::is_same_v<Fact, CountedFreed>) {
            event_.enterprise = fact.enterprise;
            event_.text = fact.id;
        }
        if constexpr (std::is_same_v<Fact, ReservationBooked>) {
            event_.enterprise = fact.booked.enterprise;
            event_.by = fact.booked.by.value;
            event_.text = fact.booked.what.id;
        }
    }
    void add_booked(const std::string& id) {
        const auto found = state_.truth.booked.find(id);
        if (found != state_.truth.booked.end()) {
            event_.enterprise = found->second.enterprise;
        }
    }
    void add_refund(const RefundRequest& request) {
        event_.job = request.key.job;
        event_.attempt = request.key.attempt;
        event_.enterprise = request.paid.last.enterprise_id;
        event_.text = refund_name(request.number);
    }
    void add_request(std::uint64_t number) {
        const auto found = state_.truth.requests.find(number);
        if (found != state_.truth.requests.end()) {
            event_.enterprise = found->second.request.enterprise;
        }
    }

    template <class Fact>
    void add_end(const Fact& fact) {
        if constexpr (requires { fact.cause; }) {
            event_.cause = enum_name(fact.cause);
        }
        if constexpr (requires { fact.exit_code; }) {
            event_.exit_code = fact.exit_code;
        }
        if constexpr (requires { fact.requeue; }) {
            event_.requeue = fact.requeue;
        }
    }

    template <class Fact>
    void add_texts(const Fact& fact) {
        if constexpr (requires { fact.by; }) {
            event_.by = fact.by.value;
        }
        if constexpr (requires { fact.spec; }) {
            event_.enterprise = fact.spec.enterprise;
            if (event_.by.empty()) {
                event_.by = fact.spec.user.value;
            }
            event_.text = fact.spec.name;
        } else if constexpr (requires { fact.policy.id; }) {
            event_.text = fact.policy.id.value;
        } else if constexpr (requires { fact.policy.value; }) {
            event_.text = fact.policy.value;
        } else if constexpr (requires { fact.rules.id; }) {
            event_.text = fact.rules.id.value;
            event_.enterprise = fact.rules.enterprise;
        } else if constexpr (requires { fact.layer.value; }) {
            event_.text = fact.layer.value;
            add_owner_of(fact.layer);
        } else if constexpr (requires { fact.project; }) {
            event_.text = fact.project;
        } else if constexpr (requires { fact.report; }) {
            event_.text = fact.report;
        } else if constexpr (std::is_same_v<Fact, GrantTransferred>) {
            event_.text = fact.to.value;
        } else if constexpr (requires { fact.reason; }) {
            event_.text = fact.reason;
        } else if constexpr (requires { fact.detail; }) {
            event_.text = fact.detail;
        }
    }

    void add_owner_of(const PolicyId& rules) {
        const auto& records = state_.truth.layers.records;
        const auto found = std::ranges::find(records, rules,
                                             [](const LayerRecord& each) { return each.rules.id; });
        if (found != records.end()) {
            event_.enterprise = found->rules.enterprise;
        }
    }

    const State& state_;
    wire::Event& event_;
};

}  // namespace

wire::Event event_of(const State& state, const Stamped& fact) {
    wire::Event event;
    event.seq = fact.seq;
    event.at = fact.at;
    std::visit(Teller(state, event), fact.fact);
    return event;
}

}  // namespace khu::daemon
