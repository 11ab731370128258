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

}  // namespace khu::testing
