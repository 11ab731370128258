#pragma once

/// \file
/// Grants from a CSV file: `khu grant import`. The header is
///
///     grant,enterprise,programme,amount,from,to,decision_ref,permit
///
/// in any order, the last two may be left out; amounts and days are written as in a policy
/// ("5000 GPUh", 2026-04-01), days begin at the zone's midnight. RFC 4180 quoting, UTF-8. Nothing
/// is guessed: one bad row and the whole file is refused.

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/ledger/grant.h"

namespace khu::config {

struct GrantRows {
    std::vector<GrantOffer> offers;
    std::vector<std::int64_t> lines;  ///< where each begins, from 1; the header is line 1
};

/// Errors: BadImport R304 with the line and what is wrong with it.
Expected<GrantRows, Refusal> read_grant_csv(std::string_view text, int utc_offset_minutes);

}  // namespace khu::config
