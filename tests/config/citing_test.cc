// Each refusal and reason that comes from a limit of the policy cites the very line on which the
// limit stands in the text that was applied.
#include "core/machine/citing.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "config/policy_reader.h"
#include "config/print.h"
#include "tests/core/machine/zone_builder.h"

namespace khu::config {
namespace {

using khu::testing::admin;
using khu::testing::job_of;
using khu::testing::member_of;
using khu::testing::sao_mai;
using khu::testing::song_han;
using khu::testing::Zone;

/// The words with which the lines begin, each below the one before.
using Words = std::vector<std::string>;

/// The line that begins with the last of `words`, after one with each of those before it. It looks
/// at the text only, and knows nothing of keys.
int line_in(const std::string& text, const Words& words) {
    std::istringstream in(text);
    std::size_t next = 0;
    int number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        const std::size_t begin = line.find_first_not_of(" -");
        if (begin != std::string::npos &&
            line.compare(begin, words[next].size(), words[next]) == 0 && ++next == words.size()) {
            return number;
        }
    }
    return -1;
}

/// A zone whose second policy came as a text.
struct Written {
    explicit Written(const std::function<void(Policy&)>& change) {
        Policy policy = khu::testing::small_policy();
        policy.id = PolicyId{"test-2"};
        policy.supersedes = PolicyId{"test-1"};
        policy.effective_from = zone.now + seconds(1);
        change(policy);
        text = print(policy);
        const Outcome applied = zone.tell(
            ApplyPolicy{.who = admin(), .policy = policy, .text = text, .lines = key_lines(text)});
        KHU_CHECK(!applied.refusal, "{}", khu::text(*applied.refusal, Language::English));
        zone.pass(seconds(1));
        zone.tell(Tick{});
        KHU_CHECK(zone.machine.state().truth.policy->id == policy.id, "");
    }
    Outcome submit(const JobSpec& spec, const EnterpriseId& owner = sao_mai,
                   const UserId& user = {}) {
        Identity who = member_of(owner);
        who.user = user.empty() ? who.user : user;
        Outcome outcome = zone.tell(SubmitJob{.who = who, .spec = spec, .key = ""});
        zone.round();
        return outcome;
    }
    void expect_cited(const Refusal& why, const Words& words) const {
        const RuleSource source{Layer::Zone, "test-2", line_in(text, words)};
        ASSERT_GT(source.line, 0) << text;
        EXPECT_EQ(cited_source(why), source) << khu::text(why, Language::English) << "\n" << text;
        EXPECT_TRUE(khu::text(why, Language::English)
                        .ends_with(" (zone test-2, line " + std::to_string(source.line) + ")"));
    }

    Zone zone;
    std::string text;
};

struct Case {
    const char* name;
    Code code;
    std::function<void(Policy&)> change;
    std::vector<JobSpec> before;  ///< accepted
    JobSpec job;
    Words words;
    EnterpriseId owner{sao_mai};
    UserId user{};                                        ///< of the last job; empty: the usual one
    std::function<void(Zone&)> meanwhile = [](Zone&) {};  ///< before the last job
};

void PrintTo(const Case& one, std::ostream* out) {
    *out << one.name;
}

void nothing(Policy&) {}

ProgrammeLimits& limits_of(Policy& policy) {
    return policy.programmes.front().limits;
}

JobSpec for_hours(JobSpec job, int h) {
    job.time_limit = hours(h);
    return job;
}

JobSpec at_qos(JobSpec job, const char* qos) {
    job.qos = QosId{qos};
    return job;
}

void lend_little(Policy& policy) {
    policy.borrowing = {
        {.partition = PartitionId{"gpu"},
         .rules = {
             {.programme = ProgrammeId{"free"}, .nominal_gpus = 16, .lend = 16, .borrow = 4},
             {.programme = ProgrammeId{"half"}, .nominal_gpus = 16, .lend = 16, .borrow = 0}}}};
}

void add_licences(Policy& policy) {
    policy.resources = {{.id = ResourceId{"eda"}, .count = 4, .max_per_enterprise = 2}};
}

JobSpec with_licences(int count) {
    JobSpec job = job_of(1, 1);
    job.counted = CountedWishes{{{ResourceId{"eda"}, count}}};
    return job;
}

/// Two nodes, for an hour and a half, an hour after the policy.
void add_lesson(Policy& policy) {
    policy.calendar.reservations = {
        {.id = "lesson",
         .programme = ProgrammeId{"free"},
         .partition = PartitionId{"gpu"},
         .gpus = 16,
         .qos = QosId{"thuong"},
         .window = {policy.effective_from + hours(1), policy.effective_from + minutes(150)}}};
}

JobSpec in_lesson() {
    JobSpec job = for_hours(job_of(1, 1), 1);
    job.where.edit().reservation = "lesson";
    return job;
}

/// What is said of the job of the case, after what came before it.
Outcome submitted(Written& written, const Case& one) {
    for (const JobSpec& job : one.before) {
        KHU_CHECK(!written.submit(job, one.owner).refusal);
    }
    one.meanwhile(written.zone);
    return written.submit(one.job, one.owner, one.user);
}

class Refused : public ::testing::TestWithParam<Case> {};

TEST_P(Refused, CitesItsLine) {
    const Case& one = GetParam();
    Written written(one.change);

    const Outcome outcome = submitted(written, one);

    ASSERT_TRUE(outcome.refusal);
    EXPECT_EQ(outcome.refusal->code, one.code);
    written.expect_cited(*outcome.refusal, one.words);
}

const Case kRefused[] = {
    {"partition",
     Code::NotOpen,
     [](Policy& p) {
         p.partitions.push_back(p.partitions.front());
         p.partitions.back().id = PartitionId{"other"};
         p.partitions.back().nodes = {NodeName{"m1"}};
     },
     {},
     [] {
         JobSpec job = job_of(1, 1);
         job.partition = PartitionId{"other"};
         return job;
     }(),
     {"programmes:", "free:", "partitions:"}},
    {"qos",
     Code::NotOpen,
     [](Policy& p) { p.qos.push_back({.id = QosId{"gap"}, .factor_permille = 1500, .tier = 30}); },
     {},
     at_qos(job_of(1, 1), "gap"),
     {"programmes:", "free:", "qos:"}},
    {"time_of_partition",
     Code::OverLimit,
     nothing,
     {},
     for_hours(job_of(1, 1), 100),
     {"partitions:", "gpu:", "time_limit:", "max:"}},
    {"time_of_qos",
     Code::OverLimit,
     [](Policy& p) { p.qos.front().time_limit = hours(1); },
     {},
     job_of(1, 1),
     {"qos:", "thuong:", "time_limit:"}},
    {"no_time",
     Code::TimeLimitMissing,
     [](Policy& p) { p.partitions.front().time_limit.default_limit = Span{}; },
     {},
     for_hours(job_of(1, 1), 0),
     {"partitions:", "gpu:", "time_limit:", "max:"}},
    {"gpus_of_programme",
     Code::OverLimit,
     [](Policy& p) { limits_of(p).max_gpus_per_job = 4; },
     {},
     job_of(1, 8),
     {"programmes:", "free:", "limits:", "max_gpus_per_job:"}},
    {"gpus_of_qos",
     Code::OverLimit,
     [](Policy& p) { p.qos.front().max_gpus_per_job = 4; },
     {},
     job_of(1, 8),
     {"qos:", "thuong:", "max_gpus_per_job:"}},
    {"gpus_of_enterprise",
     Code::OverLimit,
     [](Policy& p) { p.qos.front().max_gpus_per_enterprise = 4; },
     {},
     job_of(1, 8),
     {"qos:", "thuong:", "max_gpus_per_enterprise:"}},
    {"gpus_borrowed",
     Code::OverLimit,
     lend_little,
     {},
     job_of(3, 8),
     {"borrowing:", "gpu:", "programme: free", "borrow:"}},
    {"queued",
     Code::TooManyQueued,
     [](Policy& p) { limits_of(p).max_jobs_queued = 1; },
     {job_of(4, 8), job_of(1, 1)},
     job_of(1, 1),
     {"programmes:", "free:", "limits:", "max_jobs_queued:"}},
    {"users",
     Code::TooManyUsers,
     [](Policy& p) {
         limits_of(p).max_users = 1;
         p.enterprises.front().members = {UserId{"u-1"}, UserId{"u-2"}};
     },
     {job_of(1, 1)},
     job_of(1, 1),
     {"programmes:", "free:", "limits:", "max_users:"},
     sao_mai,
     UserId{"u-2"}},
    {"live_grant",
     Code::NoLiveGrant,
     [](Policy& p) {
         p.qos.push_back({.id = QosId{"nhan-roi"}, .factor_permille = 0, .tier = 0});
         p.qos.back().time_limit = hours(4);
         p.qos.back().needs_live_grant = true;
         p.programmes.front().qos.push_back(QosId{"nhan-roi"});
     },
     {},
     at_qos(job_of(1, 1), "nhan-roi"),
     {"qos:", "nhan-roi:", "needs_live_grant:"},
     sao_mai,
     {},
     [](Zone& zone) {
         zone.tell(ChangeGrant{admin(), GrantId{"G1"}, GrantVerb::Suspend, "report late"});
     }},
    {"licences",
     Code::OverLimit,
     add_licences,
     {},
     with_licences(3),
     {"resources:", "eda:", "max_per_enterprise:"}},
    {"all_licences",
     Code::OverLimit,
     [](Policy& p) {
         add_licences(p);
         p.resources.front().max_per_enterprise = 0;
     },
     {},
     with_licences(5),
     {"resources:", "eda:", "count:"}},
    {"licences_of_another",
     Code::NotOpen,
     [](Policy& p) {
         add_licences(p);
         p.resources.front().enterprises = {song_han};
     },
     {},
     with_licences(1),
     {"resources:", "eda:", "enterprises:"}},
    {"nodes", Code::TooFewNodes, nothing, {}, job_of(5, 1), {"partitions:", "gpu:", "nodes:"}},
    {"grant",
     Code::GrantTooSmall,
     nothing,
     {},
     for_hours(job_of(4, 8), 10),
     {"enterprises:", "\"0401000001\":", "grants:", "id: \"G1\"", "amount:"}},
};

INSTANTIATE_TEST_SUITE_P(Limits, Refused, ::testing::ValuesIn(kRefused),
                         [](const auto& one) { return one.param.name; });

class Waits : public ::testing::TestWithParam<Case> {};

TEST_P(Waits, ForALimitOfWhichTheLineIsSaid) {
    const Case& one = GetParam();
    Written written(one.change);

    const Outcome outcome = submitted(written, one);

    ASSERT_FALSE(outcome.refusal) << khu::text(*outcome.refusal, Language::English);
    const State& state = written.zone.machine.state();
    const auto why = state.scheduler.why(outcome.job, written.zone.now);
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code, one.code) << khu::text(*why, Language::English);
    written.expect_cited(cited(state, *why), one.words);
}

const Case kWaits[] = {
    {"gpus_of_programme",
     Code::EnterpriseLimit,
     [](Policy& p) { limits_of(p).max_gpus_running = 12; },
     {job_of(1, 8)},
     job_of(1, 8),
     {"programmes:", "free:", "limits:", "max_gpus_running:"}},
    {"gpus_at_qos",
     Code::QosLimit,
     [](Policy& p) { p.qos.front().max_gpus_per_enterprise = 12; },
     {job_of(1, 8)},
     job_of(1, 8),
     {"qos:", "thuong:", "max_gpus_per_enterprise:"}},
    {"jobs_of_user",
     Code::UserLimit,
     [](Policy& p) { p.qos.front().max_jobs_per_user = 1; },
     {job_of(1, 1)},
     job_of(1, 1),
     {"qos:", "thuong:", "max_jobs_per_user:"}},
    {"jobs_over_grant",
     Code::OverGrantLimit,
     [](Policy& p) {
         p.priority.over_grant = {
             {.used_at_least_permille = 100, .age_penalty = days(1), .max_running_jobs = 1}};
     },
     {job_of(1, 8)},
     job_of(1, 1),
     {"priority:", "over_grant:", "used_at_least: \"10%\"", "max_running_jobs:"}},
    {"borrowed",
     Code::BorrowLimit,
     lend_little,
     {job_of(2, 8)},
     job_of(1, 8),
     {"borrowing:", "gpu:", "programme: free", "borrow:"}},
    {"licences",
     Code::CountedLimit,
     add_licences,
     {with_licences(2)},
     with_licences(1),
     {"resources:", "eda:", "max_per_enterprise:"}},
    {"set_aside",
     Code::ReservationAhead,
     add_lesson,
     {},
     job_of(4, 8),
     {"calendar:", "reservations:", "id: lesson"}},
    {"not_open_yet",
     Code::ReservationNotOpen,
     add_lesson,
     {},
     in_lesson(),
     {"calendar:", "reservations:", "id: lesson"}},
    {"blackout",
     Code::BlackoutAhead,
     [](Policy& p) {
         p.calendar.blackouts = {
             {.id = "tet",
              .window = {p.effective_from + hours(1), p.effective_from + hours(9)},
              .partitions = {PartitionId{"gpu"}}}};
     },
     {},
     job_of(1, 1),
     {"calendar:", "blackouts:", "id: tet"}},
    {"budget",
     Code::FunderShort,
     [](Policy& p) { p.funders.front().budget = Mvnd{1'000'000}; },
     {},
     job_of(1, 8),
     {"funders:", "zone-test:", "budget:"}},
    {"closed_funder",
     Code::FunderClosed,
     [](Policy& p) {
         p.funders.front().window = {Moment{1'700'006'400'000}, Moment{1'770'000'000'000}};
     },
     {},
     job_of(1, 8),
     {"funders:", "zone-test:", "window:"}},
    {"wallet",
     Code::WalletShort,
     [](Policy& p) { p.enterprises.back().wallet.mode = WalletMode::Prepaid; },
     {},
     job_of(1, 8),
     {"enterprises:", "\"0401000002\":", "wallet:"},
     song_han},
};

INSTANTIATE_TEST_SUITE_P(Limits, Waits, ::testing::ValuesIn(kWaits),
                         [](const auto& one) { return one.param.name; });

TEST(Citing, AGrantOverTheMaximumSaysWhereThatStands_L210) {
    Written written(nothing);
    const GrantOffer offer{.id = GrantId{"G9"},
                           .enterprise = sao_mai,
                           .programme = ProgrammeId{"free"},
                           .amount = gpu_hours(20'000),
                           .from = written.zone.now,
                           .to = written.zone.now + days(10),
                           .decision_ref = "9/QD"};

    const Outcome outcome = written.zone.tell(ApproveGrants{admin(), {offer}});

    ASSERT_TRUE(outcome.refusal);
    EXPECT_EQ(outcome.refusal->code, Code::GrantNotAllowed);
    const int line = line_in(written.text, {"programmes:", "free:", "grant:", "max:"});
    EXPECT_NE(khu::text(*outcome.refusal, Language::English)
                  .find("(zone test-2, line " + std::to_string(line) + ")"),
              std::string::npos)
        << khu::text(*outcome.refusal, Language::English);
}

TEST(Citing, AHoldersCapSaysWhoSetItAndWhen_A107) {
    Written written(nothing);
    Identity holder = member_of(sao_mai);
    holder.roles.insert(Role::Holder);
    const Moment set_at = written.zone.now;
    ASSERT_FALSE(
        written.zone
            .tell(CapProject{
                .who = holder, .grant = GrantId{"G1"}, .project = "vision", .cap = gpu_hours(4)})
            .refusal);
    JobSpec spec = job_of(1, 8);
    spec.project = "vision";

    const Outcome outcome = written.submit(spec);

    const State& state = written.zone.machine.state();
    const auto why = state.scheduler.why(outcome.job, written.zone.now);
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code, Code::ProjectShort);
    const Reason said = cited(state, *why);
    EXPECT_EQ(cited_source(said), (RuleSource{Layer::Enterprise, sao_mai.value, 0}));
    const std::string when = format_utc(set_at);
    EXPECT_TRUE(khu::text(said, Language::English)
                    .ends_with(" (enterprise 0401000001, set by u-1 at " + when + ")"));
    EXPECT_TRUE(khu::text(said, Language::Vietnamese)
                    .ends_with(" (doanh nghiệp 0401000001, do u-1 đặt lúc " + when + ")"));
}

/// What no limit of a policy says: why none is cited.
const std::map<std::string_view, const char*> kNoLimit{
    {"A100", "who is a member is no limit"},
    {"A105", "there is no grant"},
    {"A107", "the holder's own cap: AHoldersCapSaysWhoSetItAndWhen_A107"},
    {"A109", "tells what happened"},
    {"A110", "what is left of grants stands in the books"},
    {"A111", "the grant's days stand in the books"},
    {"A112", "the grant's days stand in the books"},
    {"A113", "somebody suspended the grant; a late report has a limit: duties_test"},
    {"A118", "the node is another one than the policy says"},
    {"A120", "nodes are taken"},
    {"A121", "nodes are away"},
    {"A122", "the user's own hold"},
    {"A123", "the user's own dependency"},
    {"A124", "the user's own time"},
    {"A125", "others stand before"},
    {"A126", "an attempt failed"},
    {"A127", "attempts failed; the bound is khud's own"},
    {"A128", "nodes are taken"},
    {"A129", "the user's own cap of an array"},
    {"A130", "a range of khud's own"},
    {"A131", "no such node"},
    {"A133", "no such name"},
    {"A135", "a text"},
    {"A136", "a bound of khud's own"},
    {"A137", "not made yet"},
    {"A138", "the user's own numbers"},
    {"A139", "the user's own deadline"},
    {"A140", "others give way"},
    {"A144", "no window is left; one of the policy is cited as for A143"},
    {"A145", "its nodes are taken"},
    {"A146", "a name is taken"},
    {"A147", "it has begun"},
    {"A156", "what is idle, not what is allowed"},
    {"A157", "GPUs are lent out"},
    {"A158", "tells where it runs"},
    {"A159", "they are in use"},
    {"A161", "they are booked"},
    {"A162", "they are kept for another job"}};

TEST(Citing, EveryCodeOfAdmissionCitesItsLimitOrHasNone) {
    std::set<std::string_view> cite;
    for (const Case& one : kRefused) {
        cite.insert(info(one.code).id);
    }
    for (const Case& one : kWaits) {
        cite.insert(info(one.code).id);
    }
    for (const CodeInfo& code : all_codes()) {
        if (code.id.starts_with('A')) {
            EXPECT_NE(cite.contains(code.id), kNoLimit.contains(code.id)) << code.id;
        }
    }
}

TEST(Citing, TheLineOfAKeyThatIsNotWrittenIsThatOfTheNearestAboveIt) {
    const KeyLines lines{{"qos", 3}, {"qos.gap", 5}, {"qos.gap.tier", 6}};

    EXPECT_EQ(khu::line_of(lines, "qos.gap.tier"), 6);
    EXPECT_EQ(khu::line_of(lines, "qos.gap.time_limit"), 5);
    EXPECT_EQ(khu::line_of(lines, "qos.thu.time_limit"), 3);
    EXPECT_EQ(khu::line_of(lines, "programmes"), 0);
    EXPECT_EQ(khu::line_of({}, "qos"), 0);
}

TEST(Citing, ScheduledAndThenInForceItIsTheNewText) {
    Written written([](Policy& p) { limits_of(p).max_gpus_per_job = 4; });
    EXPECT_EQ(written.zone.machine.state().truth.policy_lines, key_lines(written.text));
    EXPECT_FALSE(written.zone.machine.state().truth.scheduled);
}

TEST(Citing, AZoneWithoutTheTextCitesThePolicyAlone) {
    Zone zone;
    const Outcome outcome = zone.tell(
        SubmitJob{.who = member_of(sao_mai), .spec = for_hours(job_of(1, 1), 100), .key = ""});

    ASSERT_TRUE(outcome.refusal);
    EXPECT_EQ(cited_source(*outcome.refusal), (RuleSource{Layer::Zone, "test-1", 0}));
}

}  // namespace
}  // namespace khu::config
