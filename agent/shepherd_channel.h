#pragma once

/// \file
/// The control socket between agent and shepherd: one packet is one request, answer or event, as
/// records (shepherd_records.h), with up to three descriptors. Unix SOCK_SEQPACKET keeps the
/// borders.
///
///     do=status                          -> state, started_ms, processes
///     do=run                             -> ok          ends the wait of an order with hold
///     do=signal  signal [reason in_ms]   -> ok          a notice; with a reason the stop file is
///     written do=stop    grace_ms reason [signal] -> ok         signal (TERM), grace, KILL; never
///     taken back do=watch                           -> event=hello with a pidfd, then
///     event=prepared or started;
///                                           the end of the connection: the attempt has ended
///     do=exec    text env… + 3 descriptors -> exit_code or signal when the remote step has ended
///
/// An answer holds ok=1 or refused=WHY. On job/exec, the user's own socket, only status and exec
/// exist.

#include <sys/un.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/fd.h"

namespace khu::agent {

inline constexpr std::size_t packet_bytes_max = 128 << 10;  ///< below the default socket buffer
inline constexpr std::size_t packet_fds_max = 3;

struct Packet {
    std::string text;
    std::vector<Fd> fds;
};

enum class Received { Packet, Nothing, Ended, TooLarge };

/// Never blocks longer than the socket does, never raises SIGPIPE. False: gone, full or too large.
bool send_packet(int socket, std::string_view text, const std::vector<int>& fds = {});

/// `flags`: MSG_DONTWAIT or 0.
Received receive_packet(int socket, Packet& into, int flags);

/// A listening socket `name` in the open directory `dir`, mode 0600. Whatever the length of the
/// path.
Fd listen_in(int dir, const std::string& name);
Fd connect_in(int dir, const std::string& name);

/// The value of `key` in a packet; none if the text is broken or has no such key.
std::optional<std::string> find_value(std::string_view text, std::string_view key);
std::optional<std::int64_t> find_number(std::string_view text, std::string_view key);

}  // namespace khu::agent
