/// A job's output, read on the node that wrote it.

#include <boost/beast/core/detail/base64.hpp>

#include "daemon/http/call.h"
#include "daemon/http/visible_job.h"

namespace khu::daemon {
namespace {

std::string from_base64(const std::string& text) {
    namespace base64 = boost::beast::detail::base64;
    std::string bytes(base64::decoded_size(text.size()), '\0');
    const auto [written, read] = base64::decode(bytes.data(), text.data(), text.size());
    bytes.resize(written);
    return bytes;
}

/// Where an attempt's output is: the node named, or the head node of the last attempt.
struct Place {
    NodeId node;
    AttemptNumber attempt;
};

std::optional<Place> place_of(const State& state, const wire::JobView& job,
                              const std::string& wanted) {
    for (const wire::AllocationView& each : job.nodes) {
        if (!wanted.empty() && each.node != wanted) {
            continue;
        }
        if (const NodeRecord* node = state.find_node(NodeName{each.node})) {
            return Place{node->id, AttemptNumber{static_cast<std::uint64_t>(job.attempt)}};
        }
    }
    return std::nullopt;
}

struct LogWish {
    std::string stream;
    std::string node;
    std::int64_t offset{0};
    bool follow{false};
};

void send_log(const Call& call, JobId job, const Place& place, const LogWish& wish) {
    wire::net::Response head;
    head.content_type = "text/plain; charset=utf-8";
    wire::net::Stream stream = call->responder.stream(std::move(head));
    ReadOutput order;
    order.job = job;
    order.attempt = place.attempt;
    order.stream = wish.stream;
    order.offset = wish.offset;
    order.follow = wish.follow;
    const std::uint64_t request = call->services.agents.read_output(
        place.node, order, [stream](const OutputChunk& chunk) mutable {
            bool taken = stream.alive() && stream.write(from_base64(chunk.data_base64));
            if (!chunk.error.empty()) {
                taken = stream.write("khu: " + chunk.error + "\n");
            }
            if (chunk.end) {
                stream.close();
            }
            return taken;
        });
    if (request == 0) {
        stream.write("khu: the agent of that node is not connected now\n");
        stream.close();
    }
}

}  // namespace

void job_log(const Call& call) {
    const std::optional<JobId> id = job_in_path(call);
    if (!id) {
        return;
    }
    LogWish wish{.stream = query(call, "stream"), .node = query(call, "node")};
    wish.stream = wish.stream.empty() ? "output" : wish.stream;
    wish.offset = whole_number(query(call, "offset")).value_or(0);
    wish.follow = query(call, "follow") == "true" || query(call, "follow") == "1";
    call->services.engine.ask([call, id, wish](State& state, Moment now) {
        const Expected<wire::JobView, Refusal> job = visible_job(call, state, *id, now);
        if (!job) {
            refuse(call, job.error());
            return;
        }
        const std::optional<Place> place = place_of(state, *job, wish.node);
        if (!place) {
            wire::net::Response nothing;
            nothing.content_type = "text/plain; charset=utf-8";
            call->responder.send(std::move(nothing));
            return;
        }
        send_log(call, *id, *place, wish);
    });
}

}  // namespace khu::daemon
