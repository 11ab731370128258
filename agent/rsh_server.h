#pragma once

/// \file
/// The agent's door for remote steps: khu-rsh of an attempt's other nodes comes in here. One thread
/// a connection, bounded: at most `connections_max` in all and `strangers_max` that have not shown
/// a valid token; each of those has rsh_handshake_max to do so. Who has shown one may run commands
/// inside that attempt, under its shepherd, as its user; nothing else.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agent/fd.h"
#include "agent/rsh_protocol.h"
#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"

namespace khu::agent {

class Shepherds;

/// The secrets of the attempts on this node. Thread-safe.
class RshTokens {
public:
    /// An empty token lets nobody in.
    void add(AttemptKey key, std::string token);
    void remove(AttemptKey key);
    /// In a time that tells nothing of the token.
    [[nodiscard]] bool allows(AttemptKey key, std::string_view token) const;

private:
    mutable std::mutex mutex_;
    std::map<AttemptKey, std::string> tokens_;
};

struct RshSettings {
    std::string node;  ///< this node; requests for another are refused
    std::string address{"0.0.0.0"};
    int port{0};                   ///< 0: any free one
    std::string certificate, key;  ///< PEM, of this node
    Span handshake_max{rsh_handshake_max};
    int connections_max{256};
    int strangers_max{64};
};

class RshServer {
public:
    /// Listens and serves until it is destroyed. `tokens` and `shepherds` outlive it.
    /// Errors: PortInUse, CertificateFailed.
    static Expected<std::unique_ptr<RshServer>, Refusal> start(const RshSettings& settings,
                                                               const RshTokens& tokens,
                                                               const Shepherds& shepherds);
    ~RshServer();
    RshServer(const RshServer&) = delete;
    RshServer& operator=(const RshServer&) = delete;

    [[nodiscard]] int port() const;
    /// New connections see this certificate. Thread-safe. Errors: CertificateFailed, and then the
    /// old one stays.
    Expected<Done, Refusal> renew(const std::string& certificate, const std::string& key);

    struct State;

private:
    explicit RshServer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace khu::agent
