#include "daemon/snapshot.h"

#include "wire/json.h"

namespace khu::daemon {
namespace {

constexpr std::size_t kJobsPerPiece = 1000;

struct KeyRow {
    KeyName name;
    KeyUse use;
};
KHU_DESCRIBE(KeyRow, name, use)

struct FairRow {
    ProgrammeId programme;
    EnterpriseId enterprise;
    FadingUse use;
};
KHU_DESCRIBE(FairRow, programme, enterprise, use)

struct EndedRow {
    JobId job;
    EndedJob ended;
};
KHU_DESCRIBE(EndedRow, job, ended)

/// What a snapshot keeps of refunds.
struct RefundRows {
    std::uint64_t next{1};
    std::vector<RefundRecord> records;
    std::vector<Refunded> refunded;
    Moment since;
};
KHU_DESCRIBE(RefundRows, next, records, refunded, since)

struct CapacityRows {
    Moment since;
    std::vector<CapacityTotal> totals;
};
KHU_DESCRIBE(CapacityRows, since, totals)

struct PromiseRow {
    JobId job;
    PromisedPlace place;
};
KHU_DESCRIBE(PromiseRow, job, place)

/// What a snapshot keeps of what is owed for grants, and counted of them.
struct DutyRows {
    std::vector<GrantReport> reports;
    std::vector<GrantCount> counts;
};
KHU_DESCRIBE(DutyRows, reports, counts)
/// Who ever submitted in a programme.
struct TakerRow {
    EnterpriseId enterprise;
    ProgrammeId programme;
    std::vector<UserId> users;
};
KHU_DESCRIBE(TakerRow, enterprise, programme, users)

struct ReadingRow {
    std::string name;
    KnownReading known;
};
KHU_DESCRIBE(ReadingRow, name, known)

struct CorrectedRow {
    std::string name;
    CorrectedReading corrected;
};
KHU_DESCRIBE(CorrectedRow, name, corrected)

/// What jobs of a partition asked of a node, by GPUs.
struct MixRow {
    PartitionId partition;
    std::vector<std::int64_t> starts;
};
KHU_DESCRIBE(MixRow, partition, starts)

struct Head {
    ZoneId zone;
    EventSeq last;
    Moment last_at;
    JobId next_job;
    NodeId next_node;
    std::optional<Policy> policy;
    std::string policy_text;
    UserId policy_by;
    Moment policy_at;
    std::vector<PolicyId> policy_ids;
    std::optional<ScheduledPolicy> scheduled;
    std::vector<PolicyRecord> policy_history;
    std::uint64_t next_request{1};
    std::vector<GrantRequestRecord> requests;
    LedgerState ledger;
    std::vector<NodeRecord> nodes;
    std::vector<KeyRow> keys;
    std::vector<FairRow> fair_use;
    std::vector<RunRow> history;
    std::vector<WaitRow> waits;
    std::vector<EndedRow> ended;
    Moment cut_until;
    Moment closed_until;
    std::string closed_period;
    std::vector<MonthMark> months;
    RefundRows refunds{};
    CapacityRows capacity{};
    std::vector<ReservedWindow> reserved{};
    std::vector<PromiseRow> promises{};
    DutyRows duties{};
    std::vector<Booked> booked{};
    std::vector<ReadingRow> readings{};
    std::int64_t floor_lifts{0};
    std::vector<TakerRow> takers{};
    std::vector<CorrectedRow> corrected{};
    std::vector<MixRow> mixes{};
    LayerBooks layers{};
    std::vector<CountedBooking> counted_booked{};
};
KHU_DESCRIBE(Head, zone, last, last_at, next_job, next_node, policy, policy_text, policy_by,
             policy_at, policy_ids, scheduled, policy_history, next_request, requests, ledger,
             nodes, keys, fair_use, history, waits, ended, cut_until, closed_until, closed_period,
             months, refunds, capacity, reserved, promises, duties, booked, readings, floor_lifts,
             takers, corrected, mixes, layers, counted_booked)

struct JobRow {
    Job job;
    std::optional<AttemptBooks> books;
};
KHU_DESCRIBE(JobRow, job, books)

/// What of the nodes is promised or set aside.
void add_places(Head& head, const Truth& truth) {
    for (const auto& [job, place] : truth.promises) {
        head.promises.push_back({job, place});
    }
    for (const auto& [id, booked] : truth.booked) {
        head.booked.push_back(booked);
    }
    for (const auto& [id, booking] : truth.counted_booked) {
        head.counted_booked.push_back(booking);
    }
    for (const auto& [key, window] : truth.reserved) {
        head.reserved.push_back(window);
    }
}

void add_fairness(Head& head, const Truth& truth) {
    head.floor_lifts = truth.floor_lifts;
    for (const auto& [who, use] : truth.fair_use) {
        head.fair_use.push_back({who.first, who.second, use});
    }
    for (const auto& [who, users] : truth.takers) {
        head.takers.push_back({who.first, who.second, {users.begin(), users.end()}});
    }
}

/// What the zone has learnt of its jobs.
void add_learnt(Head& head, const Truth& truth) {
    for (const auto& [kind, sums] : truth.history.classes()) {
        head.history.push_back({kind, sums});
    }
    for (const auto& [kind, counts] : truth.waits.rows()) {
        head.waits.push_back({kind, counts});
    }
    for (const auto& [partition, mix] : truth.mixes) {
        head.mixes.push_back({partition, mix.starts()});
    }
}

Head head_of(const Truth& truth) {
    Head head{.zone = truth.zone,
              .last = truth.last,
              .last_at = truth.last_at,
              .next_job = truth.next_job,
              .next_node = truth.next_node,
              .policy = truth.policy,
              .policy_text = truth.policy_text,
              .policy_by = truth.policy_by,
              .policy_at = truth.policy_at,
              .policy_ids = truth.policy_ids,
              .scheduled = truth.scheduled,
              .policy_history = truth.policy_history,
              .next_request = truth.next_request,
              .requests = {},
              .ledger = truth.ledger.state(),
              .nodes = {},
              .keys = {},
              .fair_use = {},
              .history = {},
              .waits = {},
              .ended = {},
              .cut_until = truth.cut_until,
              .closed_until = truth.closed_until,
              .closed_period = truth.closed_period,
              .months = truth.months,
              .refunds = {.next = truth.next_refund,
                          .records = {},
                          .refunded = {},
                          .since = truth.refunds_since}};
    head.capacity = {.since = truth.capacity.since(), .totals = truth.capacity.totals()};
    head.layers = truth.layers;
    add_places(head, truth);
    for (const auto& [name, known] : truth.readings) {
        head.readings.push_back({name, known});
    }
    for (const auto& [name, corrected] : truth.corrected) {
        head.corrected.push_back({name, corrected});
    }
    head.duties.counts = truth.grant_counts;
    for (const auto& [grant, report] : truth.reports) {
        head.duties.reports.push_back(report);
    }
    add_fairness(head, truth);
    for (const auto& [number, record] : truth.refunds) {
        head.refunds.records.push_back(record);
    }
    for (const auto& [key, refunded] : truth.refunded) {
        head.refunds.refunded.push_back(refunded);
    }
    for (const auto& [number, record] : truth.requests) {
        head.requests.push_back(record);
    }
    for (const auto& [id, node] : truth.nodes) {
        head.nodes.push_back(node);
    }
    for (const auto& [name, use] : truth.keys) {
        head.keys.push_back({name, use});
    }
    for (const auto& [job, ended] : truth.ended) {
        head.ended.push_back({job, ended});
    }
    add_learnt(head, truth);
    return head;
}

void take_places(Truth& truth, Head& head) {
    for (PromiseRow& row : head.promises) {
        truth.promises.emplace(row.job, std::move(row.place));
    }
    for (CountedBooking& booking : head.counted_booked) {
        const std::string id = booking.id;
        truth.counted_booked.emplace(id, std::move(booking));
    }
    for (Booked& booked : head.booked) {
        std::string key = booked_key(booked);
        truth.booked.emplace(std::move(key), std::move(booked));
    }
    for (ReservedWindow& window : head.reserved) {
        const ReservedKey key{window.id, window.window.from};
        truth.reserved.emplace(key, std::move(window));
    }
}

void take_learnt(Truth& truth, const Head& head) {
    for (const RunRow& row : head.history) {
        truth.history.load(row);
    }
    for (const WaitRow& row : head.waits) {
        truth.waits.load(row);
    }
    for (const MixRow& row : head.mixes) {
        truth.mixes.emplace(row.partition, Mix(row.starts));
    }
}

void take_head(Truth& truth, Head head) {
    truth.zone = std::move(head.zone);
    truth.last = head.last;
    truth.last_at = head.last_at;
    truth.next_job = head.next_job;
    truth.next_node = head.next_node;
    truth.policy = std::move(head.policy);
    truth.layers = std::move(head.layers);
    truth.policy_text = std::move(head.policy_text);
    truth.policy_by = std::move(head.policy_by);
    truth.policy_at = head.policy_at;
    truth.policy_ids = std::move(head.policy_ids);
    truth.scheduled = std::move(head.scheduled);
    truth.policy_history = std::move(head.policy_history);
    truth.next_request = head.next_request;
    for (GrantRequestRecord& record : head.requests) {
        const std::uint64_t number = record.request.number;
        truth.requests.emplace(number, std::move(record));
    }
    truth.capacity.start(head.capacity.since, std::move(head.capacity.totals));
    take_places(truth, head);
    for (ReadingRow& row : head.readings) {
        truth.readings.emplace(std::move(row.name), row.known);
    }
    for (CorrectedRow& row : head.corrected) {
        truth.corrected.emplace(std::move(row.name), std::move(row.corrected));
    }
    truth.grant_counts = std::move(head.duties.counts);
    for (GrantReport& report : head.duties.reports) {
        const GrantId grant = report.grant;
        truth.reports.emplace(grant, std::move(report));
    }
    truth.floor_lifts = head.floor_lifts;
    for (TakerRow& row : head.takers) {
        truth.takers[{row.enterprise, row.programme}] = {row.users.begin(), row.users.end()};
    }
    truth.next_refund = head.refunds.next;
    truth.refunds_since = head.refunds.since;
    for (RefundRecord& record : head.refunds.records) {
        const std::uint64_t number = record.request.number;
        truth.refunds.emplace(number, std::move(record));
    }
    for (Refunded& refunded : head.refunds.refunded) {
        const AttemptKey key = refunded.key;
        truth.refunded.emplace(key, std::move(refunded));
    }
    truth.cut_until = head.cut_until;
    truth.closed_until = head.closed_until;
    truth.closed_period = std::move(head.closed_period);
    truth.months = std::move(head.months);
    truth.ledger = Ledger(head.ledger);
    for (NodeRecord& node : head.nodes) {
        const NodeId id = node.id;
        truth.nodes.emplace(id, std::move(node));
    }
    for (KeyRow& row : head.keys) {
        truth.keys.emplace(std::move(row.name), row.use);
    }
    for (const FairRow& row : head.fair_use) {
        truth.fair_use.insert_or_assign({row.programme, row.enterprise}, row.use);
    }
    for (EndedRow& row : head.ended) {
        truth.ended.emplace(row.job, std::move(row.ended));
    }
    take_learnt(truth, head);
}

Refusal damaged(const wire::JsonError& error) {
    return Refusal(Code::StateDamaged)
        .with("path", "snapshot")
        .with("why", error.path + ": " + error.why);
}

}  // namespace

std::vector<std::string> write_snapshot(const Truth& truth) {
    std::vector<std::string> pieces{wire::to_json_text(head_of(truth))};
    std::vector<JobRow> rows;
    const auto flush = [&] {
        if (!rows.empty()) {
            pieces.push_back(wire::to_json_text(rows));
            rows.clear();
        }
    };
    for (const auto& [id, job] : truth.jobs) {
        const auto books = truth.books.find(id);
        JobRow row{.job = job, .books = std::nullopt};
        if (books != truth.books.end()) {
            row.books = books->second;
        }
        rows.push_back(std::move(row));
        if (rows.size() == kJobsPerPiece) {
            flush();
        }
    }
    flush();
    return pieces;
}

Expected<Done, Refusal> SnapshotReader::take(const std::string& piece) {
    ++pieces_;
    if (pieces_ == 1) {
        auto head = wire::from_json_text<Head>(piece, wire::Unknown::Ignore);
        if (!head) {
            return Unexpected{damaged(head.error())};
        }
        take_head(truth_, std::move(head).value());
        return Done{};
    }
    auto rows = wire::from_json_text<std::vector<JobRow>>(piece, wire::Unknown::Ignore);
    if (!rows) {
        return Unexpected{damaged(rows.error())};
    }
    for (JobRow& row : *rows) {
        const JobId id = row.job.id;
        if (row.books) {
            truth_.books.emplace(id, std::move(*row.books));
        }
        truth_.jobs.emplace(id, std::move(row.job));
    }
    return Done{};
}

Truth SnapshotReader::finish() && {
    KHU_CHECK(any());
    return std::move(truth_);
}

}  // namespace khu::daemon
