/// Watching events: JSON lines, server-sent events, or a WebSocket.

#include "daemon/http/call.h"
#include "daemon/http/routes.h"

namespace khu::daemon {
namespace {

/// Lines of JSON.
class LinesOutlet final : public Outlet {
public:
    explicit LinesOutlet(wire::net::Stream stream) : stream_(std::move(stream)) {}
    bool send(const wire::Event& event) override {
        return stream_.write(wire::to_json_text(event) + '\n');
    }
    bool send(const wire::Pulse& pulse) override {
        return stream_.write(wire::to_json_text(pulse) + '\n');
    }
    void close() override { stream_.close(); }
    [[nodiscard]] bool alive() const override { return stream_.alive(); }
    [[nodiscard]] std::size_t queued() const override { return stream_.queued(); }

private:
    wire::net::Stream stream_;
};

/// Server-sent events (HTML Living Standard, 9.2): the id is the event's number, so that a browser
/// resumes by itself. A pulse is an id without data, which no listener sees.
class SentOutlet final : public Outlet {
public:
    explicit SentOutlet(wire::net::Stream stream) : stream_(std::move(stream)) {}
    bool send(const wire::Event& event) override {
        return stream_.write("id: " + std::to_string(event.seq.value) + "\nevent: " + event.type +
                             "\ndata: " + wire::to_json_text(event) + "\n\n");
    }
    bool send(const wire::Pulse& pulse) override {
        std::string text = "id: " + std::to_string(pulse.resume_from.value - 1) + "\n";
        if (!pulse.cut.empty()) {
            text += "event: cut\ndata: " + wire::to_json_text(pulse) + "\n";
        }
        return stream_.write(text + "\n");
    }
    void close() override { stream_.close(); }
    [[nodiscard]] bool alive() const override { return stream_.alive(); }
    [[nodiscard]] std::size_t queued() const override { return stream_.queued(); }

private:
    wire::net::Stream stream_;
};

class SocketOutlet final : public Outlet {
public:
    explicit SocketOutlet(std::shared_ptr<wire::net::WebSocket> socket)
        : socket_(std::move(socket)) {}
    ~SocketOutlet() override { socket_->close("the end"); }
    bool send(const wire::Event& event) override {
        return socket_->send(wire::to_json_text(event));
    }
    bool send(const wire::Pulse& pulse) override {
        if (!pulse.cut.empty()) {
            why_ = pulse.cut + ", resume from " + std::to_string(pulse.resume_from.value);
        }
        return socket_->send(wire::to_json_text(pulse));
    }
    void close() override { socket_->close(why_); }
    [[nodiscard]] bool alive() const override { return socket_->alive(); }
    [[nodiscard]] std::size_t queued() const override { return socket_->queued(); }

private:
    std::shared_ptr<wire::net::WebSocket> socket_;
    std::string why_;
};

/// `from` of the query, else one after Last-Event-ID; none: from now on. Errors: BadField.
Expected<std::optional<EventSeq>, Refusal> asked_from(const wire::net::Request& request) {
    const auto found = request.query.find("from");
    const bool by_query = found != request.query.end() && !found->second.empty();
    const std::string_view text =
        by_query ? std::string_view(found->second) : request.header("Last-Event-ID");
    if (text.empty()) {
        return std::optional<EventSeq>{};
    }
    const std::optional<std::int64_t> number = whole_number(text);
    if (!number || *number == INT64_MAX) {
        return Unexpected{Refusal(Code::BadField)
                              .with("field", by_query ? "from" : "Last-Event-ID")
                              .with("why", "it is the number of an event")};
    }
    return std::optional(EventSeq{static_cast<std::uint64_t>(*number) + (by_query ? 0 : 1)});
}

bool wants_sent_events(const wire::net::Request& request) {
    return request.header("Accept").find("text/event-stream") != std::string_view::npos;
}

}  // namespace

/// JSON lines or server-sent events, until the caller goes away.
void watch_events(const Call& call) {
    const auto from = asked_from(call->request);
    if (!from) {
        refuse(call, from.error());
        return;
    }
    const auto place = call->services.events.reserve(call->caller.who, *from);
    if (!place) {
        refuse(call, place.error());
        return;
    }
    const bool sent = wants_sent_events(call->request);
    wire::net::Response head;
    head.content_type = sent ? "text/event-stream" : "application/jsonl";
    head.headers.emplace_back("Cache-Control", "no-store");
    wire::net::Stream stream = call->responder.stream(std::move(head));
    std::unique_ptr<Outlet> outlet;
    if (sent) {
        outlet = std::make_unique<SentOutlet>(std::move(stream));
    } else {
        outlet = std::make_unique<LinesOutlet>(std::move(stream));
    }
    call->services.events.watch(*place, std::move(outlet));
}

void watch_events_by_socket(Services& services, wire::net::Request&& request,
                            const wire::net::Upgrade& upgrade) {
    const auto caller = admit(services, request, kWatchCost);
    const auto from = asked_from(request);
    if (!caller || !from) {
        upgrade.refuse(caller ? problem(from.error(), language_of(request)) : caller.error());
        return;
    }
    const auto place = services.events.reserve(caller->who, *from);
    if (!place) {
        upgrade.refuse(problem(place.error(), language_of(request)));
        return;
    }
    services.events.watch(*place, std::make_unique<SocketOutlet>(upgrade.accept({})));
}

}  // namespace khu::daemon
