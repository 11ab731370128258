#pragma once

/// \file
/// One line of the books: `amount` moves from `debit` to `credit`. Entries are never changed; a
/// correction is a new entry. The id is the idempotency key: `job.attempt.slice.kind`, or
/// `grant.kind`. The store chains the lines with SHA-256 (docs/formats/store.md).
///
///     kind      debit -> credit              when
///     grant     pool:<programme> -> grant:<id>   a grant is opened or made larger
///     hold      grant:<id> ... clear             start (pending: promised, not moved)
///     settle    grant:<id> -> clear              end of a slice; resolves the hold named in `ref`
///     void      grant:<id> ... clear             start failed; resolves the hold named in `ref`
///     post      clear -> used:<partition>, premium    with settle
///     discount  zone_disc -> used:<partition>    factor below 100 %
///     waive     zone_loss -> used:<partition>    infrastructure causes, overrun
///     expire    grant:<id> -> expired            the window or the tranche is over
///     carry     grant:<id> -> carried -> grant:<id>     into the next tranche
///     advance   pool:<programme> -> grant:<id>   of the next tranche, before its time
///     pullback  grant:<id> -> clawback           used too little by a day of the programme
///     overrun   pool:<programme> -> grant:<id>-overrun  a line of overrun is opened or grows
///     repay     grant:<id> -> grant:<id>-overrun        first from the next tranche
///     transfer  grant:<id> -> grant:<id>         by decision, of one enterprise and programme
///     refund    zone_loss, premium -> grant:<id>, zone_disc    time of a settled slice is waived
///     makegood  pool:<programme> -> grant:<id>  a refund whose grant is over, as a new grant
///
/// Money (purse.h) is in the same chain, linked with the entries of hours around it:
///
///     fund      treasury -> funder:<id>, wallet:<tax>   a budget or credit limit rises
///     unfund    funder:<id>, wallet:<tax> -> treasury   it falls
///     pay-in    treasury -> wallet:<tax>                the enterprise has paid
///     hold      funder:<id>, wallet:<tax>, owed:<tax> ... revenue:<zone>     start
///     settle    the same, moved                         end of a slice
///     void      the same, given back                    start failed
///     refund    revenue:<zone> -> the same              as for hours, and what a meter corrects
///     waive     funder:<id> -> revenue:<zone>           the value of what the zone waived
///     meter     funder:<id>, wallet:<tax>, owed:<tax> -> revenue:<zone>   what other meters count
///
/// Unit of amounts: atoms; mvnd between accounts of money.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

struct Entry {
    LedgerSeq seq;  ///< 1, 2, 3, ... without gaps
    Moment at;
    std::string kind;
    std::string id;
    std::string debit;
    std::string credit;
    std::int64_t amount{0};
    std::string ref;  ///< of settle and void: the hold; of post: the cause or the QOS
    PolicyId policy;
    bool operator==(const Entry&) const = default;
};
KHU_DESCRIBE(Entry, seq, at, kind, id, debit, credit, amount, ref, policy)

/// The line that is hashed: `seq|unix_ms|kind|id|debit|credit|amount|ref`.
std::string chain_line(const Entry& entry);

/// "1001.1.2.h" or, for the third grant of a hold, "1001.1.2.h3".
std::string attempt_id(AttemptKey key, int slice, std::string_view kind, std::size_t part = 0);

/// A reference comes from people; a bar or a line end in it would blur the hashed line.
std::string clean_ref(std::string ref);

// Names of accounts.
std::string pool_account(const ProgrammeId& programme);
std::string grant_account(const GrantId& grant);
std::string used_account(const PartitionId& partition);
inline constexpr std::string_view kClear = "clear";
inline constexpr std::string_view kPremium = "premium";
inline constexpr std::string_view kZoneLoss = "zone_loss";
inline constexpr std::string_view kZoneDiscount = "zone_disc";
inline constexpr std::string_view kExpired = "expired";
inline constexpr std::string_view kClawback = "clawback";
inline constexpr std::string_view kCarried = "carried";

}  // namespace khu
