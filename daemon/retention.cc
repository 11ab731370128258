#include "daemon/retention.h"

#include <algorithm>

#include "core/machine/effects.h"
#include "wire/json.h"

namespace khu::daemon {
namespace {

constexpr std::size_t kAtOnce = 500;
constexpr const char* kMarks = "retention";
/// Jobs that ended before it have no names any more.
constexpr const char* kNamesMark = "names";

/// Midnight of the first of the month so many months ago.
Moment months_ago(const RetentionTerms& terms, int months) {
    return start_of(months_before(terms.now, months, terms.utc_offset_minutes),
                    terms.utc_offset_minutes);
}

Expected<Done, Refusal> add_names(Store& store, const RetentionTerms& terms, Batch& batch) {
    const std::string from =
        months_before(terms.now, terms.keep.per_user_months, terms.utc_offset_minutes);
    return store.each_value(kNamesSpace, "", [&](const KeyValue& each) {
        if (each.key < from && batch.values.size() < kAtOnce) {
            batch.values.push_back({.space = each.space, .key = each.key, .value = std::nullopt});
        }
    });
}

Expected<HistoryRow, Refusal> without_name(HistoryRow row, const Pseudonyms& pseudonyms) {
    auto archive = wire::from_json_text<ArchiveJob>(row.json, wire::Unknown::Ignore);
    if (!archive) {
        return Unexpected{Refusal(Code::StateDamaged)
                              .with("path", "history/" + std::to_string(row.job.value))
                              .with("why", archive.error().why)};
    }
    row.user = pseudonyms.of(row.enterprise, row.user);
    archive->job.spec.user = row.user;
    for (UsageRow& usage : archive->usage) {
        usage.user_id = row.user;
    }
    row.json = wire::to_json_text(*archive);
    return row;
}

Expected<Done, Refusal> add_jobs(Store& store, const RetentionTerms& terms,
                                 const Pseudonyms& pseudonyms, Batch& batch) {
    const Moment gone = months_ago(terms, terms.keep.job_rows_months);
    const auto old = store.oldest_history(Moment{}, gone, kAtOnce);
    if (!old) {
        return Unexpected{old.error()};
    }
    for (const HistoryRow& row : *old) {
        batch.drop_history.push_back(row.job);
    }
    const auto mark = store.value(kMarks, kNamesMark);
    if (!mark) {
        return Unexpected{mark.error()};
    }
    const Moment from = std::max(gone, Moment{*mark ? std::stoll(**mark) : 0});
    const Moment nameless = months_ago(terms, terms.keep.per_user_months);
    const auto named = store.oldest_history(from, nameless, kAtOnce);
    if (!named) {
        return Unexpected{named.error()};
    }
    for (const HistoryRow& row : *named) {
        if (is_pseudonym(row.user)) {
            continue;
        }
        auto hidden = without_name(row, pseudonyms);
        if (!hidden) {
            return Unexpected{std::move(hidden).error()};
        }
        batch.history.push_back(*std::move(hidden));
    }
    if (named->size() == kAtOnce) {
        // Where none of them had a name their moment is over, else it is looked at once more.
        const std::int64_t past = batch.history.empty() ? 1 : 0;
        batch.values.push_back({.space = kMarks,
                                .key = kNamesMark,
                                .value = std::to_string(named->back().ended_at.value + past)});
    }
    return Done{};
}

}  // namespace

bool is_nothing(const Batch& batch) {
    return batch.values.empty() && batch.history.empty() && batch.drop_history.empty();
}

Expected<Batch, Refusal> to_forget(Store& store, const RetentionTerms& terms,
                                   const Pseudonyms& pseudonyms) {
    Batch batch;
    if (auto names = add_names(store, terms, batch); !names) {
        return Unexpected{std::move(names).error()};
    }
    if (auto jobs = add_jobs(store, terms, pseudonyms, batch); !jobs) {
        return Unexpected{std::move(jobs).error()};
    }
    return batch;
}

}  // namespace khu::daemon
