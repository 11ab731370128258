/// The calendar in random zones, against a model that only adds up: nobody is on a node that is set
/// aside for somebody else, whoever names a reservation is inside it, and everybody who could
/// start does, at last.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/core/schedule/world.h"

namespace khu {
namespace {

using namespace machines;

std::uint64_t seeds_to_try() {
    const char* asked = std::getenv("KHU_ROUND_SEEDS");
    return asked == nullptr ? 300 : static_cast<std::uint64_t>(std::max(1, std::atoi(asked)));
}

/// One stay on one node, as the model writes it down.
struct Written {
    NodeId node;
    Moment from, to;
    std::string named;
};

class Calendar {
public:
    explicit Calendar(std::uint64_t seed) : world(seed) {
        Moment from = world.zone.now;
        for (int n = 0; n < 4; ++n) {
            from = from + minutes(world.random.between(1, 20) * 15);
            const Moment to = from + minutes(world.random.between(2, 12) * 15);
            Booking made{
                .name = world.random.chance(500) ? "a" : "b", .from = from, .to = to, .nodes = {}};
            for (const auto& [id, node] : world.zone.scheduler.cluster().nodes()) {
                if (world.random.chance(500)) {
                    made.nodes.push_back(id);
                }
            }
            all.push_back(made);
            from = to;
        }
        world.zone.scheduler.booked(all);
    }

    void submit() {
        GangRequest request = gpus(static_cast<int>(1 + world.random.below(4)));
        request.nodes = static_cast<int>(1 + world.random.below(2));
        request.shape.memory = gibibytes(16) * request.shape.gpus;
        if (world.random.chance(300)) {
            request.where.edit().reservation = Text(world.random.chance(500) ? "a" : "b");
        }
        world.zone.submit(request, minutes(world.random.between(1, 16) * 15));
    }

    void go_on() {
        const Moment later = world.zone.now + minutes(15);
        while (!world.busy.empty() && first_end() <= later) {
            world.zone.now = std::max(world.zone.now, first_end());
            end_first();
            settle();
        }
        world.zone.now = later;
        settle();
    }

    void settle() {
        for (std::vector<JobId> more = world.round(); !more.empty(); more = world.round()) {
            for (const JobId job : more) {
                const GangRequest& request = world.zone.jobs.at(job).request;
                for (const NodeAllocation& each : world.busy.at(job).placement.nodes) {
                    written.push_back({each.node, world.zone.now, world.busy.at(job).deadline,
                                       request.where->reservation});
                }
            }
        }
    }

    /// Whether that node may be used for all of the time, by the windows alone.
    [[nodiscard]] bool may(const Written& stay) const {
        bool inside = stay.named.empty();
        for (const Booking& each : all) {
            const bool here = std::ranges::find(each.nodes, stay.node) != each.nodes.end();
            const bool meets = each.from < stay.to && stay.from < each.to;
            if (here && meets && each.name != stay.named) {
                return false;
            }
            inside = inside || (here && each.name == stay.named && each.from <= stay.from &&
                                stay.to <= each.to);
        }
        return inside;
    }

    /// The foremost that waits would start if it could: nothing is promised to one before it.
    void expect_the_first_is_not_held_up() const {
        const Zone& zone = world.zone;
        std::optional<std::pair<QueueOrder, JobId>> first;
        for (const auto& [id, job] : zone.jobs) {
            if (zone.scheduler.queue().contains(id)) {
                const std::pair mine(zone.scheduler.queue().order_of(id), id);
                first = !first || mine < *first ? mine : *first;
            }
        }
        if (!first) {
            return;
        }
        const QueuedJob& job = zone.jobs.at(first->second);
        const NodeFilter open = [&](NodeId node) {
            return may({node, zone.now, zone.now + job.time_limit, job.request.where->reservation});
        };
        EXPECT_FALSE(place(world.copy(world.busy), job.request, open).has_value())
            << "job " << first->second.value << " could start and does not";
    }

    World world;
    std::vector<Booking> all;
    std::vector<Written> written;

private:
    [[nodiscard]] Moment first_end() const {
        Moment first = kNever;
        for (const auto& [id, busy] : world.busy) {
            first = std::min(first, busy.deadline);
        }
        return first;
    }
    void end_first() {
        const auto next = std::ranges::min_element(
            world.busy, {}, [](const auto& entry) { return entry.second.deadline; });
        const JobId job = next->first;
        world.busy.erase(next);
        world.zone.end(job);
    }
};

TEST(Calendar, IsObeyedAndStarvesNobody) {
    std::int64_t inside = 0;
    for (std::uint64_t seed = 1; seed <= seeds_to_try(); ++seed) {
        SCOPED_TRACE(seed);
        Calendar calendar(seed);
        for (int step = 0; step < 40; ++step) {
            if (calendar.world.random.chance(600)) {
                calendar.submit();
            }
            calendar.go_on();
            calendar.expect_the_first_is_not_held_up();
            expect_no_double_use(calendar.world);
            if (::testing::Test::HasFailure()) {
                FAIL() << "step " << step;
            }
        }
        for (const Written& stay : calendar.written) {
            ASSERT_TRUE(calendar.may(stay)) << "node " << stay.node.value;
            inside += stay.named.empty() ? 0 : 1;
        }
        for (int step = 0; step < 400; ++step) {
            calendar.go_on();
        }
        for (const auto& [id, job] : calendar.world.zone.jobs) {
            if (job.request.where->reservation.empty()) {
                ASSERT_FALSE(calendar.world.zone.scheduler.queue().contains(id))
                    << "job " << id.value << " has starved";
            }
        }
    }
    EXPECT_GT(inside, 100);
}

/// While the calendar stays, the promise of the first that waits does not move later.
TEST(Calendar, APromiseHolds) {
    std::int64_t followed = 0;
    for (std::uint64_t seed = 1; seed <= seeds_to_try(); ++seed) {
        SCOPED_TRACE(seed);
        Calendar calendar(seed);
        std::map<JobId, Moment> promised;
        for (int step = 0; step < 40; ++step) {
            if (calendar.world.random.chance(700)) {
                calendar.submit();
            }
            calendar.go_on();
            const StartReservation* now = calendar.world.zone.reservation();
            if (now == nullptr) {
                continue;
            }
            const auto [then, fresh] = promised.emplace(now->job, now->at);
            followed += fresh ? 0 : 1;
            ASSERT_LE(now->at.value, then->second.value)
                << "job " << now->job.value << " step " << step;
            then->second = now->at;
        }
    }
    EXPECT_GT(followed, 100);
}

}  // namespace
}  // namespace khu
