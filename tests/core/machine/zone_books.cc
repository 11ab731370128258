#include "tests/core/machine/zone_books.h"

#include <gtest/gtest.h>

#include <variant>

namespace khu::testing {

std::vector<Entry> entries(const Zone& zone, std::string_view begins) {
    std::vector<Entry> found;
    for (const Effect& effect : zone.effects) {
        if (const auto* posted = std::get_if<PostEntries>(&effect)) {
            for (const Entry& entry : posted->entries) {
                if (entry.id.starts_with(begins)) {
                    found.push_back(entry);
                }
            }
        }
    }
    return found;
}

std::vector<UsageRow> rows(const Zone& zone) {
    std::vector<UsageRow> found;
    for (const Effect& effect : zone.effects) {
        if (const auto* post = std::get_if<PostUsage>(&effect)) {
            found.push_back(post->row);
        }
    }
    return found;
}

std::vector<UsageRow> rows_of(const Zone& zone, JobId job) {
    std::vector<UsageRow> found = rows(zone);
    std::erase_if(found, [&](const UsageRow& row) { return row.job_id != job; });
    return found;
}

Recount recounted(const Zone& zone) {
    Recount books;
    for (const Entry& entry : entries(zone)) {
        EXPECT_EQ(books.add(entry), std::nullopt) << chain_line(entry);
    }
    EXPECT_EQ(books.finish(), std::nullopt);
    return books;
}

void go(Zone& zone, Moment at) {
    zone.now = at;
    for (const auto& [id, node] : zone.machine.state().truth.nodes) {
        if (node.up) {
            zone.tell(HearNode{.node = id, .epoch = node.epoch});
        }
    }
    zone.tell(Tick{});
}

void apply_next(Zone& zone, Policy next) {
    next.id = PolicyId{"test-2"};
    next.supersedes = PolicyId{"test-1"};
    next.effective_from = zone.now + milliseconds(1);
    const Outcome applied = zone.tell(ApplyPolicy{.who = admin(), .policy = next, .text = ""});
    ASSERT_FALSE(applied.refusal) << text(*applied.refusal, Language::English);
    zone.pass(milliseconds(1));
    zone.tell(Tick{});
    ASSERT_EQ(zone.machine.state().truth.policy->id, next.id);
    zone.round();
}

void end_everywhere(Zone& zone, JobId job, NodeEnd end) {
    AttemptResult result;
    result.end = end;
    const std::vector<NodeAllocation> nodes = live_attempt(*zone.job(job))->placement.nodes;
    for (const NodeAllocation& each : nodes) {
        zone.report(each.node, job, AgentStage::Ended, result);
    }
    zone.round();
}

}  // namespace khu::testing
