#pragma once

/// \file
/// What is forgotten in time (policy: reports.retention). The ledger and the rows of usage never
/// are, so that every report of a closed month stays what it was; of what stands beside them, the
/// names behind pseudonyms go after `per_user` months, and finished jobs after `job_rows` months.

#include "daemon/pseudonyms.h"
#include "daemon/store/store.h"

namespace khu::daemon {

struct RetentionTerms {
    Retention keep;
    Moment now;
    int utc_offset_minutes{0};
};

/// What has to be stored, so that what is over is forgotten: some of it, to be asked again until
/// there is nothing. Errors: those of the store.
Expected<Batch, Refusal> to_forget(Store& store, const RetentionTerms& terms,
                                   const Pseudonyms& pseudonyms);
/// Whether there is nothing in it.
bool is_nothing(const Batch& batch);

}  // namespace khu::daemon
