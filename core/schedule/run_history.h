#pragma once

/// \file
/// How long jobs like this one have run: what a prediction is made of. It is learnt from the zone's
/// own facts, in integers, and kept per *class* of jobs (who, where, how wide). Predictions order
/// jobs and estimate starts; nothing is ever killed or charged by one.
///
/// The estimate of a class is its total time over its completed runs, where what is still running
/// counts with the time it has run so far: the maximum-likelihood estimate under censoring, which
/// learns of a batch of long jobs before the first of them has ended. Old runs fade: when a class
/// has `window` runs, both sums are halved.
///
/// Sources: D. Tsafrir, Y. Etsion, D. Feitelson, "Backfilling using system-generated predictions",
/// TPDS 2007 (recent runs of the same user predict best); Q. Hu et al., "Characterization and
/// prediction of deep learning workloads", SC 2021 (the same for GPU clusters, by name and shape).

#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"

namespace khu {

/// Jobs that are expected to run alike. An empty user stands for everybody of the
/// enterprise.
struct RunClass {
    EnterpriseId enterprise;
    UserId user;
    PartitionId partition;
    int nodes{1};
    int gpus{0};  ///< per node
    auto operator<=>(const RunClass&) const = default;
};
KHU_DESCRIBE(RunClass, enterprise, user, partition, nodes, gpus)

struct RunSums {
    std::int64_t runs{0};       ///< that ended, halved with the window
    std::int64_t total_s{0};    ///< their seconds
    std::int64_t running{0};    ///< attempts that run now
    std::int64_t started_s{0};  ///< sum of their starts, seconds since 1970
    std::int64_t last_used{0};  ///< number of the change that touched it last
    bool operator==(const RunSums&) const = default;
};
KHU_DESCRIBE(RunSums, runs, total_s, running, started_s, last_used)

struct RunRow {
    RunClass kind;
    RunSums sums;
};
KHU_DESCRIBE(RunRow, kind, sums)

struct Prediction {
    Span run;              ///< at most the limit it was asked with
    std::int64_t runs{0};  ///< on which it rests; 0: it is a guess from the limit
};

class RunHistory {
public:
    /// An attempt of that class began, or ended after `ran`.
    void started(const RunClass& kind, Moment at);
    void ended(const RunClass& kind, Moment started_at, Span ran);
    /// An attempt that says nothing of how long such jobs run (a node failed, it was cancelled).
    void forgotten(const RunClass& kind, Moment started_at);

    /// From the narrowest class that has ended runs: user, then enterprise; else a guess.
    [[nodiscard]] Prediction predict(const RunClass& kind, Span limit, Moment now) const;

    [[nodiscard]] const std::map<RunClass, RunSums>& classes() const { return classes_; }
    void load(const RunRow& row);
    bool operator==(const RunHistory&) const = default;

private:
    template <class Change>
    void change(const RunClass& kind, const Change& change);
    void drop_oldest();

    std::map<RunClass, RunSums> classes_;
    std::map<std::int64_t, RunClass> by_use_;
    std::int64_t changes_{0};
};

}  // namespace khu
