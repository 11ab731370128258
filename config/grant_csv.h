#pragma once

/// \file
/// Grants from a CSV file: `khu grant import`. The header is
///
///     grant,enterprise,programme,amount,from,to,decision_ref,permit,voucher
///
/// in any order, the last three may be left out; amounts are written as for --amount ("5000 GPUh",
/// "5000h", "1800000000 ugs"), from and to as days (2026-04-01, the zone's midnight) or as moments
/// with their offset. RFC 4180 quoting, UTF-8. Nothing is guessed: one bad row and the whole file
/// is refused. What `khu grant export` writes is such a file, and reads back as it was.

#include <cstdint>
#include <string>
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

/// The file of these offers; the amounts to the last atom.
std::string write_grant_csv(const std::vector<GrantOffer>& offers, int utc_offset_minutes);

}  // namespace khu::config
