#pragma once

/// \file
/// The REST API: what is asked and what is answered, a struct each. khud writes these as JSON by
/// reflection, the command line reads them; docs/api/openapi.yaml says the same to people and a
/// test holds the two together. Amounts and durations are integers with the unit in the key; times
/// are RFC 3339 in UTC in keys that end in `_at`, null where there is none (wire/timestamp.h).
/// Which path takes and gives which of them: docs/api/openapi.yaml, made from
/// tests/wire/openapi_routes.def. Other paths: /v1/events (wire/event.h; JSON lines,
/// text/event-stream or WebSocket), /v1/agent (an agent's WebSocket), /healthz, /metrics.
///
/// Every refusal is application/problem+json: a Problem.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/identity.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"
#include "core/jobs/job.h"
#include "core/topology/inventory.h"
#include "wire/alternatives.h"
#include "wire/api_access.h"
#include "wire/api_money.h"
#include "wire/gave_way.h"
#include "wire/standing.h"
#include "wire/timestamp.h"

namespace khu::wire {

/// RFC 9457 problem details with our code.
struct Problem {
    std::string type;   ///< name of the page: "refusals/A104"
    std::string title;  ///< "grant_too_small"
    int status{0};
    std::string detail;  ///< the text, in the language of Accept-Language
    std::string remedy;
    std::string code;  ///< "A104"
    std::vector<Datum> data;
};
KHU_DESCRIBE(Problem, type, title, status, detail, remedy, code, data)

/// What a user asks for. Empty strings and zeros mean "the zone's default".
struct SubmitRequest {
    std::string name, programme, partition, qos, project, enterprise;
    std::int64_t nodes{1};
    std::int64_t gpus_per_node{0};
    std::string gpu_model;
    std::int64_t cores_per_task{0};
    std::int64_t tasks_per_node{1};
    std::int64_t mem_bytes{0};
    std::int64_t time_limit_s{0};
    Launcher launcher{Launcher::Script};
    bool requeue{true};
    bool held{false};
    bool exclusive{false}, or_idle{false};
    Timestamp begin_at;
    std::string within, prefer;
    std::int64_t notice_signal{0};
    std::int64_t notice_seconds{0};
    std::vector<Dependency> after;
    bool singleton{false};
    Timestamp deadline_at;  ///< it must have ended by then; null: whenever
    std::vector<std::string> include, exclude, features;
    std::int64_t segment{0};
    std::string segment_level;
    std::string reservation;             ///< starts only on its nodes, inside its window
    std::vector<CountedWish> resources;  ///< counted ones, for as long as it runs
    std::vector<IndexRange> array;
    std::int64_t array_running_max{0};
    std::vector<AlternativeAsk> any_of;  ///< the most wanted first; empty: only as said above
    std::vector<std::string> argv;
    std::string script;
    std::map<std::string, std::string> env;
    std::string chdir, output, error;
};
KHU_DESCRIBE(SubmitRequest, name, programme, partition, qos, project, enterprise, nodes,
             gpus_per_node, gpu_model, cores_per_task, tasks_per_node, mem_bytes, time_limit_s,
             launcher, requeue, held, exclusive, or_idle, begin_at, within, prefer, notice_signal,
             notice_seconds, after, singleton, deadline_at, include, exclude, features, segment,
             segment_level, reservation, resources, array, array_running_max, any_of, argv, script,
             env, chdir, output, error)

/// What is to be otherwise of a job; what is left out stays as it is.
struct UpdateRequest {
    std::optional<std::string> name, qos;
    std::optional<std::int64_t> time_limit_s;
    std::optional<Timestamp> begin_at, deadline_at;
    std::optional<std::int64_t> array_running_max;  ///< of an array; 0: any number
    std::optional<std::vector<CountedWish>> resources;
};
KHU_DESCRIBE(UpdateRequest, name, qos, time_limit_s, begin_at, deadline_at, array_running_max,
             resources)

struct SubmitAnswer {
    JobId job;
    bool existed{false};  ///< the idempotency key had made this job before
};
KHU_DESCRIBE(SubmitAnswer, job, existed)

struct AllocationView {
    std::string node;
    std::vector<int> gpus;  ///< positions in the node's inventory
    std::vector<int> cores;
    std::vector<int> pus;  ///< os_index of the cores' hardware threads
    Bytes mem_bytes;
    std::string stage;  ///< "ordered", "prepared", "running", "released"
};
KHU_DESCRIBE(AllocationView, node, gpus, cores, pus, mem_bytes, stage)

/// A reason or refusal made readable for the caller, with its data.
struct Explained {
    std::string code, name, text, remedy;
    std::vector<Datum> data;
};
KHU_DESCRIBE(Explained, code, name, text, remedy, data)

/// What was asked, with the zone's defaults filled in, in the words of SubmitRequest. Of a job with
/// alternatives: of the one that was taken, or of the first while it waits.
struct SpecView {
    std::string name;
    EnterpriseId enterprise;
    UserId user;
    ProgrammeId programme;
    PartitionId partition;
    QosId qos;
    std::string project;
    int nodes{1};
    int gpus_per_node{0};
    GpuModel gpu_model;
    int cores_per_node{0};
    int tasks_per_node{1};
    Bytes mem_bytes;  ///< per node
    std::int64_t time_limit_s{0};
    Launcher launcher{Launcher::Script};
    bool requeue{true};
    bool held{false};
    bool exclusive{false}, or_idle{false};
    Timestamp begin_at;
    std::string within, prefer;
    int notice_signal{0};
    int notice_seconds{0};
    std::vector<Dependency> after;
    bool singleton{false};
    Timestamp deadline_at;
    std::vector<NodeName> include, exclude;
    std::vector<FeatureName> features;
    int segment{0};
    std::string segment_level, reservation;
    std::vector<CountedWish> resources;
    std::string array;  ///< of an array: its indices, "1-100%8"
    JobId array_job;    ///< of an element: its array; 0: it is none
    int array_index{-1};
    std::vector<AlternativeView> any_of;
};
KHU_DESCRIBE(SpecView, name, enterprise, user, programme, partition, qos, project, nodes,
             gpus_per_node, gpu_model, cores_per_node, tasks_per_node, mem_bytes, time_limit_s,
             launcher, requeue, held, exclusive, or_idle, begin_at, within, prefer, notice_signal,
             notice_seconds, after, singleton, deadline_at, include, exclude, features, segment,
             segment_level, reservation, resources, array, array_job, array_index, any_of)

/// How far an array is, in elements.
struct ArrayView {
    std::int64_t waiting{0}, running{0}, ended{0}, failed{0};
};
KHU_DESCRIBE(ArrayView, waiting, running, ended, failed)

/// The last one that the job declared (`khu checkpoint`).
struct CheckpointView {
    std::string path;
    Timestamp at;
    std::int64_t attempt{0};
};
KHU_DESCRIBE(CheckpointView, path, at, attempt)

struct JobView {
    JobId job;
    std::string label;  ///< for people: "12", "12_3" for an element of an array
    SpecView spec;
    std::string phase;  ///< "queued", "starting", "running", "ending", "done"
    Timestamp submitted_at, taken_at, started_at, stop_by_at, deadline_at, ended_at;  ///< null: no
    std::int64_t attempt{0};
    std::vector<AllocationView> nodes;
    Receipt receipt;
    std::optional<Explained> reason;  ///< why it waits; only while queued
    std::string cause;                ///< end cause; only when done or ending
    int exit_code{0};
    std::string detail;
    Atoms held_ugs, charged_ugs, metered_ugs, waived_ugs;
    std::vector<std::string> grants;
    std::optional<ArrayView> elements;
    std::optional<StandingView> standing;  ///< with factors=true, while queued
    std::optional<CheckpointView> checkpoint;
    std::optional<EtaView> eta;  ///< while queued, where it can be said
    std::optional<FirstEtaView> first_eta;
    std::optional<GaveWayView> gave_way;
};
KHU_DESCRIBE(JobView, job, label, spec, phase, submitted_at, taken_at, started_at, deadline_at,
             ended_at, attempt, nodes, receipt, reason, cause, exit_code, detail, held_ugs,
             charged_ugs, metered_ugs, waived_ugs, grants, elements, standing, checkpoint, eta,
             first_eta, stop_by_at, gave_way)

struct JobPage {
    std::vector<JobView> jobs;
    std::string next;       ///< cursor for `after`, opaque; empty: no more
    std::int64_t total{0};  ///< live jobs of the enterprise asked for, of all its users
};
KHU_DESCRIBE(JobPage, jobs, next, total)

/// One change of the request with which the job would start now.
struct ChangeView {
    std::string kind;    ///< "shorter_time", "fewer_nodes", "fewer_gpus", "other_partition", ...
    std::string option;  ///< what to give to khu submit: "--time 3h"
    std::int64_t loss_permille{0};  ///< of the GPU time asked for
};
KHU_DESCRIBE(ChangeView, kind, option, loss_permille)

/// What keeps one of a job's alternatives, and what would start it.
struct WhyAlternative {
    int alternative{0};  ///< from 1
    std::string what;    ///< "gpu-l4: 2 x 4 l4, 5h"
    std::vector<Explained> reasons;
    std::vector<ChangeView> changes;
    Timestamp expected_start_at;  ///< null: not known
};
KHU_DESCRIBE(WhyAlternative, alternative, what, reasons, changes, expected_start_at)

/// The chain of blockers in order; the first is what `khu queue` shows. Of a job with alternatives,
/// `changes` is empty and each alternative has its own.
struct WhyAnswer {
    JobId job;
    std::string phase;
    std::int64_t rank{0};  ///< place in its partition's queue, 1 = next
    std::vector<Explained> reasons;
    std::vector<ChangeView> changes;  ///< smallest first; none: no single change would do
    std::optional<StandingView> standing;
    Timestamp expected_start_at;  ///< null: not known
    std::optional<EtaView> eta;
    std::optional<FirstEtaView> first_eta;
    std::vector<WhyAlternative> alternatives;  ///< in their order; empty: it has none
};
KHU_DESCRIBE(WhyAnswer, job, phase, rank, reasons, changes, standing, expected_start_at, eta,
             first_eta, alternatives)

/// MIG slices of one model, of one GPU.
struct SlicesView {
    std::string gpu;  ///< PCI address of the GPU that they are cut from
    std::string model;
    std::int64_t slices{0}, free{0};
};
KHU_DESCRIBE(SlicesView, gpu, model, slices, free)

struct NodeView {
    NodeId node;
    std::string name;
    std::string state;   ///< "up", "lost", "drained", "draining", "mismatch"
    std::string reason;  ///< why drained, or what does not match the policy
    std::string address, version;
    std::vector<std::string> partitions;
    std::int64_t gpus{0}, gpus_free{0}, cores{0}, cores_free{0};  ///< a slice counts as a GPU
    std::string gpu_model;
    std::vector<SlicesView> slices;  ///< those of `gpus` that are none whole
    Bytes mem_bytes, mem_free_bytes;
    std::vector<JobId> jobs;
    Timestamp heard_at;
    std::optional<Inventory> inventory;  ///< only for one node
};
KHU_DESCRIBE(NodeView, node, name, state, reason, address, version, partitions, gpus, gpus_free,
             cores, cores_free, gpu_model, slices, mem_bytes, mem_free_bytes, jobs, heard_at,
             inventory)

struct NodePage {
    std::vector<NodeView> nodes;
    std::string next;  ///< as in JobPage
};
KHU_DESCRIBE(NodePage, nodes, next)

struct ReasonRequest {
    std::string reason;
};
KHU_DESCRIBE(ReasonRequest, reason)

struct PaidPart {
    std::string payer;  ///< funder id or "enterprise"
    std::string kind;   ///< "national", "provincial", "zone", "donor", "enterprise"
    Mvnd amount_mvnd;
};
KHU_DESCRIBE(PaidPart, payer, kind, amount_mvnd)

struct HoldPart {
    GrantId grant;
    Atoms amount_ugs;
};
KHU_DESCRIBE(HoldPart, grant, amount_ugs)

/// What one of a job's alternatives would hold.
struct QuotedAlternative {
    int alternative{0};               ///< from 1
    bool affordable{false};           ///< its hold would fit now
    std::optional<Explained> reason;  ///< why not
    std::int64_t billable_milli{0};
    Atoms hold_ugs;
    Mvnd list_mvnd;
};
KHU_DESCRIBE(QuotedAlternative, alternative, affordable, reason, billable_milli, hold_ugs,
             list_mvnd)

/// The same function as admission, so a job that the quote affords is admitted. Of a job with
/// alternatives, the first that is affordable, or the first; all of them are in `alternatives`.
struct QuoteAnswer {
    bool admitted{false};             ///< would be accepted into the queue
    bool affordable{false};           ///< the hold would fit now
    std::optional<Explained> reason;  ///< why not
    SpecView spec;                    ///< with the zone's defaults filled in
    std::int64_t billable_milli{0};
    Atoms hold_ugs;
    Mvnd list_mvnd;
    std::vector<PaidPart> split;
    std::vector<HoldPart> grants;
    std::vector<GrantAhead> ahead;                ///< of those grants
    Timestamp runs_out_at;                        ///< with this job at the rate of what runs now
    std::vector<QuotedAlternative> alternatives;  ///< in their order; empty: it has none
};
KHU_DESCRIBE(QuoteAnswer, admitted, affordable, reason, spec, billable_milli, hold_ugs, list_mvnd,
             split, grants, ahead, runs_out_at, alternatives)

struct ProjectView {
    std::string project;
    Atoms cap_ugs, held_ugs, spent_ugs;
    std::string set_by{};
    Timestamp set_at{};
};
KHU_DESCRIBE(ProjectView, project, cap_ugs, held_ugs, spent_ugs, set_by, set_at)

/// How much of a grant a project may use; `lift`: as much as the grant has.
struct ProjectCapRequest {
    Atoms cap_ugs;
    bool lift{false};
};
KHU_DESCRIBE(ProjectCapRequest, cap_ugs, lift)

/// What is owed for a grant that is over.
struct GrantReportView {
    std::string state;  ///< "due", "late", "delivered"
    Timestamp due_at;   ///< late from then on
    std::int64_t days_late{0};
    bool output_required{false};
    std::string report, output;  ///< where they are
    Timestamp delivered_at;
    std::string delivered_by;
    std::string returned_reason;  ///< it was sent back
};
KHU_DESCRIBE(GrantReportView, state, due_at, days_late, output_required, report, output,
             delivered_at, delivered_by, returned_reason)

/// Where the report that is owed is, and the open output.
struct GrantReportRequest {
    std::string report, output;
};
KHU_DESCRIBE(GrantReportRequest, report, output)

/// So much goes to another grant of the same enterprise and programme.
struct GrantTransferRequest {
    std::string to_grant;
    Atoms amount_ugs;
    std::string decision_ref;
};
KHU_DESCRIBE(GrantTransferRequest, to_grant, amount_ugs, decision_ref)

struct GrantView {
    GrantId grant;
    std::string enterprise, programme, tier, state, state_reason, decision_ref;
    Timestamp from_at, to_at;
    Atoms whole_ugs;  ///< with the tranches still to come
    Atoms granted_ugs, free_ugs, held_ugs, spent_ugs, expired_ugs;
    Atoms clawback_ugs;                 ///< pulled back
    Atoms carried_ugs;                  ///< of what is free: from the tranche before
    std::string overrun_of;             ///< a line of overrun: of which grant
    std::vector<ProjectView> projects;  ///< those with a cap
    std::vector<GrantAhead> ahead;      ///< in the order of time
    Timestamp runs_out_at;              ///< at the rate of what runs now; null: nothing runs
    Atoms moved_in_ugs, moved_out_ugs;  ///< from and to other grants
    std::optional<GrantReportView> report;
    std::string voucher;  ///< that was redeemed for it
};
KHU_DESCRIBE(GrantView, grant, enterprise, programme, tier, state, state_reason, decision_ref,
             from_at, to_at, whole_ugs, granted_ugs, free_ugs, held_ugs, spent_ugs, expired_ugs,
             clawback_ugs, carried_ugs, overrun_of, projects, ahead, runs_out_at, moved_in_ugs,
             moved_out_ugs, report, voucher)

struct GrantPage {
    std::vector<GrantView> grants;
    std::string next;  ///< as in JobPage
};
KHU_DESCRIBE(GrantPage, grants, next)

struct BalanceAnswer {
    std::string enterprise, name;
    std::vector<GrantView> grants;
    Atoms free_ugs, held_ugs, spent_ugs;
    std::int64_t jobs_running{0}, jobs_queued{0};
    std::optional<PurseView> wallet;  ///< null: it has paid and owes nothing
};
KHU_DESCRIBE(BalanceAnswer, enterprise, name, grants, free_ugs, held_ugs, spent_ugs, jobs_running,
             jobs_queued, wallet)

struct GrantRequest {
    std::string grant, enterprise, programme, decision_ref;
    Atoms amount_ugs;
    Timestamp from_at, to_at;
    std::string permit;   ///< of a sandbox
    std::string voucher;  ///< its number where it was decided; redeemed once
};
KHU_DESCRIBE(GrantRequest, grant, enterprise, programme, decision_ref, amount_ugs, from_at, to_at,
             permit, voucher)

/// A CSV file, see config/grant_csv.h; all of it or nothing.
struct GrantImport {
    std::string text;
};
KHU_DESCRIBE(GrantImport, text)

struct GrantImported {
    std::int64_t imported{0};  ///< grants of the file that are now open
    std::int64_t existed{0};   ///< of them: were there already, the very same
};
KHU_DESCRIBE(GrantImported, imported, existed)

/// What a holder asks for. `enterprise` empty: the caller's own.
struct GrantAsk {
    std::string enterprise, programme, purpose, permit;
    Atoms amount_ugs;
    Timestamp from_at, to_at;  ///< null: from now; as long as the programme allows
};
KHU_DESCRIBE(GrantAsk, enterprise, programme, purpose, permit, amount_ugs, from_at, to_at)

struct GrantRequestView {
    std::string request;  ///< "RQ-7"
    std::string enterprise, programme;
    std::string state;  ///< "waiting", "approved", "refused"
    std::string purpose, permit, asked_by;
    std::string decided_by;  ///< empty: nobody yet, or the policy's own bound
    std::string reason, decision_ref;
    std::string grant;  ///< that came of it
    Atoms amount_ugs;
    Timestamp from_at, to_at, asked_at, decided_at;
};
KHU_DESCRIBE(GrantRequestView, request, enterprise, programme, state, purpose, permit, asked_by,
             decided_by, reason, decision_ref, grant, amount_ugs, from_at, to_at, asked_at,
             decided_at)

struct GrantRequestPage {
    std::vector<GrantRequestView> requests;
};
KHU_DESCRIBE(GrantRequestPage, requests)

/// An approval names its decision_ref, a refusal its reason. `grant` empty: named like the request.
struct GrantDecision {
    std::string reason, decision_ref, grant;
};
KHU_DESCRIBE(GrantDecision, reason, decision_ref, grant)

struct GrantChange {
    Atoms add_ugs;    ///< extend: more hours
    Timestamp to_at;  ///< extend: a later end; null: unchanged
    std::string reason;
    std::string decision_ref;
};
KHU_DESCRIBE(GrantChange, add_ugs, to_at, reason, decision_ref)

struct PolicyRequest {
    std::string text;
    std::string file;  ///< for the places in complaints
    bool strict{false};
};
KHU_DESCRIBE(PolicyRequest, text, file, strict)

struct ComplaintView {
    std::string code, severity, path, text;
    std::string place;                ///< "policy.yaml:12:5"
    std::optional<RuleSource> limit;  ///< where the limit stands that is passed, as in `text`
};
KHU_DESCRIBE(ComplaintView, code, severity, path, text, place, limit)

struct PolicyReview {
    bool accepted{false};
    std::string policy;    ///< id
    std::string in_force;  ///< id of the policy now in force
    std::vector<ComplaintView> complaints;
    /// What it will do by itself: what reservations for one enterprise cost, and on which grants;
    /// which waiting jobs could not start.
    std::vector<std::string> forecast;
    std::vector<std::string> changes;  ///< diff against the policy in force, in words
    Timestamp effective_at;            ///< when it takes effect; null: it is not accepted
};
KHU_DESCRIBE(PolicyReview, accepted, policy, in_force, complaints, forecast, changes, effective_at)

struct PolicyRecordView {
    std::string policy;
    std::string state;  ///< "superseded", "in_force", "scheduled", "dropped"
    std::string applied_by, decision_ref;
    std::string dropped;  ///< why it never was in force
    std::string sha256;   ///< of its text; only in the history
    Timestamp applied_at, effective_at;
};
KHU_DESCRIBE(PolicyRecordView, policy, state, applied_by, decision_ref, dropped, sha256, applied_at,
             effective_at)

struct PolicyHistory {
    std::vector<PolicyRecordView> policies;  ///< oldest first
};
KHU_DESCRIBE(PolicyHistory, policies)

/// Back to the policy before the one in force, under the new id `policy`.
struct PolicyRollback {
    std::string policy, decision_ref;
    Timestamp effective_at;  ///< null: at once
};
KHU_DESCRIBE(PolicyRollback, policy, decision_ref, effective_at)

/// A value of the text that rules above the zone make tighter for what starts.
struct HeldView {
    std::string path;
    std::string value;  ///< as written; empty: no limit is set
    std::string bound;  ///< what it is held to
    RuleSource limit;   ///< where that stands
};
KHU_DESCRIBE(HeldView, path, value, bound, limit)

struct PolicyAnswer {
    std::string policy, text, applied_by;
    Timestamp applied_at, effective_at;
    std::optional<PolicyRecordView> scheduled{};  ///< the one that follows
    std::vector<HeldView> held{};                 ///< by the rules that bind, then or now
};
KHU_DESCRIBE(PolicyAnswer, policy, text, applied_by, applied_at, effective_at, scheduled, held)

struct ManifestAnswer {
    std::string file, sha256;
    std::int64_t bytes{0}, rows{0}, schema_version{1};
    std::map<std::string, std::int64_t> control_totals;
    std::vector<std::string> policy_ids;
    LedgerSeq ledger_first, ledger_last;
    std::string ledger_head;
    std::int64_t revision{1};
    bool is_final{false};
    std::string generated_at;
    std::string report, period, enterprise, format, language;  ///< what it is, to ask for it again
    bool is_public{false};
};
KHU_DESCRIBE(ManifestAnswer, file, sha256, bytes, rows, schema_version, control_totals, policy_ids,
             ledger_first, ledger_last, ledger_head, revision, is_final, generated_at, report,
             period, enterprise, format, language, is_public)

/// `khu report verify`: a file against the books. Not an answer of khud.
struct FileVerified {
    bool ok{false};
    std::string file;
    std::int64_t line{0};  ///< the first that differs, from 1
    std::string has, books;
};
KHU_DESCRIBE(FileVerified, ok, file, line, has, books)

struct VerifyAnswer {
    bool ok{false};
    std::int64_t entries{0};
    std::string head;
    std::string problem;  ///< what is wrong, with the entry's number; empty if ok
};
KHU_DESCRIBE(VerifyAnswer, ok, entries, head, problem)

struct VersionAnswer {
    std::string version, zone;
    std::int64_t schema{0};
};
KHU_DESCRIBE(VersionAnswer, version, zone, schema)

}  // namespace khu::wire
