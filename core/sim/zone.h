#pragma once

/// \file
/// The simulated zone: nodes of four GPUs in one partition, three enterprises with grants that are
/// sometimes too small to start everything at once.

#include <string>
#include <vector>

#include "core/base/identity.h"
#include "core/base/random.h"
#include "core/machine/commands.h"
#include "core/machine/state.h"
#include "core/policy/policy.h"
#include "core/topology/inventory.h"

namespace khu::sim {

/// Of jobs that give way to the others.
inline constexpr const char* kIdleQos = "nhan-roi";

/// The programme of the second enterprise: it and "free" lend GPUs to one another.
inline constexpr const char* kSimLender = "lender";

std::string node_name(int number);
Policy sim_policy(int nodes, Random& random);
/// For everybody in the zone: two minutes of a third of it, again and again until all is at rest.
inline constexpr const char* kSimReservation = "lesson";
Reservation sim_reservation(int nodes, Moment start);
/// Of the first enterprise alone: a node, for two minutes.
inline constexpr const char* kSimBooking = "run";
BookReservation sim_booking(Moment start);
/// Of the third enterprise alone, by the policy: a node, again and again.
inline constexpr const char* kSimCourse = "course";
Reservation sim_course(Moment start);
/// Licences of the zone, fewer than its jobs would like, and two of them for the second enterprise
/// alone, for two minutes.
inline constexpr const char* kSimLicence = "licence";
/// Each node has four whole GPUs and one that is cut into four of these.
inline constexpr const char* kSimSlice = "t4-1g-4gb";
BookCounted sim_counted_booking(Moment start);
/// Of the province: shorter jobs, two minutes later.
ApplyLayer sim_rules(Moment start);
/// Of the first enterprise for its own jobs: still shorter ones, sooner.
ApplyLayer sim_own_rules(Moment start);
/// As it is, or on one node with a GPU for half as long, or on one with two.
void offer_alternatives(JobSpec& spec);
/// Jobs that wait for it, and into no part of it any more.
std::vector<JobId> too_late(const State& state, Moment now);
Inventory sim_inventory(int number);
Identity sim_member(int enterprise);
Identity sim_admin();
inline constexpr int kEnterprises = 3;

}  // namespace khu::sim
