#include "tests/daemon/year/year_zone.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/digest.h"
#include "core/base/random.h"
#include "daemon/meter_rows.h"
#include "daemon/snapshot.h"
#include "tests/core/machine/zone_builder.h"
#include "tests/daemon/year/year_books.h"
#include "wire/json.h"

namespace khu::testing {
namespace {

/// 2026-01-10T00:00:00+07:00
constexpr Moment kStart{1'767'978'000'000};
constexpr int kNodes = 16;
constexpr std::int64_t kCommandsPerCommit = 100;

const Policy& pattern() {
    static const Policy small = small_policy();
    return small;
}

Programme programme(const std::string& id, Tier tier, std::vector<SplitShare> split) {
    Programme made = pattern().programmes[0];
    made.id = ProgrammeId{id};
    made.tier = tier;
    made.split = std::move(split);
    made.qos = {QosId{"thuong"}, QosId{"gap"}};
    made.limits.max_gpus_running = 0;
    return made;
}

Funder funder(const std::string& id, FunderKind kind, std::int64_t dong) {
    Funder made = pattern().funders[0];
    made.id = FunderId{id};
    made.kind = kind;
    made.budget = Mvnd{dong * 1000};
    return made;
}

PolicyGrant grant(const YearOptions& options, int number, const std::string& programme,
                  Atoms amount) {
    return {.id = GrantId{fmt::format("G-{}-{}", number, programme)},
            .programme = ProgrammeId{programme},
            .amount = amount,
            .window = {.from = kStart, .to = kStart + days(options.days)},
            .decision_ref = "1/QD",
            .permit = ""};
}

Enterprise enterprise_of(const YearOptions& options, int number) {
    Enterprise made = pattern().enterprises[0];
    made.id = YearZone::enterprise(number);
    made.name = "E " + std::to_string(number);
    made.members = {UserId{"u-" + std::to_string(number)}};
    made.wallet.mode = number % 3 == 0   ? WalletMode::Prepaid
                       : number % 3 == 1 ? WalletMode::Postpaid
                                         : WalletMode::None;
    made.wallet.credit_limit = Mvnd{number % 3 == 1 ? 500'000'000'000 : 0};
    const Atoms fair = gpu_hours(options.jobs * 8 / options.enterprises + 40);
    made.grants = {grant(options, number, "half", fair)};
    if (number % 2 == 0) {
        made.grants.push_back(grant(options, number, "free", Atoms{fair.value / 4}));
    }
    return made;
}

}  // namespace

EnterpriseId YearZone::enterprise(int number) {
    return EnterpriseId{fmt::format("04{:08}", number)};
}

Policy YearZone::policy(const YearOptions& options, int version) {
    Policy policy = pattern();
    policy.id = PolicyId{fmt::format("year-{}", version)};
    policy.supersedes = version == 1 ? PolicyId{} : PolicyId{fmt::format("year-{}", version - 1)};
    policy.effective_from = kStart + days(80) * (version - 1);
    policy.partitions[0].nodes.clear();
    for (int node = 1; node <= kNodes; ++node) {
        policy.partitions[0].nodes.push_back(NodeName{"n" + std::to_string(node)});
    }
    policy.qos = {{.id = QosId{"thuong"}, .factor_permille = 1000, .tier = 20},
                  {.id = QosId{"gap"}, .factor_permille = 1500, .tier = 30}};
    for (int past = 2; past <= version; ++past) {
        policy.price_list.push_back(
            {.from_day = kStart + days(80) * (past - 1), .vnd_per_gpuh = 27'000 + 1'111 * past});
    }
    policy.funders = {funder("nation", FunderKind::National, 400'000'000'000),
                      funder("province", FunderKind::Provincial, 300'000'000'000),
                      funder("op", FunderKind::Zone, 20'000'000'000)};
    policy.programmes = {
        programme("free", Tier::Free, {{FunderId{"nation"}, 333}, {FunderId{"province"}, 667}}),
        programme("half", Tier::Subsidised,
                  {{FunderId{"nation"}, 250},
                   {FunderId{"province"}, 250},
                   {FunderId{kEnterprisePayer}, 500}})};
    policy.programmes[1].grant.tranche = Tranche::Quarter;
    policy.programmes[1].carry.max_permille = 200;
    policy.programmes[1].advance_max_of_next_tranche_permille = 500;
    policy.programmes[1].exhausted = Exhausted::LowPriority;
    policy.programmes[1].overrun_max_permille = 100;
    policy.programmes[0].pullback = {
        {.after = days(180), .if_used_below_permille = 400, .forfeit_of_remaining_permille = 300}};
    policy.priority.over_grant = {{.used_at_least_permille = 1000, .age_penalty = days(30)}};
    policy.zone.services.push_back("cloud");
    policy.meters = {
        {.id = MeterId{"vcpu"},
         .service = "cloud",
         .unit = "vcpu-hour",
         .price = Mvnd{517 + 13 * version},
         .split = {
             {FunderId{"nation"}, 333}, {FunderId{"op"}, 167}, {FunderId{kEnterprisePayer}, 500}}}};
    policy.refunds.payer = FunderId{"op"};
    policy.refunds.automatic.launch_fail_permille = 500;
    policy.enterprises.clear();
    for (int number = 1; number <= options.enterprises; ++number) {
        policy.enterprises.push_back(enterprise_of(options, number));
    }
    return policy;
}

YearZone::YearZone(daemon::Store& store, const YearOptions& options, Promised& promised)
    : store_(store), options_(options), promised_(promised) {}

Machine YearZone::recovered(daemon::Store& store) {
    Machine machine{ZoneId{"test"}};
    daemon::SnapshotReader snapshot;
    bool loaded = false;
    const auto load = [&] {
        if (!loaded && snapshot.any()) {
            machine.load(std::move(snapshot).finish());
        }
        loaded = true;
    };
    const auto read = store.recover(
        {.snapshot_chunk =
             [&](EventSeq, const std::string& piece) {
                 KHU_CHECK(snapshot.take(piece).has_value());
             },
         .fact =
             [&](const daemon::StoredFact& row) {
                 load();
                 auto fact = wire::from_json_text<Fact>(row.json, wire::Unknown::Ignore);
                 KHU_CHECK(fact.has_value(), "fact {}: {}", row.seq.value, fact.error().why);
                 machine.replay({.seq = row.seq, .at = row.at, .fact = std::move(*fact)});
             }});
    KHU_CHECK(read.has_value());
    load();
    return machine;
}

std::optional<std::string> YearZone::live() {
    machine_ = recovered(store_);
    const Truth& truth = machine_.state().truth;
    if (truth.last.value < promised_.fact || truth.ledger.last_seq().value < promised_.entry) {
        return fmt::format("promised fact {} entry {}, the store has {} and {}", promised_.fact,
                           promised_.entry, truth.last.value, truth.ledger.last_seq().value);
    }
    if (const std::vector<std::string> broken = truth.ledger.audit(); !broken.empty()) {
        return broken.front();
    }
    if (store_.ledger_head().seq != truth.ledger.last_seq()) {
        return "the books and the facts end at different entries";
    }
    now_ = std::max(kStart, truth.last_at);
    snapshot_at_ = truth.last;
    machine_.recovered(now_);
    begin();
    const Moment end = kStart + days(options_.days);
    while (now_ < end) {
        step();
    }
    commit();
    promised_.done = true;
    return std::nullopt;
}

void YearZone::begin() {
    if (!machine_.state().truth.policy) {
        const Policy first = policy(options_, 1);
        const Outcome made = tell(ApplyPolicy{.who = admin(), .policy = first, .text = "1"});
        KHU_CHECK(!made.refusal, "{}", text(*made.refusal, Language::English));
    }
    const std::int64_t submitted = (now_ - kStart).value / (submit_at(1) - kStart).value;
    next_submit_ = std::max<std::int64_t>(0, submitted - 20);  // The same key: the same job.
    next_payment_ = std::max<std::int64_t>(0, (now_ - kStart).value / hours(12).value - 1);
    next_refund_ = std::max<std::int64_t>(0, (now_ - kStart).value / hours(6).value - 1);
    next_booking_ = (now_ - kStart).value / days(3).value;
    next_reading_ = (now_ - kStart).value / days(1).value;
    next_extension_ = (now_ - kStart).value / days(2).value;
    for (const auto& [id, job] : machine_.state().truth.jobs) {
        if (live_attempt(job) != nullptr) {
            drive(id);
        }
    }
}

std::uint64_t YearZone::dice(std::uint64_t kind, std::uint64_t number) const {
    Digest mixed;
    mixed.add(options_.seed);
    mixed.add(kind);
    mixed.add(number);
    return Random(mixed.value()).next();
}

Moment YearZone::submit_at(std::int64_t number) const {
    return kStart + Span{days(options_.days - 20).value / options_.jobs * number};
}

/// Every three days one node is not heard for two hours.
bool YearZone::silent(int node) const {
    const std::int64_t since = (now_ - kStart).value;
    const std::int64_t turn = since / days(3).value;
    const bool its_turn =
        dice(1, static_cast<std::uint64_t>(turn)) % kNodes == static_cast<std::uint64_t>(node - 1);
    return its_turn && since % days(3).value < hours(2).value && turn > 0;
}

void YearZone::hear_nodes() {
    for (int node = 1; node <= kNodes; ++node) {
        const std::string name = "n" + std::to_string(node);
        const NodeRecord* known = machine_.state().find_node(NodeName{name});
        if (silent(node)) {
            continue;
        }
        if (known != nullptr && known->up) {
            tell(HearNode{.node = known->id, .epoch = known->epoch});
            continue;
        }
        Hello hello;
        hello.run = static_cast<std::uint64_t>(now_.value);
        hello.number = 1;
        hello.node = name;
        hello.instance = "i" + name;
        hello.inventory = eight_gpus(name);
        tell(RegisterNode{hello});
    }
}

void YearZone::step() {
    Moment next = std::min(kStart + days(options_.days), now_ + hours(6));
    if (next_submit_ < options_.jobs) {
        next = std::min(next, std::max(now_, submit_at(next_submit_)));
    }
    if (!ends_.empty()) {
        next = std::min(next, std::max(now_, ends_.begin()->first));
    }
    now_ = next + milliseconds(1);
    hear_nodes();
    end_due();
    tell(Tick{});
    submit_due();
    pay_due();
    book_due();
    refund_due();
    extend_due();
    meter_due();
    change_policy();
    const Outcome round = tell(RunRound{});
    for (const Stamped& fact : round.facts) {
        if (const auto* placed = std::get_if<JobPlaced>(&fact.fact)) {
            drive(placed->job);
        }
    }
    if (told_ >= kCommandsPerCommit) {
        commit();
    }
}

/// The agents of its nodes do what they are told, and know when it will end.
void YearZone::drive(JobId id) {
    for (const AgentStage stage : {AgentStage::Prepared, AgentStage::Running}) {
        const Job* job = machine_.state().find_job(id);
        const Attempt* attempt = job == nullptr ? nullptr : live_attempt(*job);
        if (attempt == nullptr) {
            return;
        }
        const AttemptReport report{.job = id, .attempt = attempt->number, .stage = stage};
        for (const NodeAllocation& each : Placement{attempt->placement}.nodes) {
            const Epoch epoch = machine_.state().truth.nodes.at(each.node).epoch;
            tell(ReportFromNode{each.node, epoch, report});
        }
    }
    const Job& job = machine_.state().truth.jobs.at(id);
    if (const Attempt* attempt = live_attempt(job)) {
        const std::uint64_t roll = dice(2, id.value * 31 + attempt->number.value);
        const auto limit = static_cast<std::uint64_t>(job.spec.time_limit.value);
        ends_.emplace(attempt->taken_at + Span{static_cast<std::int64_t>(roll % (limit * 6 / 5))},
                      id);
    }
}

void YearZone::end_due() {
    while (!ends_.empty() && ends_.begin()->first <= now_) {
        const JobId id = ends_.begin()->second;
        ends_.erase(ends_.begin());
        const Job* job = machine_.state().find_job(id);
        const Attempt* attempt = job == nullptr ? nullptr : live_attempt(*job);
        if (attempt == nullptr) {
            continue;
        }
        AttemptReport report{.job = id, .attempt = attempt->number, .stage = AgentStage::Ended};
        const std::uint64_t roll = dice(3, id.value);
        report.result = AttemptResult{};
        report.result->exit_code = roll % 10 == 0 ? 1 : 0;
        report.result->rank_ran = roll % 97 != 0;
        for (const NodeAllocation& each : Placement{attempt->placement}.nodes) {
            const NodeRecord& node = machine_.state().truth.nodes.at(each.node);
            if (node.up) {
                tell(ReportFromNode{each.node, node.epoch, report});
            }
        }
    }
}

void YearZone::submit_due() {
    for (; next_submit_ < options_.jobs && submit_at(next_submit_) <= now_; ++next_submit_) {
        const auto number = static_cast<std::uint64_t>(next_submit_);
        Random of_job(dice(4, number));
        const std::int64_t turn = next_booking_ - 1;
        const int owner = turn >= 0 && of_job.chance(20)
                              ? booker(turn)  // Who has booked has work to do.
                              : 1 + static_cast<int>(of_job.below(
                                        static_cast<std::uint64_t>(options_.enterprises)));
        JobSpec spec = job_of(of_job.chance(850) ? 1 : 2, 1 << of_job.below(4));
        // The more there are the shorter they are: the nodes are as many.
        spec.time_limit = minutes(of_job.between(10, of_job.chance(50) ? 2'000 : 240) /
                                  std::max<std::int64_t>(1, options_.jobs / 40'000));
        spec.qos = QosId{of_job.chance(100) ? "gap" : "thuong"};
        if (owner == booker(turn) && of_job.chance(300)) {
            spec.where.edit().reservation = Text("b-" + std::to_string(turn));
            spec.qos = QosId{};
            spec.time_limit = std::min(spec.time_limit, hours(2));
        }
        if (machine_.state().scheduler.queue().size() < 1'000) {
            const Identity who{.user = UserId{"u-" + std::to_string(owner)},
                               .enterprise = enterprise(owner),
                               .roles = {Role::Member}};
            tell(SubmitJob{.who = who, .spec = spec, .key = "s" + std::to_string(number)});
        }
    }
}

int YearZone::booker(std::int64_t turn) const {
    return 1 + static_cast<int>(dice(7, static_cast<std::uint64_t>(turn)) %
                                static_cast<std::uint64_t>(options_.enterprises));
}

/// Cancelled is what waits for a window that is over, and what has waited for ten days: for hours
/// that nobody grants, mostly.
void YearZone::give_up() {
    std::vector<JobId> waiting;
    for (const auto& [id, job] : machine_.state().truth.jobs) {
        const bool for_window = !job.spec.where->reservation.empty();
        if (live_attempt(job) == nullptr && (for_window || now_ > job.submitted_at + days(10))) {
            waiting.push_back(id);
        }
    }
    for (const JobId job : waiting) {
        tell(CancelJob{admin(), job});
    }
}

/// Every three days somebody books; a third of them cancel, some too late.
void YearZone::book_due() {
    for (; kStart + days(3) * next_booking_ <= now_; ++next_booking_) {
        give_up();
        Random of_turn(dice(6, static_cast<std::uint64_t>(next_booking_)));
        const Moment from = now_ + hours(of_turn.between(20, 40));
        const std::string name = "b-" + std::to_string(next_booking_);
        tell(BookReservation{
            .who = admin(),
            .enterprise = enterprise(booker(next_booking_)),
            .what = {.id = name,
                     .programme = ProgrammeId{"half"},
                     .partition = PartitionId{"gpu"},
                     .gpus = static_cast<int>(of_turn.between(1, 16)),
                     .qos = QosId{"gap"},
                     .window = {.from = from, .to = from + hours(of_turn.between(2, 20))}}});
        if (of_turn.chance(300)) {
            tell(CancelReservation{admin(), name});
        }
    }
}

void YearZone::pay_due() {
    for (; kStart + hours(12) * next_payment_ <= now_; ++next_payment_) {
        const int owner = 1 + static_cast<int>(next_payment_ % options_.enterprises);
        tell(PayIn{.who = admin(),
                   .enterprise = enterprise(owner),
                   .amount = Mvnd{20'000'000'000},
                   .ref = "P" + std::to_string(next_payment_)});
    }
}

/// A refund of any job that ever ended, in or out of bounds, from what the books say.
void YearZone::refund_due() {
    for (; kStart + hours(6) * next_refund_ <= now_; ++next_refund_) {
        commit();
        const auto number = static_cast<std::uint64_t>(next_refund_);
        const std::uint64_t jobs = machine_.state().truth.next_job.value;
        const JobId job{1 + dice(5, number) % std::max<std::uint64_t>(1, jobs)};
        const auto rows = store_.usage_of(job);
        KHU_CHECK(rows.has_value());
        if (rows->empty()) {
            continue;
        }
        AskRefund ask{.who = admin(), .request = {}};
        ask.request.key = {job, rows->back().attempt};
        const auto entries = store_.entries_of(ask.request.key);
        KHU_CHECK(entries.has_value());
        ask.request.paid = paid_attempt(rows->back(), ask.request.key, *entries);
        ask.request.reason = "r" + std::to_string(number);
        ask.request.amount = Atoms{static_cast<std::int64_t>(
            dice(6, number) % static_cast<std::uint64_t>(ask.request.paid.charged.value + 1))};
        tell(ask);
    }
}

/// Every two days the window of somebody's grant comes to end a day later.
void YearZone::extend_due() {
    for (; kStart + days(2) * next_extension_ <= now_; ++next_extension_) {
        // Of a few, so that some are extended again and again.
        const int owner =
            1 + static_cast<int>(next_extension_ % std::min(options_.enterprises, 12));
        for (const Grant& grant : machine_.state().truth.ledger.balance(enterprise(owner))) {
            if (!grant.tranches.empty() || !grant.overrun_of.empty()) {
                continue;
            }
            tell(ExtendGrant{.who = admin(),
                             .extension = {.id = grant.id,
                                           .add = {},
                                           .to = grant.to + days(1),
                                           .decision_ref = "E" + std::to_string(next_extension_)}});
        }
    }
}

/// Each day a reading of the hour before, and on every third a correction of any that ever was
/// taken.
void YearZone::meter_due() {
    for (; kStart + days(1) * next_reading_ <= now_; ++next_reading_) {
        const auto turn = static_cast<std::uint64_t>(next_reading_);
        Random of_turn(dice(8, turn));
        const int owner =
            1 + static_cast<int>(of_turn.below(static_cast<std::uint64_t>(options_.enterprises)));
        const Moment begin = month_start(now_, 420);
        const Moment from = std::max(begin, now_ - hours(1));
        if (from < now_) {
            tell(TakeReadings{.who = admin(),
                              .readings = {{.meter = MeterId{"vcpu"},
                                            .row = "m-" + std::to_string(turn),
                                            .enterprise = enterprise(owner),
                                            .quantity_micro = of_turn.between(1, 900'000'000),
                                            .from = from,
                                            .to = now_}}});
        }
        if (turn % 3 == 0) {
            correct_reading(turn);
        }
    }
}

/// By more than there is of it too: that is refused.
void YearZone::correct_reading(std::uint64_t turn) {
    commit();
    Random of_turn(dice(9, turn));
    std::vector<std::string> names;
    const auto read = store_.each_value(
        "meter-charge", "", [&](const daemon::KeyValue& each) { names.push_back(each.key); });
    KHU_CHECK(read.has_value());
    if (names.empty()) {
        return;
    }
    MeterReading wrong{.corrects = names[of_turn.below(names.size())]};
    TakeReadings command{.who = admin(), .readings = {}};
    command.firsts = daemon::corrected_by(store_, {wrong}).value();
    const MeterReading& first = command.firsts.at(wrong.corrects).reading;
    wrong.meter = first.meter;
    wrong.row = "c-" + std::to_string(turn);
    wrong.enterprise = first.enterprise;
    wrong.from = first.from;
    wrong.to = first.to;
    wrong.quantity_micro = of_turn.between(0, first.quantity_micro) - first.quantity_micro * 2 / 3;
    wrong.reason = "the meter was wrong";
    wrong.decision_ref = "C-" + std::to_string(turn);
    command.readings = {wrong};
    tell(command);
}

void YearZone::change_policy() {
    const Truth& truth = machine_.state().truth;
    const int next = static_cast<int>(truth.policy_ids.size()) + 1;
    if (upcoming_.first != next) {
        upcoming_ = {next, policy(options_, next)};  // Hundreds of enterprises: made once.
    }
    const Policy& changed = upcoming_.second;
    const bool soon = now_ > changed.effective_from - days(2) && next <= options_.days / 80;
    if (soon && !truth.scheduled && now_ < changed.effective_from) {
        const Outcome made =
            tell(ApplyPolicy{.who = admin(), .policy = changed, .text = std::to_string(next)});
        KHU_CHECK(!made.refusal, "{}", text(*made.refusal, Language::English));
    }
}

Outcome YearZone::tell(const Command& command) {
    Outcome outcome = machine_.handle(command, now_);
    for (const Stamped& fact : outcome.facts) {
        batch_.facts.push_back(
            {.seq = fact.seq, .at = fact.at, .json = wire::to_json_text(fact.fact)});
        if (const auto* closed = std::get_if<MonthClosed>(&fact.fact)) {
            closed_.push_back(closed->period);
        }
    }
    for (Effect& effect : outcome.effects) {
        if (auto* posted = std::get_if<PostEntries>(&effect)) {
            batch_.entries.insert(batch_.entries.end(), posted->entries.begin(),
                                  posted->entries.end());
        } else if (auto* usage = std::get_if<PostUsage>(&effect)) {
            batch_.usage.push_back(std::move(usage->row));
        } else if (auto* readings = std::get_if<PostReadings>(&effect)) {
            daemon::store_readings(*readings, batch_.values);
        }
    }
    told_ += std::holds_alternative<HearNode>(command) ? 0 : 1;
    return outcome;
}

void YearZone::commit() {
    told_ = 0;
    if (batch_.facts.empty()) {
        return;
    }
    const Truth& truth = machine_.state().truth;
    if (static_cast<std::int64_t>(truth.last.value - snapshot_at_.value) >=
        options_.snapshot_every) {
        batch_.snapshot =
            daemon::Snapshot{.up_to = truth.last, .chunks = daemon::write_snapshot(truth)};
        snapshot_at_ = truth.last;
    }
    const auto stored = store_.commit(batch_);
    KHU_CHECK(stored.has_value(), "{}", text(stored.error(), Language::English));
    batch_ = {};
    const daemon::LedgerHead head = store_.ledger_head();
    promised_.fact = truth.last.value;
    promised_.entry = head.seq.value;
    std::memcpy(promised_.hash, head.hash.c_str(), std::min<std::size_t>(64, head.hash.size()));
    promised_.hashed = head.seq.value;
    for (const std::string& period : std::exchange(closed_, {})) {
        keep_report(period);
    }
}

/// What the month's report was when it became final; it must be that for ever.
void YearZone::keep_report(const std::string& period) {
    daemon::Batch batch;
    batch.values = {
        {.space = "closed", .key = period, .value = report_hash(store_, machine_.state(), period)}};
    KHU_CHECK(store_.commit(batch).has_value());
}

}  // namespace khu::testing
