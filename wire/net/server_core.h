#pragma once

/// \file
/// What the server, its connections and its WebSockets share. Lifetimes: the Server owns the core;
/// connections live by the operations that wait for them and refer to the core; Responders, Streams
/// and WebSockets, which callers may keep longer than the Server, hold the core itself. Only for
/// the .cc files that use Asio.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "wire/net/server.h"
#include "wire/net/tls_context.h"

namespace khu::wire::net {

namespace asio = boost::asio;

/// Milliseconds on the steady clock.
inline std::int64_t steady_ms() {
    using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::steady_clock;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}
inline constexpr std::int64_t kNoDeadline = INT64_MAX;

/// Something that holds a connection: the server cuts it when it is late and stops it at the end.
/// All functions are called on any thread.
class Member {
public:
    virtual ~Member() = default;
    /// Closes now if the deadline has passed.
    virtual void cut() = 0;
    /// Closes once what is under way is done.
    virtual void stop() = 0;
    virtual void close_now() = 0;

    [[nodiscard]] bool late(std::int64_t now) const {
        return now > deadline_.load(std::memory_order_relaxed);
    }

protected:
    void set_deadline(std::int64_t at) { deadline_.store(at, std::memory_order_relaxed); }

private:
    std::atomic<std::int64_t> deadline_{kNoDeadline};
};

class Core;

/// One connection's place among those admitted, given back when it ends.
class Place {
public:
    Place(Core& core, bool local, std::string address);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    /// The handshake is done.
    void settle();

private:
    Core& core_;
    bool local_;
    std::string address_;  ///< counted among the unfinished handshakes; empty: no longer
};

class Core : public std::enable_shared_from_this<Core> {
public:
    explicit Core(ServerOptions o) : options(std::move(o)), io(options.threads) {}

    const ServerOptions options;
    void use(std::shared_ptr<TlsContext> tls);
    /// For a new connection.
    std::shared_ptr<TlsContext> tls();
    std::atomic<bool> stopping{false};

    /// A place for a new connection, or none when there are too many.
    std::unique_ptr<Place> admit(bool local, const std::string& address);
    void join(const std::shared_ptr<Member>& member);
    void leave(Member* member);
    std::vector<std::shared_ptr<Member>> members();
    [[nodiscard]] std::int64_t connections() const { return remote_ + local_; }
    /// Waits until no member is left, at most for `most`.
    void wait_until_empty(Span most);

    void route(std::string path, UpgradeHandler handler);
    /// By value: the table may change meanwhile. Empty if there is none.
    UpgradeHandler route(const std::string& path);

private:
    friend class Place;

    std::mutex mutex_;
    std::shared_ptr<TlsContext> tls_;
    std::condition_variable left_;
    std::map<Member*, std::weak_ptr<Member>> members_;
    std::map<std::string, UpgradeHandler> routes_;
    std::map<std::string, std::int64_t> handshakes_;  ///< unfinished, by address
    std::atomic<std::int64_t> remote_{0};
    std::atomic<std::int64_t> local_{0};

public:
    asio::io_context io;  ///< last: the connections it holds use the rest while it is destroyed
};

}  // namespace khu::wire::net
