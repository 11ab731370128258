#pragma once

/// \file
/// Listings in pages. A page names the cursor of the next one; a cursor holds the place of its last
/// row, not a number of rows, so that rows that come and go meanwhile neither repeat nor hide
/// others. To callers it is opaque; one that is not of this listing is refused (H422).

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/call.h"

namespace khu::daemon {

struct Paging {
    std::int64_t limit{limits::page_rows_max};
    std::vector<std::string> after;  ///< the cursor's fields; empty: from the beginning
};

/// What the query says with `limit` and `after`; `fields`: how many the listing's cursors have, the
/// last of which may hold anything. Errors: BadField.
Expected<Paging, Refusal> paging_of(const Call& call, std::string_view listing, std::size_t fields);

std::string cursor(std::string_view listing, std::initializer_list<std::string> fields);

/// A cursor whose fields make no sense.
Refusal bad_cursor();

/// One page of `map`, whose keys are the order: `make` gives a row of an entry, or none if the
/// caller may not see it. The cursor is of the last row's key, as `name` writes it.
template <class Row, class Map, class Make, class Name>
std::string fill_page(std::vector<Row>& rows, const Map& map,
                      const std::optional<typename Map::key_type>& after, std::int64_t limit,
                      Make make, Name name) {
    auto at = after ? map.upper_bound(*after) : map.begin();
    std::string last;
    for (; at != map.end(); ++at) {
        std::optional<Row> row = make(at->second);
        if (!row) {
            continue;
        }
        if (static_cast<std::int64_t>(rows.size()) == limit) {
            return last;
        }
        last = name(at->first);
        rows.push_back(*std::move(row));
    }
    return {};
}

}  // namespace khu::daemon
