/// In which order jobs start while their enterprises use more with every start, against a model
/// that knows no leaves, lanes or heads: take the job that stands first, count what it may use,
/// rank the enterprises anew, and so on.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/base/random.h"
#include "tests/core/schedule/zone.h"

namespace khu {
namespace {

using namespace machines;

const Moment kNow{1'800'000'000'000};
constexpr Span kReach = hours(12);

struct Asked {
    JobId id;
    std::size_t who;
    Moment as_if;
    int narrow_permille;
};

class Model {
public:
    explicit Model(std::size_t enterprises) : used(enterprises), penalty(enterprises) {}

    std::vector<JobId> order(std::vector<Asked> jobs, Atoms each) {
        std::vector<JobId> started;
        while (!jobs.empty()) {
            const auto first = std::ranges::min_element(
                jobs, {}, [&](const Asked& job) { return std::pair(stands(job), job.id); });
            started.push_back(first->id);
            used[first->who] += each;
            jobs.erase(first);
        }
        return started;
    }

    std::vector<Atoms> used;
    std::vector<Span> penalty;

private:
    [[nodiscard]] Moment stands(const Asked& job) const {
        const std::int64_t better =
            std::ranges::count_if(used, [&](Atoms other) { return other < used[job.who]; });
        const auto others = static_cast<std::int64_t>(used.size()) - 1;
        const std::int64_t steps = others == 0 ? 0 : 64 * better / others;
        const Span share{kReach.value / 64 * steps / 1000 * job.narrow_permille};
        return job.as_if + share + penalty[job.who];
    }
};

EnterpriseId enterprise(std::size_t number) {
    return EnterpriseId{"04010" + std::to_string(10'000 + number)};
}

TEST(FairOrder, IsThatOfTheModelWhateverTheWidths) {
    int overtaken = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        const auto enterprises = static_cast<std::size_t>(random.between(1, 6));
        const int jobs = static_cast<int>(random.between(1, 24));
        Zone zone(jobs);
        Model model(enterprises);
        FairTree& fair = zone.scheduler.fair();
        zone.scheduler.fair_share(days(14), kReach, {});
        zone.door.use = gpu_hours(8);
        std::vector<LeafNumber> leaves;
        for (std::size_t who = 0; who < enterprises; ++who) {
            leaves.push_back(fair.leaf(ProgrammeId{"p"}, enterprise(who)));
            model.used[who] = gpu_hours(random.between(0, 40));
            model.penalty[who] = random.chance(200) ? hours(random.between(1, 9)) : Span{0};
            fair.hold(leaves[who], model.used[who]);
            fair.set_penalty(leaves[who], model.penalty[who]);
        }
        std::vector<Asked> asked;
        for (int n = 1; n <= jobs; ++n) {
            const int shape = static_cast<int>(random.below(4));  // Jobs of one are equally wide.
            const Asked one{.id = JobId{static_cast<std::uint64_t>(n)},
                            .who = random.below(enterprises),
                            .as_if = kNow + minutes(random.between(0, 900)),
                            .narrow_permille = 333 * shape};
            QueuedJob job;
            job.id = one.id;
            job.request = gpus(8);
            job.request.shape.cores += shape;
            job.request.enterprise = enterprise(one.who);
            job.time_limit = hours(1);
            job.as_if = one.as_if;
            job.leaf = leaves[one.who];
            job.narrow_permille = one.narrow_permille;
            zone.jobs[job.id] = job;
            zone.scheduler.job_queued(job, zone.now);
            asked.push_back(one);
        }

        const std::vector<JobId> expected = model.order(asked, zone.door.use);
        EXPECT_EQ(zone.settle(), expected);
        std::ranges::sort(asked, {}, [](const Asked& job) { return std::pair(job.as_if, job.id); });
        overtaken += std::ranges::equal(asked, expected, {}, &Asked::id) ? 0 : 1;
    }
    EXPECT_GT(overtaken, 100);
}

}  // namespace
}  // namespace khu
