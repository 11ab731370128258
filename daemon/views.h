#pragma once

/// \file
/// Answers to questions, made from the state or from the history: what the API's structs say of
/// jobs, nodes, grants and queues. Read-only; run on the engine's deciding thread.

#include <string>
#include <vector>

#include "core/machine/effects.h"
#include "core/machine/state.h"
#include "wire/api.h"

namespace khu::daemon {

wire::JobView job_view(const State& state, const Job& job, Moment now, Language language);
/// Every term of a queued job's place in the queue.
wire::StandingView standing_view(const State& state, const Job& job);
/// Of a job that has ended, from its history.
wire::JobView job_view(const ArchiveJob& archive);
/// The state is unchanged on return.
wire::WhyAnswer why(State& state, const Job& job, Moment now, Language language);

/// How a node is shown.
struct NodeShown {
    bool with_inventory{false};
    Language language{Language::English};
};
wire::NodeView node_view(const State& state, const NodeRecord& node, NodeShown how,
                         const Identity& who);
wire::GrantView grant_view(const State& state, const Grant& grant, Moment now);
/// What will happen to it by itself, in the order of time.
std::vector<wire::GrantAhead> ahead_of(const State& state, const Grant& grant, Moment now);
/// When the open grants of the programme are spent at the rate of what runs now and
/// `more_per_second`; 0 if nothing does.
Moment runs_out(const State& state, const EnterpriseId& enterprise, const ProgrammeId& programme,
                Atoms more_per_second, Moment now);
/// `purse` is one of the ledger's.
wire::PurseView purse_view(const State& state, const Purse& purse);
wire::BalanceAnswer balance(const State& state, const EnterpriseId& enterprise, Moment now);
/// The same function as admission. `who` and `asked` as for a submission.
wire::QuoteAnswer quote(const State& state, const Identity& who, const JobSpec& asked, Moment now,
                        Language language);

}  // namespace khu::daemon
