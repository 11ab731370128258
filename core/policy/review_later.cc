// Fair share, borrowing, preemption, calendar and what stands behind them: P030, P051, P054, P070,
// P080.
#include <algorithm>
#include <map>

#include "core/base/limits.h"
#include "core/policy/findings.h"
#include "core/policy/reserved.h"

namespace khu::reviewing {
namespace {

void need_programme(const Policy& policy, const ProgrammeId& id, std::string path, Findings& out) {
    if (find_programme(policy, id) == nullptr) {
        out.unknown(std::move(path), id.value, kAProgramme, ids_of(policy.programmes));
    }
}

void need_partition(const Policy& policy, const PartitionId& id, std::string path, Findings& out) {
    if (find_partition(policy, id) == nullptr) {
        out.unknown(std::move(path), id.value, kAPartition, ids_of(policy.partitions));
    }
}

void need_funder(const Policy& policy, const FunderId& id, std::string path, Findings& out) {
    if (!id.empty() && find_funder(policy, id) == nullptr) {
        out.unknown(std::move(path), id.value, kAFunder, ids_of(policy.funders));
    }
}

std::vector<std::string> with_gpus(const PartitionId& partition, std::string path) {
    std::vector<std::string> paths = sources_of_gpus(partition);
    paths.push_back(std::move(path));
    return paths;
}

void review_borrowing(const Policy& policy, const ReviewContext& context,
                      const Borrowing& borrowing, Findings& out) {
    const std::string at = "borrowing." + borrowing.partition.value;
    std::int64_t nominal = 0;
    for (const BorrowRule& rule : borrowing.rules) {
        const std::string path = fmt::format("{}.{}", at, rule.programme.value);
        need_programme(policy, rule.programme, path + ".programme", out);
        nominal += rule.nominal_gpus;
        if (rule.lend > rule.nominal_gpus) {
            out.error(
                   "P051", path + ".lend",
                   fmt::format("lends {} of {} nominal GPUs", rule.lend, rule.nominal_gpus),
                   fmt::format("cho mượn {} trong khi chỉ có {} GPU", rule.lend, rule.nominal_gpus))
                .looks_at = {path + ".lend", path + ".nominal_gpus"};
        }
    }
    const Partition* partition = find_partition(policy, borrowing.partition);
    if (partition == nullptr) {
        need_partition(policy, borrowing.partition, at, out);
    } else if (nominal > gpus_of(*partition, context)) {
        out.error("P051", at,
                  fmt::format("nominal_gpus total {}, the partition has {}", nominal,
                              gpus_of(*partition, context)),
                  fmt::format("tổng nominal_gpus là {}, phân vùng có {}", nominal,
                              gpus_of(*partition, context)))
            .looks_at = with_gpus(borrowing.partition, at);
    }
}

void review_preemption(const Policy& policy, Findings& out) {
    for (std::size_t i = 0; i < policy.preemption.order.size(); ++i) {
        const std::string& name = policy.preemption.order[i];
        const std::string path = fmt::format("preemption.order[{}]", i);
        const Qos* qos = find_qos(policy, QosId(name));
        if (name == kBorrowed) {
            continue;
        }
        if (qos == nullptr) {
            std::vector<std::string_view> known = ids_of(policy.qos);
            known.push_back(kBorrowed);
            out.unknown(path, name, {"qos", "a QOS or 'borrowed'", "QOS hoặc 'borrowed'"}, known);
        } else if (qos->factor_permille != 0) {
            out.error(
                   "P054", path,
                   fmt::format("{} is charged; only free and borrowed work is preempted", name),
                   fmt::format("{} có tính phí; chỉ được dừng tác vụ miễn phí hoặc đi mượn", name))
                .looks_at = {path, fmt::format("qos.{}.factor", name)};
        }
    }
    need_funder(policy, policy.preemption.charge_lost.payer, "preemption.charge_lost.payer", out);
}

bool overlap(const Window& a, const Window& b) {
    return a.from < b.to && b.from < a.to;
}

/// The most GPUs set aside at one time in the partition of `asked`, in one of its windows: the peak
/// lies where a window begins.
std::int64_t peak(const Policy& policy, const std::vector<Reservation>& all,
                  const Reservation& asked, const Partition& partition) {
    const std::int64_t of_node = std::max(1, partition.gpus_per_node);
    std::map<Moment, std::int64_t> changes;
    for (const Reservation& each : all) {
        if (each.partition == asked.partition) {
            const std::int64_t gpus = nodes_of(policy, each) * of_node;
            for (const Window& window : windows_of(each)) {
                changes[window.from] += gpus;
                changes[window.to] -= gpus;
            }
        }
    }
    std::int64_t most = 0;
    for (const Window& window : windows_of(asked)) {
        std::int64_t sum = 0;
        for (const auto& [at, change] : changes) {
            sum += change;
            most = window.contains(at) ? std::max(most, sum) : most;
        }
    }
    return most;
}

void review_repeats(const Reservation& reservation, const std::string& at, Findings& out) {
    const Span length = reservation.window.to - reservation.window.from;
    const auto windows = static_cast<std::int64_t>(windows_of(reservation).size());
    if (reservation.every > Span{0} && reservation.every < length) {
        out.error("P070", at + ".every", "the next window begins before one ends",
                  "khoảng kế tiếp bắt đầu khi khoảng trước chưa kết thúc")
            .looks_at = {at + ".every", at + ".from", at + ".to"};
    } else if (windows > limits::reservation_windows_max) {
        out.error("P070", at + ".until",
                  fmt::format("more than {} windows", limits::reservation_windows_max),
                  fmt::format("nhiều hơn {} khoảng", limits::reservation_windows_max))
            .looks_at = {at + ".every", at + ".until"};
    }
}

/// `all`: the policy's and those that are booked. A booked one is named like the policy's.
void review_reservation(const Policy& policy, const ReviewContext& context,
                        const Reservation& reservation, const std::vector<Reservation>& all,
                        Findings& out) {
    const std::string at = "calendar.reservations." + reservation.id;
    need_programme(policy, reservation.programme, at + ".programme", out);
    need_partition(policy, reservation.partition, at + ".partition", out);
    if (find_qos(policy, reservation.qos) == nullptr) {
        out.unknown(at + ".qos", reservation.qos.value, kAQos, ids_of(policy.qos));
    }
    review_repeats(reservation, at, out);
    const std::vector<Window> windows = windows_of(reservation);
    for (const Blackout& blackout : policy.calendar.blackouts) {
        const bool here = std::find(blackout.partitions.begin(), blackout.partitions.end(),
                                    reservation.partition) != blackout.partitions.end();
        const bool meets = std::any_of(windows.begin(), windows.end(), [&](const Window& window) {
            return overlap(blackout.window, window);
        });
        if (here && meets) {
            out.error("P070", at, fmt::format("lies in the blackout {}", blackout.id),
                      fmt::format("trùng thời gian ngừng {}", blackout.id))
                .looks_at = {at + ".from", at + ".to", at + ".partition",
                             "calendar.blackouts." + blackout.id};
        }
    }
    const Partition* partition = find_partition(policy, reservation.partition);
    if (partition == nullptr) {
        return;
    }
    const std::int64_t most = peak(policy, all, reservation, *partition);
    if (most > gpus_of(*partition, context)) {
        out.error("P070", at + ".gpus",
                  fmt::format("{} GPUs are reserved at one time, {} has {}", most,
                              reservation.partition.value, gpus_of(*partition, context)),
                  fmt::format("{} GPU được đặt cùng lúc, {} có {}", most,
                              reservation.partition.value, gpus_of(*partition, context)))
            .looks_at = with_gpus(reservation.partition, "calendar.reservations");
    }
}

void review_calendar(const Policy& policy, const ReviewContext& context, Findings& out) {
    for (const Reservation& booked : context.booked) {
        if (find_in_calendar(policy, booked.id) != nullptr) {
            out.error("P070", "calendar.reservations." + booked.id,
                      "an enterprise has booked one of that name",
                      "một doanh nghiệp đã đặt chỗ với tên đó");
        }
    }
    for (const Blackout& blackout : policy.calendar.blackouts) {
        for (std::size_t i = 0; i < blackout.partitions.size(); ++i) {
            need_partition(policy, blackout.partitions[i],
                           fmt::format("calendar.blackouts.{}.partitions[{}]", blackout.id, i),
                           out);
        }
    }
    std::vector<Reservation> all = policy.calendar.reservations;
    all.insert(all.end(), context.booked.begin(), context.booked.end());
    const std::vector<Reservation> kept = kept_windows(policy, context);
    all.insert(all.end(), kept.begin(), kept.end());
    for (const Reservation& reservation : all) {
        review_reservation(policy, context, reservation, all, out);
    }
}

}  // namespace

void review_later(const Policy& policy, const ReviewContext& context, Findings& out) {
    for (const TreeShare& share : policy.fairshare.tree) {
        need_programme(policy, share.programme,
                       fmt::format("fairshare.tree.{}.programme", share.programme.value), out);
    }
    for (const Borrowing& borrowing : policy.borrowing) {
        review_borrowing(policy, context, borrowing, out);
    }
    review_preemption(policy, out);
    review_calendar(policy, context, out);
    need_funder(policy, policy.refunds.payer, "refunds.payer", out);
    if (policy.reports.retention.ledger_months < 120) {
        out.warning("P080", "reports.retention.ledger",
                    "accounting law asks for at least 10y of ledger",
                    "luật kế toán yêu cầu lưu sổ cái ít nhất 10 năm");
    }
}

}  // namespace khu::reviewing

namespace khu {

std::vector<Complaint> review_calendar(const Policy& policy, const ReviewContext& context) {
    reviewing::Findings out;
    reviewing::review_calendar(policy, context, out);
    return reviewing::complaints_of(out.take());
}

}  // namespace khu
