#pragma once

/// \file
/// Usage reports from the stored rows (docs/guides/accounting.md): CSV (RFC 4180, UTF-8, LF, header
/// always, empty is null), JSON lines or one JSON array, the same columns in each; integers are the
/// truth. The manifest beside a file says how long it is, what its columns add up to, and where the
/// books stood.

#include <memory>
#include <string>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "daemon/pseudonyms.h"
#include "daemon/report_text.h"
#include "daemon/store/store.h"
#include "wire/api.h"

namespace khu::daemon {

enum class ReportFormat { Csv, Json, Jsonl };
/// "csv", "json", "jsonl": also how the file's name ends.
const char* format_name(ReportFormat format);

/// The rows as the zone keeps them, or as FOCUS 1.2 wants them (core/ledger/focus.h); or those of
/// the other meters (core/ledger/meter.h).
enum class ReportKind { Jobs, Focus, Services };

struct ReportRequest {
    ReportKind kind{ReportKind::Jobs};
    std::string period;       ///< "2026-03"
    EnterpriseId enterprise;  ///< empty: all
    ReportFormat format{ReportFormat::Csv};
    EnterpriseId reader{};   ///< the caller's own; empty: none
    bool show_users{false};  ///< the caller is a holder of it: sees its people's names
};

struct Report {
    std::shared_ptr<ReportText> text{std::make_shared<ReportText>()};
    wire::ManifestAnswer manifest;
};

/// What a report must know of the zone besides its rows.
struct ReportZone {
    Moment now;
    int utc_offset_minutes{0};
    std::string closed_period;         ///< this month and those before it are final; empty: none is
    std::optional<Privacy> privacy{};  ///< of the month
    std::string names_from{};          ///< months before it have no names any more
    const Pseudonyms* pseudonyms{nullptr};  ///< null: there are none
};

/// Errors: R300; those of the store.
Expected<Report, Refusal> make_report(Store& store, const ReportRequest& request,
                                      const ReportZone& zone);
/// The report is whole: its length, hash and place in the books go into the manifest.
/// Errors: StoreFull L209.
Expected<Done, Refusal> seal(Report& report, const Store& store, Moment now);
/// Errors: R300 for what is no month, or a month that has not begun.
Expected<Done, Refusal> check_period(const std::string& period, Moment now, int utc_offset_minutes);

}  // namespace khu::daemon
