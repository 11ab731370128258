#pragma once

/// \file
/// The monthly statement of one enterprise as a file: JSON, CSV (one measure a line, so that new
/// measures never move columns), or a page that prints well, in Vietnamese or English, with charts
/// as SVG. Made of stored rows and entries alone: of a closed month always the same bytes.

#include "core/base/refusal.h"
#include "core/ledger/statement.h"
#include "daemon/reports.h"

namespace khu::daemon {

enum class StatementFormat { Json, Csv, Html };

struct StatementRequest {
    StatementAsked asked;
    StatementFormat format{StatementFormat::Json};
    Language language{Language::English};
    EventSeq names_in;  ///< the fact that has the enterprise's name; 0: `asked` has it
    /// The entries from `asked.before` to `asked.last` are of this month alone: it was cut, and no
    /// other month with it, as happens where khud was down over a whole month.
    bool cut_alone{false};
};

/// Errors: R300; those of the store.
Expected<Report, Refusal> make_statement(Store& store, StatementRequest request,
                                         const ReportZone& zone);

/// The page alone. Claims nothing of the network: no script, no font, no image from elsewhere.
std::string statement_page(const Statement& statement, Language language);

}  // namespace khu::daemon
