#include "core/schedule/run_history.h"

#include <algorithm>
#include <array>

#include "core/base/check.h"
#include "core/base/limits.h"

namespace khu {
namespace {

/// Runs after which a class halves its sums: about the last fifty count.
constexpr std::int64_t kWindow = 50;
/// What is guessed of a class without any run: a limit says what a job may do, not what it will.
constexpr Span kGuessMax = days(1);

/// What others' jobs take says little of an enterprise's: on Philly's trace, guessing a day orders
/// better than the mean of everybody's jobs of that size.
std::array<RunClass, 2> levels_of(const RunClass& kind) {
    RunClass enterprise = kind;
    enterprise.user = UserId{};
    return {kind, enterprise};
}

std::int64_t second_of(Moment at) {
    return at.value / 1000;
}

}  // namespace

template <class Change>
void RunHistory::change(const RunClass& kind, const Change& change) {
    for (const RunClass& level : levels_of(kind)) {
        RunSums& sums = classes_[level];
        by_use_.erase(sums.last_used);
        sums.last_used = ++changes_;
        by_use_.emplace(sums.last_used, level);
        change(sums);
    }
    while (static_cast<std::int64_t>(classes_.size()) > limits::run_classes_max) {
        drop_oldest();
    }
}

/// The class that was used least recently and has nothing running.
void RunHistory::drop_oldest() {
    const auto idle = std::ranges::find_if(
        by_use_, [&](const auto& entry) { return classes_.at(entry.second).running == 0; });
    KHU_CHECK(idle != by_use_.end(), "{} classes run", classes_.size());
    classes_.erase(idle->second);
    by_use_.erase(idle);
}

void RunHistory::started(const RunClass& kind, Moment at) {
    change(kind, [&](RunSums& sums) {
        ++sums.running;
        sums.started_s += second_of(at);
    });
}

void RunHistory::forgotten(const RunClass& kind, Moment started_at) {
    change(kind, [&](RunSums& sums) {
        --sums.running;
        sums.started_s -= second_of(started_at);
    });
}

void RunHistory::ended(const RunClass& kind, Moment started_at, Span ran) {
    forgotten(kind, started_at);
    change(kind, [&](RunSums& sums) {
        sums.total_s += std::max(ran, Span{0}).value / 1000;
        if (++sums.runs >= kWindow) {
            sums.runs /= 2;
            sums.total_s /= 2;
        }
    });
}

Prediction RunHistory::predict(const RunClass& kind, Span limit, Moment now) const {
    for (const RunClass& level : levels_of(kind)) {
        const auto found = classes_.find(level);
        if (found == classes_.end() || found->second.runs == 0) {
            continue;
        }
        const RunSums& sums = found->second;
        const std::int64_t so_far = second_of(now) * sums.running - sums.started_s;
        const Span mean = seconds((sums.total_s + std::max<std::int64_t>(so_far, 0)) / sums.runs);
        return {.run = std::min(mean, limit), .runs = sums.runs};
    }
    return {.run = std::min(limit, kGuessMax), .runs = 0};
}

void RunHistory::load(const RunRow& row) {
    const bool fresh = classes_.emplace(row.kind, row.sums).second;
    KHU_CHECK(fresh);
    by_use_.emplace(row.sums.last_used, row.kind);
    changes_ = std::max(changes_, row.sums.last_used);
}

}  // namespace khu
