#pragma once

/// \file
/// `khu report jobs -o FILE`: FILE and FILE.manifest.json, both whole and true or neither. What
/// came is held against the manifest (SHA-256, bytes and rows) before either gets its name.

#include <string>

#include "cli/received_rows.h"
#include "cli/session.h"
#include "wire/api.h"

namespace khu::cli {

struct ReportSource {
    std::string target;           ///< "/v1/reports/jobs?period=2026-03&format=csv"
    std::string manifest_target;  ///< "/v1/reports/jobs/manifest?..."
    ReportForm form{ReportForm::Csv};
};

/// Errors: khud's refusals; exit code 4 where what came is not what the manifest says, or a file
/// cannot be written. An open month may grow between report and manifest, so a mismatch is tried
/// again before it is believed.
Expected<wire::ManifestAnswer, Failure> write_report(Session& session, const ReportSource& source,
                                                     const std::string& path);

}  // namespace khu::cli
