#include "agent/rsh_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <list>
#include <thread>

#include "agent/rsh_protocol.h"
#include "agent/rsh_session.h"
#include "agent/rsh_tls.h"
#include "agent/shepherd_client.h"
#include "wire/json.h"
#include "wire/net/secrets.h"

namespace khu::agent {
namespace {

struct Pipes {
    Fd our_input, our_output, our_error;
    Fd its_input, its_output, its_error;
};

bool make_pipe(Fd& read_end, Fd& write_end) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
    return true;
}

bool make_pipes(Pipes& pipes) {
    if (!make_pipe(pipes.its_input, pipes.our_input) ||
        !make_pipe(pipes.our_output, pipes.its_output) ||
        !make_pipe(pipes.our_error, pipes.its_error)) {
        return false;
    }
    for (const Fd* ours : {&pipes.our_input, &pipes.our_output, &pipes.our_error}) {
        ::fcntl(ours->get(), F_SETFL, O_NONBLOCK);
    }
    return true;
}

AttemptKey key_of(const RshRequest& request) {
    return {.job = JobId{static_cast<std::uint64_t>(request.job)},
            .attempt = AttemptNumber{static_cast<std::uint64_t>(request.attempt)}};
}

}  // namespace

void RshTokens::add(AttemptKey key, std::string token) {
    const std::lock_guard lock(mutex_);
    tokens_[key] = std::move(token);
}

void RshTokens::remove(AttemptKey key) {
    const std::lock_guard lock(mutex_);
    tokens_.erase(key);
}

bool RshTokens::allows(AttemptKey key, std::string_view token) const {
    const std::lock_guard lock(mutex_);
    const auto found = tokens_.find(key);
    return found != tokens_.end() && !found->second.empty() &&
           wire::net::same_secret(found->second, token);
}

struct RshServer::State {
    RshSettings settings;
    const RshTokens* tokens{};
    const Shepherds* shepherds{};
    std::shared_ptr<SSL_CTX> context;  ///< guarded by mutex
    Fd listener, stop;
    int port{0};
    std::thread acceptor;

    struct Worker {
        std::thread thread;
        bool done{false};
    };
    std::mutex mutex;
    std::list<Worker> workers;
    int strangers{0};

    void accept_all();
    void admit(Fd socket);
    void join_finished();
    void serve(Fd socket);
    std::string begin(const RshRequest& request, Pipes& pipes, Fd& step) const;
    void no_longer_stranger();
};

void RshServer::State::accept_all() {
    for (;;) {
        pollfd polled[2] = {{.fd = listener.get(), .events = POLLIN, .revents = 0},
                            {.fd = stop.get(), .events = POLLIN, .revents = 0}};
        ::poll(polled, 2, -1);
        if (polled[1].revents != 0) {
            return;
        }
        Fd socket{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        join_finished();
        if (socket) {
            admit(std::move(socket));
        } else if (errno == EMFILE || errno == ENFILE) {
            ::poll(&polled[1], 1, 100);  // No descriptors: some will come back.
        }
    }
}

void RshServer::State::admit(Fd socket) {
    const std::lock_guard lock(mutex);
    if (static_cast<int>(workers.size()) >= settings.connections_max ||
        strangers >= settings.strangers_max) {
        return;  // Closes it; khu-rsh tries again.
    }
    ++strangers;
    Worker& worker = workers.emplace_back();
    worker.thread = std::thread([this, &worker, fd = socket.release()] {
        serve(Fd{fd});
        const std::lock_guard inner(mutex);
        worker.done = true;
    });
}

void RshServer::State::join_finished() {
    std::list<Worker> finished;
    {
        const std::lock_guard lock(mutex);
        for (auto it = workers.begin(); it != workers.end();) {
            const auto next = std::next(it);
            if (it->done) {
                finished.splice(finished.end(), workers, it);
            }
            it = next;
        }
    }
    for (Worker& worker : finished) {
        worker.thread.join();
    }
}

void RshServer::State::no_longer_stranger() {
    const std::lock_guard lock(mutex);
    --strangers;
}

/// Why the step may not run; empty: it does.
std::string RshServer::State::begin(const RshRequest& request, Pipes& pipes, Fd& step) const {
    if (request.node != settings.node) {
        return "this is node " + settings.node + ", not " + request.node;
    }
    if (!tokens->allows(key_of(request), request.token)) {
        return "no such attempt here, or the token is not its own";
    }
    if (request.command.empty() || request.command.find('\0') != std::string::npos) {
        return "there is no command";
    }
    if (!make_pipes(pipes)) {
        return std::strerror(errno);
    }
    Expected<Fd, Refusal> started =
        shepherds->exec(key_of(request), request.command, {},
                        {pipes.its_input.get(), pipes.its_output.get(), pipes.its_error.get()});
    if (!started) {
        return text(started.error(), Language::English);
    }
    step = std::move(*started);
    return {};
}

void RshServer::State::serve(Fd socket) {
    sigset_t pipe_signal;
    ::sigemptyset(&pipe_signal);
    ::sigaddset(&pipe_signal, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);

    std::shared_ptr<SSL_CTX> now;
    {
        const std::lock_guard lock(mutex);
        now = context;
    }
    Expected<TlsStream, std::string> stream =
        TlsStream::accept(std::move(socket), now.get(), settings.handshake_max);
    std::string line, rest, why = "the request cannot be read";
    Pipes pipes;
    Fd step;
    const bool asked =
        stream && stream->read_line(line, rest, rsh_line_bytes_max, settings.handshake_max);
    if (asked) {
        const auto request = wire::from_json_text<RshRequest>(line, wire::Unknown::Ignore);
        why = request ? begin(*request, pipes, step) : why;
        stream->write(wire::to_json_text(RshReply{.refused = why}) + "\n", settings.handshake_max);
    }
    no_longer_stranger();
    if (!asked || !why.empty()) {
        if (stream) {
            stream->close();
        }
        return;
    }
    pipes.its_input.reset();
    pipes.its_output.reset();
    pipes.its_error.reset();
    RshSession session(std::move(*stream), std::move(step), std::move(pipes.our_input),
                       std::move(pipes.our_output), std::move(pipes.our_error), stop.get());
    session.run(std::move(rest));
}

namespace {

Unexpected<Refusal> cannot_listen(const RshSettings& settings) {
    return Unexpected{Refusal(Code::PortInUse)
                          .with("address", settings.address + ":" + std::to_string(settings.port))
                          .with("why", std::strerror(errno))};
}

Fd listen_on(const RshSettings& settings, int& port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(settings.port));
    Fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    socklen_t size = sizeof address;
    if (::inet_pton(AF_INET, settings.address.c_str(), &address.sin_addr) != 1 ||
        ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd.get(), 256) != 0 ||
        ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        return {};
    }
    port = ntohs(address.sin_port);
    return fd;
}

Expected<Done, Refusal> use_certificate(RshServer::State& state, const std::string& certificate,
                                        const std::string& key) {
    std::shared_ptr<SSL_CTX> made = make_rsh_server_context(certificate, key);
    if (made == nullptr) {
        return Unexpected{Refusal(Code::CertificateFailed)
                              .with("what", "use the node's certificate for remote steps")
                              .with("why", "certificate and key do not fit together")};
    }
    const std::lock_guard lock(state.mutex);
    state.context.swap(made);
    return Done{};
}

}  // namespace

Expected<std::unique_ptr<RshServer>, Refusal> RshServer::start(const RshSettings& settings,
                                                               const RshTokens& tokens,
                                                               const Shepherds& shepherds) {
    auto state = std::make_unique<State>();
    state->settings = settings;
    state->tokens = &tokens;
    state->shepherds = &shepherds;
    if (auto ready = use_certificate(*state, settings.certificate, settings.key); !ready) {
        return Unexpected{std::move(ready).error()};
    }
    state->listener = listen_on(settings, state->port);
    if (!state->listener) {
        return cannot_listen(settings);
    }
    state->stop.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    std::unique_ptr<RshServer> server(new RshServer(std::move(state)));
    return server;
}

RshServer::RshServer(std::unique_ptr<State> state) : state_(std::move(state)) {
    state_->acceptor = std::thread([this] { state_->accept_all(); });
}

/// Sessions end; the steps hear a hang-up from their shepherd.
RshServer::~RshServer() {
    ::eventfd_write(state_->stop.get(), 1);
    state_->acceptor.join();
    for (State::Worker& worker : state_->workers) {
        worker.thread.join();
    }
}

Expected<Done, Refusal> RshServer::renew(const std::string& certificate, const std::string& key) {
    return use_certificate(*state_, certificate, key);
}

int RshServer::port() const {
    return state_->port;
}

}  // namespace khu::agent
