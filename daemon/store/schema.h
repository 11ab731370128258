#pragma once

/// \file
/// The tables of the embedded store and the settings of every connection. docs/formats/store.md
/// says what each table holds, for those who read it with SQL.

#include <cstdint>
#include <string>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "daemon/store/sqlite.h"
#include "daemon/store/store.h"

namespace khu::daemon {

inline constexpr int kApplicationId = 0x4b687531;  ///< "Khu1", in the header of the file
inline constexpr std::size_t kPageBytes = 4096;    ///< benchmarks/store_bench.cc compares
/// The log is folded into the database when it has grown by this much: a restart reads at most
/// about 16 MiB of log, and a checkpoint does not stall a commit for long.
inline constexpr int kLogPagesMax = 4096;

/// What every connection needs: it waits for the disk at each commit (FULL), and reads no mapped
/// memory, since a failing disk would then kill khud by a signal instead of an error.
std::string connection_settings();
/// Which accounts are indexed: the condition of the index, and of whoever wants to use it.
std::string indexed_accounts(std::string_view column);
/// All tables, for an empty file, as one transaction.
std::string create_tables(const ZoneId& zone);

/// Makes the tables in an empty file, or checks that the file is ours, of this zone and not newer.
/// Errors: OtherZone, NewerState, StateDamaged, StoreFull.
Expected<Done, Refusal> prepare(Connection& connection, const StoreOptions& options);

}  // namespace khu::daemon
