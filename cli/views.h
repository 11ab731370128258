#pragma once

/// \file
/// The API's answers as tables: which columns, in which order, what people read in them and what
/// scripts read (the `csv` names are a contract). One function a kind of answer.

#include <vector>

#include "cli/session.h"
#include "cli/table.h"
#include "wire/api.h"

namespace khu::cli {

/// `now` is for how long a job has run.
Table job_table(const Session& session, const std::vector<wire::JobView>& jobs, Moment now);
/// The jobs that wait, with every term of their place in the queue (`khu queue --factors`).
Table factor_table(const Session& session, const std::vector<wire::JobView>& jobs);
/// "5m-2h10m": how long until it starts; empty if that cannot be said.
std::string starts_in(const wire::JobView& job, Moment now);
Table job_sheet(const Session& session, const wire::JobView& job, Moment now);
Table allocation_table(const wire::JobView& job);
Table node_table(const Session& session, const std::vector<wire::NodeView>& nodes);
Table grant_table(const Session& session, const std::vector<wire::GrantView>& grants);
/// What lies ahead of a grant, a sentence.
std::string ahead_line(const Session& session, const wire::GrantAhead& ahead);
Table purse_table(const Session& session, const std::vector<wire::PurseView>& purses);

/// Amounts for people with one decimal, raw in atoms.
Cell gpu_hours_cell(Atoms amount);
/// "eda-licence=2,bench-rf=1".
std::string resources_cell(const std::vector<CountedWish>& resources);
/// "1,234,567 đ", raw in thousandths of a dong.
Cell dong_cell(Mvnd amount);
/// "1.9 TiB", "1007.6 GiB", "512 MiB": rounded down to a tenth.
std::string people_bytes(Bytes bytes);
/// "0-3,8,10-11".
std::string ranges(const std::vector<int>& numbers);

}  // namespace khu::cli
