#pragma once

/// \file
/// Acting as the job's user, in a process with one thread. Everything a user names (working
/// directory, output file) is opened with that user's rights, never with the agent's. What cannot
/// be undone or verified ends the process: fail closed.

#include "agent/shepherd_order.h"

namespace khu::agent {

/// True if this process may act as the order's user: root, or that user already.
bool may_act_as(const ShepherdOrder& order);

/// Effective identity of the user for a scope; the real and saved one stay, so that the user can
/// neither signal nor trace this process meanwhile. Claims: may_act_as(order).
class AsUser {
public:
    explicit AsUser(const ShepherdOrder& order);
    ~AsUser();
    AsUser(const AsUser&) = delete;
    AsUser& operator=(const AsUser&) = delete;

private:
    bool switched_{false};
};

/// Gives up every identity but the user's, for ever. False if any step or its verification fails;
/// the caller must then exit without running anything.
bool become_user(const ShepherdOrder& order);

}  // namespace khu::agent
