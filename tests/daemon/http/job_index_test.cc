#include "daemon/job_index.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>
#include <tuple>

namespace khu::daemon {
namespace {

const EnterpriseId sao_mai{"0401000001"};
const EnterpriseId hai_van{"0401000002"};
const EnterpriseId anybody{};

std::vector<std::uint64_t> jobs_of(const JobIndex& index, const EnterpriseId& enterprise,
                                   ListingPlace after = {}, std::size_t most = SIZE_MAX) {
    std::vector<std::uint64_t> found;
    index.walk(enterprise, after, [&](ListingPlace place) {
        if (found.size() == most) {
            return false;
        }
        found.push_back(place.job.value);
        return true;
    });
    return found;
}

TEST(JobIndex, ListsHigherTiersFirstAndThenByNumber) {
    JobIndex index;
    index.add(sao_mai, 0, JobId{1});
    index.add(hai_van, 5, JobId{2});
    index.add(sao_mai, 5, JobId{3});
    index.add(sao_mai, -1, JobId{4});
    index.add(hai_van, 0, JobId{5});

    EXPECT_EQ(jobs_of(index, anybody), (std::vector<std::uint64_t>{2, 3, 1, 5, 4}));
    EXPECT_EQ(jobs_of(index, sao_mai), (std::vector<std::uint64_t>{3, 1, 4}));
    EXPECT_EQ(index.count(anybody), 5);
    EXPECT_EQ(index.count(hai_van), 2);
}

TEST(JobIndex, GoesOnAfterAPlaceWhoseJobIsGone) {
    JobIndex index;
    for (std::uint64_t job = 1; job <= 6; ++job) {
        index.add(sao_mai, 0, JobId{job});
    }
    const std::vector<std::uint64_t> first = jobs_of(index, sao_mai, {}, 3);

    index.remove(sao_mai, JobId{3});
    index.remove(sao_mai, JobId{5});

    EXPECT_EQ(first, (std::vector<std::uint64_t>{1, 2, 3}));
    EXPECT_EQ(jobs_of(index, sao_mai, {.tier = 0, .job = JobId{3}}),
              (std::vector<std::uint64_t>{4, 6}));
}

TEST(JobIndex, AnElementThatHasHadItsNumberForLongStandsWhereItBelongs) {
    JobIndex index;
    for (const std::uint64_t job : {1, 9, 4, 2, 10}) {
        index.add(sao_mai, 0, JobId{job});
    }

    index.remove(sao_mai, JobId{9});

    EXPECT_EQ(jobs_of(index, sao_mai), (std::vector<std::uint64_t>{1, 2, 4, 10}));
}

TEST(JobIndex, SaysWhatASortedSetSaysWhateverComesAndGoes) {
    EXPECT_TRUE(rc::check([] {
        JobIndex index;
        std::set<std::tuple<int, std::uint64_t>> all;
        std::map<std::uint64_t, int> enterprises;
        const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 12));
        std::uint64_t next = 1;
        for (const int step : steps) {
            if (step < 8 || all.empty()) {
                index.add(EnterpriseId{std::to_string(step % 3)}, step % 2, JobId{next});
                all.insert({-(step % 2), next});
                enterprises[next] = step % 3;
                ++next;
            } else {
                const auto [tier, job] = *all.begin();
                index.remove(EnterpriseId{std::to_string(enterprises[job])}, JobId{job});
                all.erase(all.begin());
            }
        }
        std::vector<std::uint64_t> wanted;
        for (const auto& [tier, job] : all) {
            wanted.push_back(job);
        }
        RC_ASSERT(jobs_of(index, anybody) == wanted);
        RC_ASSERT(index.count(anybody) == static_cast<std::int64_t>(wanted.size()));
    }));
}

}  // namespace
}  // namespace khu::daemon
