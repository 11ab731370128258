#pragma once

/// \file
/// The monthly statement of one enterprise as a file: JSON, CSV (one measure a line, so that new
/// measures never move columns), or a page that prints well, in Vietnamese or English, with charts
/// as SVG. Made of stored rows and entries alone: of a closed month always the same bytes.
///
/// Or those of all enterprises in one file, JSON lines or CSV, one after the other by tax code: for
/// the system of a province. It is written while it is read, so that its size costs no memory.

#include "core/base/refusal.h"
#include "core/ledger/statement.h"
#include "core/machine/events.h"
#include "daemon/reports.h"

namespace khu::daemon {

enum class StatementFormat { Json, Csv, Html };
/// "json", "csv", "html"
const char* format_name(StatementFormat format);

struct StatementRequest {
    StatementAsked asked;
    StatementFormat format{StatementFormat::Json};
    Language language{Language::English};
    EventSeq words_in;  ///< the fact that has the month's words; 0: `asked` has them
    /// The entries from `asked.before` to `asked.last` are of this month alone: it was cut, and no
    /// other month with it, as happens where khud was down over a whole month.
    bool cut_alone{false};
};

/// Errors: R300; those of the store.
Expected<Report, Refusal> make_statement(Store& store, StatementRequest request,
                                         const ReportZone& zone);

/// What the state knows of one enterprise, for its statement.
struct EnterpriseBooks {
    EnterpriseWords words;
    std::map<GrantId, GrantFrame> grants;
    std::vector<StatementDuty> duties;
};

/// `common` without enterprise; `enterprises` are all that the zone ever knew.
struct AllStatementsRequest {
    StatementRequest common;
    std::map<EnterpriseId, EnterpriseBooks> enterprises;
};

/// Of every enterprise with a row in the month, or of whose grants or wallet something moved. The
/// control totals are those of all rows, as in the zone's report; of a closed month that is
/// checked.
/// Errors: R300; R303; those of the store. Claims: the format is Json or Csv.
Expected<Report, Refusal> make_all_statements(Store& store, AllStatementsRequest request,
                                              const ReportZone& zone);

/// The page alone. Claims nothing of the network: no script, no font, no image from elsewhere.
std::string statement_page(const Statement& statement, Language language);

// --- What both are made with ---------------------------------------------------------------------

/// What the policy in force at a month's end called enterprises and programmes.
struct MonthWords {
    std::map<EnterpriseId, EnterpriseWords> enterprises;
    std::map<ProgrammeId, std::string> tiers;
};
EnterpriseWords named(const NamedEnterprise& enterprise);

/// Period, final or not, and the tiers of the month's end go into `request`. Errors: R300; those of
/// the store.
Expected<MonthWords, Refusal> prepare(Store& store, StatementRequest& request,
                                      const ReportZone& zone);
Expected<Statement, Refusal> read_statement(Store& store, const StatementAsked& asked);
/// R303: what the rows charge is what left the grants, less what came back. Only of a month that
/// was cut alone: of one that runs, rows may have come since its last entry was read.
Expected<Done, Refusal> reconciled(const Statement& statement);
/// One measure a line.
std::string statement_csv(const Statement& statement);
inline constexpr const char* kStatementCsvHeader =
    "schema_version,statement_id,section,dim1,dim2,dim3,measure,value\n";

}  // namespace khu::daemon
