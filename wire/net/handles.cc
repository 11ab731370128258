// What callers hold of a connection: Responder, Upgrade, Stream. Each keeps the core alive.
#include "wire/net/connection.h"

namespace khu::wire::net {

Responder::Answer::Answer(std::shared_ptr<Connection> connection, std::string method,
                          std::string path)
    : core_(connection->core().shared_from_this()),
      connection_(std::move(connection)),
      method_(std::move(method)),
      path_(std::move(path)) {}

Responder::Answer::~Answer() {
    if (!used_) {
        connection_->send(core_->options.problem(
            Refusal(Code::NoAnswer).with("method", method_).with("path", path_)));
    }
}

void Responder::Answer::use() {
    const bool before = used_.exchange(true);
    KHU_CHECK(!before, "{} {} answered twice", method_, path_);
}

void Responder::Answer::send(Response response) {
    use();
    connection_->send(std::move(response));
}

void Responder::Answer::make(std::function<Response()> make) {
    use();
    connection_->make(std::move(make));
}

Stream Responder::Answer::stream(Response head) {
    use();
    auto state = std::make_shared<StreamState>();
    state->waiting = std::exchange(head.body, {});
    connection_->send_stream(std::move(head), state);
    return Stream(std::make_shared<Stream::Body>(core_, connection_, std::move(state)));
}

std::shared_ptr<WebSocket> Responder::Answer::accept(WebSocketEvents events) {
    use();
    const ServerLimits& limits = core_->options.limits;
    auto session =
        std::make_shared<WebSocketSession>(connection_->strand(),
                                           WebSocketLimits{.frame_bytes = limits.frame_bytes,
                                                           .queue_bytes = limits.queue_bytes,
                                                           .handshake = limits.handshake,
                                                           .idle = limits.websocket_idle},
                                           std::move(events), core_);
    connection_->send_upgrade(session);
    return session;
}

bool Stream::Body::write(std::string data) {
    {
        const std::lock_guard lock(state_->mutex);
        const std::size_t queued = state_->waiting.size() + state_->under_way;
        const auto most = static_cast<std::size_t>(core_->options.limits.queue_bytes);
        if (state_->closed || state_->dead || queued + data.size() > most) {
            return false;
        }
        state_->waiting += data;
        if (std::exchange(state_->poked, true)) {
            return true;
        }
    }
    connection_->poke();
    return true;
}

void Stream::Body::close() {
    {
        const std::lock_guard lock(state_->mutex);
        if (std::exchange(state_->closed, true)) {
            return;
        }
    }
    connection_->poke();
}

bool Stream::Body::alive() const {
    const std::lock_guard lock(state_->mutex);
    return !state_->dead && !state_->closed;
}

std::size_t Stream::Body::queued() const {
    const std::lock_guard lock(state_->mutex);
    return state_->waiting.size() + state_->under_way;
}

void Responder::send(Response response) const {
    answer_->send(std::move(response));
}

void Responder::make(std::function<Response()> make) const {
    answer_->make(std::move(make));
}

Stream Responder::stream(Response head) const {
    return answer_->stream(std::move(head));
}

std::shared_ptr<WebSocket> Upgrade::accept(WebSocketEvents events) const {
    return answer_->accept(std::move(events));
}

void Upgrade::refuse(Response response) const {
    answer_->send(std::move(response));
}

bool Stream::write(std::string data) {
    return body_->write(std::move(data));
}

void Stream::close() {
    body_->close();
}

bool Stream::alive() const {
    return body_ != nullptr && body_->alive();
}

std::size_t Stream::queued() const {
    return body_->queued();
}

}  // namespace khu::wire::net
