#include "daemon/http/paging.h"

#include "core/base/limits.h"

namespace khu::daemon {
namespace {

Refusal bad_limit() {
    return Refusal(Code::BadField)
        .with("field", "limit")
        .with("why", "it is a number of rows from 1 to " + std::to_string(limits::page_rows_max));
}

}  // namespace

Refusal bad_cursor() {
    return Refusal(Code::BadField)
        .with("field", "after")
        .with("why",
              "it is no cursor of this listing: give the page's \"next\" as it came, or leave it "
              "out to begin anew");
}

std::string cursor(std::string_view listing, std::initializer_list<std::string> fields) {
    std::string text(listing);
    for (const std::string& field : fields) {
        text += '.' + field;
    }
    return text;
}

Expected<Paging, Refusal> paging_of(const Call& call, std::string_view listing,
                                    std::size_t fields) {
    Paging paging;
    if (const std::string text = query(call, "limit"); !text.empty()) {
        paging.limit = whole_number(text).value_or(0);
        if (paging.limit < 1 || paging.limit > limits::page_rows_max) {
            return Unexpected{bad_limit()};
        }
    }
    const std::string after = query(call, "after");
    if (after.empty()) {
        return paging;
    }
    std::string_view rest = after;
    if (!rest.starts_with(std::string(listing) + ".")) {
        return Unexpected{bad_cursor()};
    }
    rest.remove_prefix(listing.size() + 1);
    while (paging.after.size() + 1 < fields) {
        const std::size_t dot = rest.find('.');
        if (dot == std::string_view::npos) {
            return Unexpected{bad_cursor()};
        }
        paging.after.emplace_back(rest.substr(0, dot));
        rest.remove_prefix(dot + 1);
    }
    paging.after.emplace_back(rest);
    return paging;
}

}  // namespace khu::daemon
