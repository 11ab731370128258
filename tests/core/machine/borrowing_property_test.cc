/// Whose the GPUs are, against a model that writes down for each programme what it owns, what it
/// has borrowed and what it lends, and adds up.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "core/machine/lending.h"
#include "core/machine/machine.h"
#include "core/sim/owner_waits.h"
#include "tests/core/machine/zone_builder.h"

namespace khu {
namespace {

struct Plain {
    std::int64_t nominal{0}, lend{0}, borrow{0}, running{0};
    [[nodiscard]] std::int64_t own() const { return std::min(running, nominal); }
    [[nodiscard]] std::int64_t borrowed() const { return running - own(); }
    /// Of what it does not use.
    [[nodiscard]] std::int64_t lends() const { return std::min(lend, nominal - own()); }
};

struct Model {
    std::map<ProgrammeId, Plain> programmes;
    std::int64_t gpus{0};

    [[nodiscard]] std::int64_t borrowed() const {
        std::int64_t sum = 0;
        for (const auto& [id, each] : programmes) {
            sum += each.borrowed();
        }
        return sum;
    }
    [[nodiscard]] std::int64_t lent() const {
        std::int64_t sum = gpus;
        for (const auto& [id, each] : programmes) {
            sum += each.lends() - each.nominal;
        }
        return sum;
    }
    [[nodiscard]] std::int64_t running() const {
        std::int64_t sum = 0;
        for (const auto& [id, each] : programmes) {
            sum += each.running;
        }
        return sum;
    }
    /// No more is borrowed than the others lend, if it starts.
    [[nodiscard]] bool lends_enough(const ProgrammeId& who, std::int64_t more) const {
        Model after = *this;
        after.programmes.at(who).running += more;
        return after.borrowed() <= after.lent();
    }
};

RC_GTEST_PROP(Lending, AnswersLikeTheModelAndNeverLendsMoreThanIsLent, ()) {
    Model model;
    Borrowing rules{.partition = PartitionId{"gpu"}, .rules = {}};
    for (const char* name : {"a", "b", "c"}) {
        Plain made;
        made.nominal = *rc::gen::inRange(0, 9);
        made.lend = *rc::gen::inRange(0, static_cast<int>(made.nominal) + 1);
        made.borrow = *rc::gen::inRange(0, 13);
        model.programmes[ProgrammeId{name}] = made;
        model.gpus += made.nominal;
        rules.rules.push_back({.programme = ProgrammeId{name},
                               .nominal_gpus = static_cast<int>(made.nominal),
                               .lend = static_cast<int>(made.lend),
                               .borrow = static_cast<int>(made.borrow)});
    }
    model.gpus += *rc::gen::inRange(0, 6);
    LendingPool pool(rules, model.gpus);
    std::vector<std::pair<ProgrammeId, std::int64_t>> runs;
    for (int step = 0; step < 60; ++step) {
        if (!runs.empty() && *rc::gen::inRange(0, 3) == 0) {
            const auto which =
                static_cast<std::size_t>(*rc::gen::inRange(0, static_cast<int>(runs.size())));
            pool.use(runs[which].first, -runs[which].second);
            model.programmes.at(runs[which].first).running -= runs[which].second;
            runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(which));
            continue;
        }
        const ProgrammeId who{std::string(1, static_cast<char>('a' + *rc::gen::inRange(0, 3)))};
        const std::int64_t gpus = *rc::gen::inRange(1, 7);
        const Plain& now = model.programmes.at(who);
        const LendingAnswer answer = pool.ask(who, gpus);

        const std::int64_t after = now.running + gpus;
        RC_ASSERT(answer.borrows == (after > now.nominal));
        RC_ASSERT(answer.over == (after > now.nominal + now.borrow));
        RC_ASSERT((answer.lacking == 0) == model.lends_enough(who, gpus));
        if (after <= now.nominal - now.lend) {
            RC_ASSERT(answer.lacking == 0);  // What it does not lend is there for it,
            RC_ASSERT(model.running() + gpus <= model.gpus);  // idle.
        }
        if (!answer.over && answer.lacking == 0) {
            pool.use(who, gpus);
            model.programmes.at(who).running += gpus;
            runs.emplace_back(who, gpus);
            RC_ASSERT(model.borrowed() <= model.lent());
            RC_ASSERT(model.running() <= model.gpus);
        }
    }
}

TEST(Lending, AProgrammeWithoutARuleOwnsNothingAndMayBorrowAllThatIsLent) {
    LendingPool pool(
        {.partition = PartitionId{"gpu"},
         .rules = {{.programme = ProgrammeId{"a"}, .nominal_gpus = 8, .lend = 4, .borrow = 0}}},
        16);

    const LendingAnswer answer = pool.ask(ProgrammeId{"other"}, 12);

    EXPECT_TRUE(answer.borrows);
    EXPECT_FALSE(answer.over);
    EXPECT_EQ(answer.lacking, 0);
    EXPECT_EQ(pool.ask(ProgrammeId{"other"}, 13).lacking, 1);
}

/// A zone of four nodes of eight GPUs, in which anything happens.
class Lent {
public:
    Lent() : zone(policy()) {}

    static Policy policy() {
        Policy made = testing::rich_policy();
        const int nominal = *rc::gen::inRange(0, 25);
        const int other = *rc::gen::inRange(0, 33 - nominal);
        made.borrowing = {{.partition = PartitionId{"gpu"},
                           .rules = {rule(made.programmes.at(0).id, nominal),
                                     rule(made.programmes.at(1).id, other)}}};
        made.preemption.order = {kBorrowed};
        made.preemption.grace = minutes(5);
        made.preemption.min_runtime_borrowed = hours(1);
        return made;
    }

    void submit() {
        JobSpec spec = testing::job_of(1, *rc::gen::inRange(1, 9));
        spec.time_limit = hours(*rc::gen::inRange(1, 9));
        const EnterpriseId& owner =
            *rc::gen::inRange(0, 2) == 0 ? testing::sao_mai : testing::song_han;
        const Outcome outcome =
            zone.tell(SubmitJob{.who = testing::member_of(owner), .spec = spec, .key = ""});
        zone.round();
    }

    /// Half an hour passes; what is over or was told ends, of the others now and then one.
    void go_on() {
        zone.pass(minutes(30));
        std::vector<std::pair<JobId, NodeId>> over;
        for (const auto& [id, job] : state().truth.jobs) {
            const Attempt* attempt = live_attempt(job);
            const bool told = std::holds_alternative<Ending>(job.phase);
            if (attempt != nullptr &&
                (told || attempt->deadline <= zone.now || *rc::gen::inRange(0, 10) == 0)) {
                over.emplace_back(id, attempt->placement.nodes[0].node);
            }
        }
        for (const auto& [id, record] : state().truth.nodes) {
            zone.tell(HearNode{id, record.epoch, 1});
        }
        for (const auto& [job, node] : over) {
            AttemptResult result;
            result.end = std::holds_alternative<Ending>(zone.job(job)->phase) ? NodeEnd::Asked
                                                                              : NodeEnd::Itself;
            zone.report(node, job, AgentStage::Ended, result);
        }
        zone.round();
        zone.round();  // What lapsed in the first is looked at again.
    }

    [[nodiscard]] const State& state() const { return zone.machine.state(); }

    testing::Zone zone;

private:
    static BorrowRule rule(const ProgrammeId& programme, int nominal) {
        return {.programme = programme,
                .nominal_gpus = nominal,
                .lend = *rc::gen::inRange(0, nominal + 1),
                .borrow = *rc::gen::inRange(8, 33)};
    }
};

RC_GTEST_PROP(Lending, NoOwnerWaitsForOneWhoHasHadItsTimeAndNoMoreIsBorrowedThanLent, ()) {
    Lent lent;
    for (int step = 0; step < 25; ++step) {
        for (int more = *rc::gen::inRange(0, 4); more > 0; --more) {
            lent.submit();
        }
        lent.go_on();
        const auto kept_waiting = sim::owner_kept_waiting(lent.state(), lent.zone.now);
        RC_ASSERT(!kept_waiting.has_value());
        RC_ASSERT(lent.state().lending.pools.begin()->second.slack() >= 0);
    }
}

}  // namespace
}  // namespace khu
