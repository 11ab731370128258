#include "daemon/agents.h"

#include "daemon/http/problem.h"
#include "wire/json.h"
#include "wire/net/certificates.h"

namespace khu::daemon {

void Agents::accept(wire::net::Request&& request, wire::net::Upgrade upgrade) {
    const std::string name(wire::net::node_of_subject(request.peer.certificate_subject));
    if (name.empty()) {
        const Refusal why = Refusal(Code::BadCertificate)
                                .with("subject", request.peer.certificate_subject.empty()
                                                     ? std::string("(none)")
                                                     : request.peer.certificate_subject)
                                .with("node", "?");
        upgrade.refuse(problem(why, Language::English));
        return;
    }
    auto connection = std::make_shared<Connection>();
    connection->name = name;
    wire::net::WebSocketEvents events;
    events.on_message = [this, connection](std::string&& text) { on_message(connection, text); };
    events.on_close = [this, connection](const std::string&) { on_close(connection); };
    events.lines = true;
    std::shared_ptr<wire::net::WebSocket> socket = upgrade.accept(std::move(events));
    const std::lock_guard lock(mutex_);
    connection->socket = std::move(socket);
}

void Agents::on_message(const Shared& connection, const std::string& text) {
    auto message = wire::from_json_text<FromAgent>(text, wire::Unknown::Ignore);
    if (!message) {
        refuse(connection,
               Refusal(Code::BadJson).with("why", message.error().why).with("offset", 0));
        return;
    }
    std::visit([&](auto&& m) { on(connection, std::move(m)); }, std::move(*message));
}

void Agents::on(const Shared& connection, Hello&& message) {
    if (message.node != connection->name) {
        refuse(connection, Refusal(Code::BadCertificate)
                               .with("subject", "node:" + connection->name)
                               .with("node", message.node));
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        greeting_[connection->name] = connection;
    }
    engine_.tell(RegisterNode{std::move(message)}, [this, connection](const Answer& answer) {
        if (answer.refusal) {
            refuse(connection, *answer.refusal);
        }
    });
}

void Agents::on(const Shared& connection, const Heartbeat& message) {
    const Registration who = registration_of(connection);
    if (!who.registered) {
        return;
    }
    engine_.tell(HearNode{who.node, who.epoch, message.number},
                 [this, connection](const Answer& answer) {
                     if (answer.refusal) {
                         refuse(connection, *answer.refusal);
                     }
                 });
}

void Agents::on(const Shared& connection, AttemptReport&& message) {
    const Registration who = registration_of(connection);
    if (who.registered) {
        engine_.tell(ReportFromNode{who.node, who.epoch, std::move(message)}, {});
    }
}

Agents::Registration Agents::registration_of(const Shared& connection) const {
    const std::lock_guard lock(mutex_);
    return connection->who;
}

void Agents::on(const Shared&, OutputChunk&& message) {
    Sink sink;
    {
        const std::lock_guard lock(mutex_);
        const auto reader = readers_.find(message.request);
        if (reader == readers_.end()) {
            return;
        }
        sink = reader->second.sink;
        if (message.end) {
            readers_.erase(reader);
        }
    }
    if (!sink(message) && !message.end) {
        stop_reading(message.request);
    }
}

void Agents::on_close(const Shared& connection) {
    std::optional<NodeId> lost;
    {
        const std::lock_guard lock(mutex_);
        const auto greeting = greeting_.find(connection->name);
        if (greeting != greeting_.end() && greeting->second == connection) {
            greeting_.erase(greeting);
        }
        const auto serving = serving_.find(connection->who.node);
        if (serving != serving_.end() && serving->second == connection) {
            lost = connection->who.node;
            serving_.erase(serving);
        }
    }
    if (lost) {
        drop_readers(*lost);
    }
}

void Agents::refuse(const Shared& connection, const Refusal& why) {
    std::shared_ptr<wire::net::WebSocket> socket;
    {
        const std::lock_guard lock(mutex_);
        socket = connection->socket;
    }
    if (!socket) {
        return;
    }
    const ToAgent message =
        Refused{.code = std::string(info(why.code).id), .text = text(why, Language::English)};
    socket->send(wire::to_json_text(message));
    socket->close(std::string(info(why.code).id));
}

void Agents::send(NodeId node, Epoch epoch, const ToAgent& message) {
    Shared target;
    std::shared_ptr<wire::net::WebSocket> older;
    std::shared_ptr<wire::net::WebSocket> socket;
    {
        const std::lock_guard lock(mutex_);
        if (const auto* welcome = std::get_if<Welcome>(&message)) {
            const auto greeting = greeting_.find(welcome->name);
            if (greeting == greeting_.end()) {
                return;
            }
            target = greeting->second;
            greeting_.erase(greeting);
            target->who = {.registered = true, .node = node, .epoch = epoch};
            Shared& serving = serving_[node];
            older = serving && serving != target ? serving->socket : nullptr;
            serving = target;
        } else if (const auto serving = serving_.find(node); serving != serving_.end()) {
            target = serving->second;
        }
        if (target && target->who.epoch == epoch) {
            socket = target->socket;
        }
    }
    if (older) {
        older->close("replaced by a newer connection of this node");
    }
    if (socket) {
        socket->send(wire::to_json_text(message));
    }
}

std::uint64_t Agents::read_output(NodeId node, ReadOutput order, Sink sink) {
    std::shared_ptr<wire::net::WebSocket> socket;
    {
        const std::lock_guard lock(mutex_);
        const auto serving = serving_.find(node);
        if (serving == serving_.end()) {
            return 0;
        }
        socket = serving->second->socket;
        order.request = next_request_++;
        readers_.emplace(order.request, Reader{node, std::move(sink)});
    }
    const std::uint64_t request = order.request;
    const ToAgent message = std::move(order);
    socket->send(wire::to_json_text(message));
    return request;
}

void Agents::stop_reading(std::uint64_t request) {
    std::shared_ptr<wire::net::WebSocket> socket;
    {
        const std::lock_guard lock(mutex_);
        const auto reader = readers_.find(request);
        if (reader == readers_.end()) {
            return;
        }
        const auto serving = serving_.find(reader->second.node);
        socket = serving == serving_.end() ? nullptr : serving->second->socket;
        readers_.erase(reader);
    }
    if (socket) {
        const ToAgent message = StopReading{request};
        socket->send(wire::to_json_text(message));
    }
}

void Agents::drop_readers(NodeId node) {
    std::map<std::uint64_t, Reader> dropped;
    {
        const std::lock_guard lock(mutex_);
        for (auto it = readers_.begin(); it != readers_.end();) {
            if (it->second.node == node) {
                dropped.insert(*it);
                it = readers_.erase(it);
            } else {
                ++it;
            }
        }
    }
    for (const auto& [request, reader] : dropped) {
        OutputChunk end;
        end.request = request;
        end.end = true;
        end.error = "the node's agent has gone";
        reader.sink(end);
    }
}

std::size_t Agents::connected() const {
    const std::lock_guard lock(mutex_);
    return serving_.size();
}

void Agents::close_all() {
    std::map<NodeId, Shared> all;
    {
        const std::lock_guard lock(mutex_);
        all = serving_;
    }
    for (const auto& [node, connection] : all) {
        connection->socket->close("khud stops");
    }
}

}  // namespace khu::daemon
