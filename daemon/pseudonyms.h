#pragma once

/// \file
/// Names as they leave an enterprise: the same word for the same user in every month, which nobody
/// can turn back or make without the zone's key (pseudonym.key in its directory; HMAC-SHA256, RFC
/// 2104). Of another zone the same user is another word.
///
/// Rows of usage are stored with pseudonyms from the first, and the names behind them beside, month
/// by month, where they can be forgotten: so a closed month's file is the same bytes before and
/// after.

#include <map>
#include <optional>
#include <string>

#include "core/ledger/usage.h"
#include "core/policy/policy_later.h"
#include "daemon/store/store.h"

namespace khu::daemon {

class Pseudonyms {
public:
    /// Claims: `key` is not empty.
    explicit Pseudonyms(std::string key);

    /// "anon:3f2a91c0d4e5b687"
    [[nodiscard]] UserId of(const EnterpriseId& enterprise, const UserId& user) const;
    /// "job:3f2a91c0d4e5b687"
    [[nodiscard]] std::string of_job(const EnterpriseId& enterprise, const std::string& name) const;

    /// The row's user becomes a pseudonym; what is to be stored of the name, none if it has none.
    [[nodiscard]] std::optional<KeyValue> hide(UsageRow& row) const;

private:
    [[nodiscard]] std::string word(const std::string& prefix, const std::string& text) const;
    std::string key_;
};

/// Where the names are: "2026-03/0401000001/anon:3f2a91c0d4e5b687".
inline constexpr const char* kNamesSpace = "users";
bool is_pseudonym(const UserId& user);

/// Who reads a report, and by which rules the month's rows are shown.
struct RowReader {
    EnterpriseId enterprise;         ///< the reader's own; empty: none
    bool holder{false};              ///< of that enterprise
    std::optional<Privacy> privacy;  ///< none: a month from before there were such rules
    std::string names_from;          ///< months before it have no names any more
};

/// Shows rows of one month as their reader may see them.
class RowsShown {
public:
    /// `pseudonyms` may be null where there is no privacy to keep. Errors: those of the store.
    static Expected<RowsShown, Refusal> of(Store& store, const std::string& period,
                                           RowReader reader, const Pseudonyms* pseudonyms);
    void show(UsageRow& row) const;

private:
    [[nodiscard]] std::optional<UserId> user_of(const UsageRow& row, bool own) const;
    [[nodiscard]] std::optional<std::string> job_name_of(const UsageRow& row) const;

    RowReader reader_;
    const Pseudonyms* pseudonyms_{nullptr};
    bool names_kept_{true};
    std::map<std::string, std::string> names_;  ///< of the reader's own, by pseudonym
};

/// `months` before the month of `now`: "2025-03".
std::string months_before(Moment now, int months, int utc_offset_minutes);

}  // namespace khu::daemon
