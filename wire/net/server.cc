#include "wire/net/server.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <thread>

#include "wire/net/connection.h"
#include "wire/net/dial.h"
#include "wire/net/endpoint.h"

namespace khu::wire::net {

// The core: who is connected, and how many.

Place::Place(Core& core, bool local, std::string address)
    : core_(core), local_(local), address_(std::move(address)) {
    ++(local_ ? core_.local_ : core_.remote_);
}

Place::~Place() {
    settle();
    --(local_ ? core_.local_ : core_.remote_);
}

void Place::settle() {
    if (address_.empty()) {
        return;
    }
    const std::lock_guard lock(core_.mutex_);
    const auto found = core_.handshakes_.find(address_);
    if (found != core_.handshakes_.end() && --found->second == 0) {
        core_.handshakes_.erase(found);
    }
    address_.clear();
}

std::unique_ptr<Place> Core::admit(bool local, const std::string& address) {
    const std::int64_t count = local ? local_ : remote_;
    if (stopping || count >= options.limits.connections) {
        return nullptr;
    }
    if (local) {
        return std::make_unique<Place>(*this, true, "");
    }
    const std::lock_guard lock(mutex_);
    std::int64_t& unfinished = handshakes_[address];
    if (unfinished >= options.limits.handshakes_per_address) {
        return nullptr;
    }
    ++unfinished;
    return std::make_unique<Place>(*this, false, address);
}

void Core::join(const std::shared_ptr<Member>& member) {
    const std::lock_guard lock(mutex_);
    members_.insert_or_assign(member.get(), member);
}

void Core::leave(Member* member) {
    const std::lock_guard lock(mutex_);
    if (members_.erase(member) > 0 && members_.empty()) {
        left_.notify_all();
    }
}

std::vector<std::shared_ptr<Member>> Core::members() {
    std::vector<std::shared_ptr<Member>> alive;
    const std::lock_guard lock(mutex_);
    for (const auto& [_, weak] : members_) {
        if (std::shared_ptr<Member> member = weak.lock()) {
            alive.push_back(std::move(member));
        }
    }
    return alive;
}

void Core::wait_until_empty(Span most) {
    std::unique_lock lock(mutex_);
    left_.wait_for(lock, std::chrono::milliseconds(most.value),
                   [this] { return members_.empty(); });
}

void Core::use(std::shared_ptr<TlsContext> tls) {
    const std::lock_guard lock(mutex_);
    tls_.swap(tls);
}

std::shared_ptr<TlsContext> Core::tls() {
    const std::lock_guard lock(mutex_);
    return tls_;
}

void Core::route(std::string path, UpgradeHandler handler) {
    const std::lock_guard lock(mutex_);
    routes_.insert_or_assign(std::move(path), std::move(handler));
}

UpgradeHandler Core::route(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto found = routes_.find(path);
    return found == routes_.end() ? UpgradeHandler{} : found->second;
}

namespace {

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, Strand>;

Unexpected<Refusal> cannot_listen(const std::string& address, const std::string& why) {
    return {Refusal(Code::PortInUse).with("address", address).with("why", why)};
}
Unexpected<Refusal> cannot_listen(const std::string& address) {
    return cannot_listen(address, std::strerror(errno));
}

/// "10.0.0.7" and "10.0.0.7:40112" of a socket's other end; "unix" of a local one.
std::pair<std::string, std::string> names_of_peer(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::getpeername(fd, any, &size) != 0 || address.ss_family == AF_UNIX ||
        ::getnameinfo(any, size, host.data(), host.size(), port.data(), port.size(),
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return {"unix", "unix"};
    }
    return {host.data(), fmt::format("{}:{}", host.data(), port.data())};
}

std::optional<UnixPeer> local_peer(int fd) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return std::nullopt;
    }
    return UnixPeer{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
}

/// Accepts for as long as it is open. When descriptors run out it rests instead of spinning.
class Listener : public std::enable_shared_from_this<Listener> {
public:
    Listener(Core& core, int fd, bool local)
        : core_(core),
          local_(local),
          acceptor_(asio::make_strand(core.io),
                    asio::generic::stream_protocol(local ? AF_UNIX : AF_INET, 0), fd),
          rest_(acceptor_.get_executor()) {}

    void accept() {
        acceptor_.async_accept(asio::make_strand(core_.io),
                               [self = shared_from_this()](error_code error, Socket socket) {
                                   if (!self->acceptor_.is_open()) {
                                       return;
                                   }
                                   if (error) {
                                       self->rest();
                                       return;
                                   }
                                   self->welcome(std::move(socket));
                                   self->accept();
                               });
    }

    void close() {
        asio::post(acceptor_.get_executor(), [self = shared_from_this()] {
            error_code ignored;
            self->acceptor_.close(ignored);
            self->rest_.cancel();
        });
    }

private:
    void rest() {
        rest_.expires_after(std::chrono::milliseconds(50));
        rest_.async_wait([self = shared_from_this()](error_code error) {
            if (!error && self->acceptor_.is_open()) {
                self->accept();
            }
        });
    }

    void welcome(Socket socket) {
        const int fd = socket.native_handle();
        const auto [host, address] = names_of_peer(fd);
        std::unique_ptr<Place> place = core_.admit(local_, host);
        error_code error;
        socket.native_non_blocking(true, error);
        if (place == nullptr || error) {
            return;  // closed: too many
        }
        Peer peer{.local = {}, .certificate_subject = {}, .address = address};
        if (local_) {
            peer.local = local_peer(fd);
        } else {
            send_at_once(fd);
        }
        Line line = local_ ? Line::plain(fd) : Line::tls_server(fd, core_.tls());
        std::make_shared<Connection>(core_, Transport(std::move(socket), std::move(line)),
                                     std::move(peer), std::move(place))
            ->start();
    }

    Core& core_;
    bool local_;
    Acceptor acceptor_;
    asio::steady_timer rest_;
};

Expected<int, Refusal> listen_tcp(const std::string& address) {
    const Expected<HostPort, Refusal> where = parse_host_port(address);
    if (!where) {
        return Unexpected{where.error()};
    }
    addrinfo hints{};
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const char* host = where->host.empty() ? nullptr : where->host.c_str();
    const int failed = ::getaddrinfo(host, std::to_string(where->port).c_str(), &hints, &found);
    if (failed != 0) {
        return cannot_listen(address, ::gai_strerror(failed));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
    const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd < 0 || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd, SOMAXCONN) != 0) {
        const auto refusal = cannot_listen(address);
        ::close(fd);
        return refusal;
    }
    return fd;
}

/// A socket file that nobody serves is left from a crash and replaced.
Expected<int, Refusal> listen_unix(const std::string& path, unsigned mode) {
    SocketAddress address;
    if (!unix_address(path, address)) {
        return cannot_listen(path, "the path is too long");
    }
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return cannot_listen(path);
    }
    if (::connect(fd, address.get(), address.size) == 0) {
        ::close(fd);
        return cannot_listen(path, "it is served already");
    }
    struct stat file{};
    if (errno == ECONNREFUSED && ::lstat(path.c_str(), &file) == 0 && S_ISSOCK(file.st_mode)) {
        ::unlink(path.c_str());
    }
    if (::bind(fd, address.get(), address.size) != 0 || ::chmod(path.c_str(), mode) != 0 ||
        ::listen(fd, SOMAXCONN) != 0) {
        const auto refusal = cannot_listen(path);
        ::close(fd);
        return refusal;
    }
    return fd;
}

std::uint16_t port_of(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    const in_port_t port = address.ss_family == AF_INET6
                               ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                               : reinterpret_cast<const sockaddr_in*>(&address)->sin_port;
    return ntohs(port);
}

class RunningServer final : public Server {
public:
    explicit RunningServer(ServerOptions options)
        : core_(std::make_shared<Core>(std::move(options))),
          work_(core_->io.get_executor()),
          sweep_(asio::make_strand(core_->io)) {}
    ~RunningServer() override { stop(); }

    Expected<Done, Refusal> listen();
    void run();
    void on_websocket(std::string path, UpgradeHandler handler) override {
        core_->route(std::move(path), std::move(handler));
    }
    [[nodiscard]] Expected<Done, Refusal> renew(const Identity& identity) override;
    [[nodiscard]] std::uint16_t port() const override { return port_; }
    [[nodiscard]] std::int64_t connections() const override { return core_->connections(); }
    void stop() override;

private:
    void add(int fd, bool local) {
        listeners_.push_back(std::make_shared<Listener>(*core_, fd, local));
    }
    void sweep();

    std::shared_ptr<Core> core_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    asio::steady_timer sweep_;
    std::vector<std::shared_ptr<Listener>> listeners_;
    std::vector<std::thread> threads_;
    std::uint16_t port_{0};
    std::once_flag stopped_;
};

Expected<Done, Refusal> RunningServer::renew(const Identity& identity) {
    Expected<std::shared_ptr<TlsContext>, Refusal> tls =
        TlsContext::server(identity, core_->options.authority);
    if (!tls) {
        return Unexpected{std::move(tls).error()};
    }
    core_->use(*std::move(tls));
    return Done{};
}

Expected<Done, Refusal> RunningServer::listen() {
    const ServerOptions& options = core_->options;
    if (options.tcp) {
        if (Expected<Done, Refusal> ready = renew(options.identity); !ready) {
            return ready;
        }
        const Expected<int, Refusal> fd = listen_tcp(*options.tcp);
        if (!fd) {
            return Unexpected{fd.error()};
        }
        port_ = port_of(*fd);
        add(*fd, false);
    }
    if (options.unix_path) {
        const Expected<int, Refusal> fd = listen_unix(*options.unix_path, options.unix_mode);
        if (!fd) {
            return Unexpected{fd.error()};
        }
        add(*fd, true);
    }
    return Done{};
}

void RunningServer::run() {
    for (const std::shared_ptr<Listener>& listener : listeners_) {
        listener->accept();
    }
    sweep();
    for (int i = 0; i < core_->options.threads; ++i) {
        threads_.emplace_back([core = core_] { core->io.run(); });
    }
}

/// Looks for the late ones, often enough to be fair to the shortest of the bounds.
void RunningServer::sweep() {
    const ServerLimits& limits = core_->options.limits;
    const std::int64_t shortest = std::min(limits.handshake.value, limits.idle.value);
    sweep_.expires_after(
        std::chrono::milliseconds(std::clamp<std::int64_t>(shortest / 4, 10, 500)));
    sweep_.async_wait([this](error_code error) {
        if (error || core_->stopping) {
            return;  // A sweep that was due when stop() cancelled must not arm the timer again.
        }
        const std::int64_t now = steady_ms();
        for (const std::shared_ptr<Member>& member : core_->members()) {
            if (member->late(now)) {
                member->cut();
            }
        }
        sweep();
    });
}

void RunningServer::stop() {
    std::call_once(stopped_, [this] {
        core_->stopping = true;
        for (const std::shared_ptr<Listener>& listener : listeners_) {
            listener->close();
        }
        for (const std::shared_ptr<Member>& member : core_->members()) {
            member->stop();
        }
        if (!threads_.empty()) {
            core_->wait_until_empty(core_->options.limits.stop_grace);
        }
        for (const std::shared_ptr<Member>& member : core_->members()) {
            member->close_now();
        }
        asio::post(sweep_.get_executor(), [this] { sweep_.cancel(); });
        work_.reset();
        for (std::thread& thread : threads_) {
            thread.join();
        }
        listeners_.clear();
        if (core_->options.unix_path && !threads_.empty()) {
            ::unlink(core_->options.unix_path->c_str());
        }
    });
}

}  // namespace

Expected<std::unique_ptr<Server>, Refusal> Server::start(ServerOptions options) {
    KHU_CHECK(options.handler && options.problem && options.threads >= 1);
    auto server = std::make_unique<RunningServer>(std::move(options));
    const Expected<Done, Refusal> listening = server->listen();
    if (!listening) {
        return Unexpected{listening.error()};
    }
    server->run();
    return std::unique_ptr<Server>(std::move(server));
}

}  // namespace khu::wire::net
