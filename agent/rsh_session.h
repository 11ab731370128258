#pragma once

/// \file
/// One remote step between its TLS connection and its process: bytes both ways until the process
/// has ended or the connection has, with back-pressure in both directions.

#include <string>

#include "agent/fd.h"
#include "agent/rsh_protocol.h"
#include "agent/rsh_tls.h"

namespace khu::agent {

class RshSession {
public:
    /// `step`: the shepherd's connection, readable when the step has ended (Shepherds::exec).
    /// `stop`: readable when the server ends.
    RshSession(TlsStream stream, Fd step, Fd input, Fd output, Fd error, int stop);

    /// `early`: what came behind the request.
    void run(std::string early);

private:
    bool on_network();
    bool take_input();
    bool push_input();
    bool forward(Fd& from, RshFrame type);
    void finish();

    TlsStream stream_;
    Fd step_, input_, output_, error_;
    int stop_;
    std::string received_;  ///< not yet whole frames
    std::string to_write_;  ///< for the process's standard input
    bool input_ended_{false};
};

}  // namespace khu::agent
