#pragma once

/// \file
/// Counted resources: licences, lab benches and whatever else jobs need that is on no node. The
/// policy says how many there are, who may use them, and how many of them one enterprise may use at
/// a time. They cost nothing.
///
/// A job that names some has them from the moment at which an attempt gets its nodes until it has
/// given all of them back; all that it names, or it does not start. What is in use is never more
/// than the policy's count, except after a policy that lowers it: the running keep what they have.
/// Nobody is told to give way for a counted resource.
///
/// A job waits for one with CountedInUse (A159) while too many are in use, CountedLimit (A160)
/// while its enterprise has as many as it may, CountedSetAside (A161) while an enterprise has
/// booked them for a time into which the job could run, CountedKept (A162) while they are kept for
/// a job before it. It blocks nobody else.
///
/// The first in line: of the jobs that wait so, a resource is kept for the one that stands first,
/// from when enough is surely back; and what its enterprise may use, for the first of its own. Jobs
/// behind take what is free if they end before that, or leave enough: small users do not keep a
/// large one waiting for ever, and nothing idles. The same for a job with a promise of nodes, which
/// keeps that promise while it waits for what is back by a known time (core/schedule/later.h).
///
/// An enterprise may book some for a time (CountedBooking): its own jobs have them in that window,
/// and others do not run into it.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"
#include "core/jobs/job.h"
#include "core/machine/counted_booking.h"
#include "core/machine/counted_timeline.h"
#include "core/policy/policy.h"

namespace khu {

class State;

/// Live attempts and how many of the resource each has.
using CountedUsers = std::map<JobId, int>;

/// In order; what is named twice is asked for together.
CountedWishes sorted(CountedWishes wishes);

/// A133 if the policy does not have one of those resources; A101 if one is not open to the
/// enterprise in that programme.
std::optional<Refusal> counted_not_offered(const Policy& policy, const JobSpec& spec);
/// A102 if the job could never have what it names.
std::optional<Refusal> counted_over(const Policy& policy, const JobSpec& spec);

/// Who has the resource until when, and what is set aside of it, after `now`.
CountedTimeline counted_timeline(const State& state, const CountedResource& resource, Moment now);
/// In use, by all or by one enterprise.
std::int64_t counted_in_use(const State& state, const ResourceId& resource);
std::int64_t counted_in_use(const State& state, const ResourceId& resource,
                            const EnterpriseId& enterprise);

/// True for A159, A161 and A162: who is refused so may be the first in line.
bool waits_for_counted(const Reason& reason);
/// By resource, the job that waits for it and stands first.
std::map<ResourceId, JobId> firsts_in_line(const State& state);

/// For whom counted resources were kept when the last round was over.
struct CountedLine {
    std::map<ResourceId, JobId> firsts;  ///< firsts_in_line()
    std::map<JobId, Moment> promised;    ///< jobs that ask for some and wait for nodes: their start
};

/// When something booked ends after `after`; none if nothing does.
std::optional<Moment> next_counted_end(const State& state, Moment after);

/// To be called when a round is over: if something is not kept any more as it was, those behind are
/// looked at again: true.
bool review_line(State& state);

namespace apply_detail {

/// The attempt has what its job names.
void counted_begins(State& state, const Job& job);
/// It has given it back.
void counted_ends(State& state, const Job& job);
/// The job leaves the queue: nothing is kept for it.
void counted_leaves(State& state, const Job& job);

}  // namespace apply_detail
}  // namespace khu
