#pragma once

/// \file
/// From khud's order to the shepherd's: the launcher plans, this node's facts are added.

#include <string>

#include "agent/cgroup.h"
#include "agent/output_book.h"
#include "agent/shepherd_order.h"
#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/protocol/messages.h"

namespace khu::agent {

/// What every attempt on this node shares.
struct NodeFacts {
    std::string name;
    std::string zone;
    std::string network_cidr;     ///< the network ranks talk over; empty: any
    std::string rsh_helper;       ///< path of khu-rsh
    std::string authority_pem;    ///< the zone's certificate
    std::string checkpoint_root;  ///< a job's directory is made below it; empty: none
    bool presented{false};        ///< the topology is another machine's: cores are not bound
    int real_cores{1};            ///< hardware threads that this machine has
};

/// `job_dir`: the user's part of the attempt's spool directory.
/// Errors: T701 (the account has no entry), T703.
Expected<ShepherdOrder, Refusal> make_shepherd_order(const StartAttempt& order,
                                                     const NodeFacts& facts,
                                                     const std::string& job_dir,
                                                     const GroupPaths& group);

/// Where the output of this node's first rank goes.
OutputFiles outputs_of(const StartAttempt& order, const std::string& node);

/// What the attempt's control group is to enforce on this node.
GroupLimits group_limits(const StartAttempt& order, const NodeFacts& facts);

/// "10.0.0.7:7444" -> "10.0.0.7" and 7444; the port 0 if there is none.
std::string host_of(const std::string& address);
int port_of(const std::string& address);

}  // namespace khu::agent
