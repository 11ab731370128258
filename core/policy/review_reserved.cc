// Reservations for one enterprise, which are charged: P030, P071.
#include <algorithm>

#include "core/base/limits.h"
#include "core/policy/findings.h"
#include "core/policy/reserved.h"

namespace khu::reviewing {
namespace {

struct Place {
    const Policy& policy;
    const Reservation& reservation;
    std::string at;
};

/// P071 at a key of the reservation, made from these paths too.
Finding& refuse(const Place& here, const char* key, std::string en, std::string vi, Findings& out) {
    return out.error("P071", here.at + key, std::move(en), std::move(vi));
}

void review_names(const Place& here, Findings& out) {
    const EnterpriseId& id = here.reservation.enterprise;
    if (find_enterprise(here.policy, id) == nullptr) {
        out.unknown(here.at + ".enterprise", id.value, kAnEnterprise,
                    ids_of(here.policy.enterprises));
    }
}

/// What costs nothing is not set aside for one.
void review_price(const Place& here, Findings& out) {
    const Reservation& what = here.reservation;
    const Qos* qos = find_qos(here.policy, what.qos);
    const Partition* partition = find_partition(here.policy, what.partition);
    const Programme* programme = find_programme(here.policy, what.programme);
    if (qos != nullptr && qos->factor_permille == 0) {
        refuse(here, ".qos", fmt::format("it is charged, and {} is free", what.qos.value),
               fmt::format("đặt chỗ này tính phí, còn {} miễn phí", what.qos.value), out)
            .looks_at.push_back(fmt::format("qos.{}.factor", what.qos.value));
    }
    if (partition != nullptr && partition->gpu.empty()) {
        refuse(here, ".partition", "it is charged by GPUs, and this partition has none",
               "đặt chỗ này tính phí theo GPU, mà phân vùng này không có", out)
            .looks_at.push_back(fmt::format("partitions.{}.gpu", what.partition.value));
    }
    if (programme == nullptr) {
        return;
    }
    const std::string of_programme = "programmes." + what.programme.value;
    if (partition != nullptr && !opens(*programme, what.partition)) {
        refuse(here, ".partition", fmt::format("{} does not open it", what.programme.value),
               fmt::format("{} không mở phân vùng này", what.programme.value), out)
            .looks_at.push_back(of_programme + ".partitions");
    }
    if (qos != nullptr && !opens(*programme, what.qos)) {
        refuse(here, ".qos", fmt::format("{} does not open it", what.programme.value),
               fmt::format("{} không mở QOS này", what.programme.value), out)
            .looks_at.push_back(of_programme + ".qos");
    }
    const int most = programme->limits.max_gpus_running;
    if (most > 0 && what.gpus > most) {
        refuse(here, ".gpus",
               fmt::format("{} allows {} GPUs at one time", what.programme.value, most),
               fmt::format("{} chỉ cho {} GPU cùng lúc", what.programme.value, most), out)
            .looks_at.push_back(of_programme + ".limits");
    }
}

/// Those of a booking by `khu reservation book`, so that what is held is held for a time that can
/// be seen ahead.
void review_length(const Place& here, Moment at, Findings& out) {
    const Reservation& what = here.reservation;
    if (what.window.to - what.window.from > limits::reservation_length_max) {
        refuse(here, ".to", "a window that is charged is at most 31 days long",
               "khoảng tính phí dài tối đa 31 ngày", out)
            .looks_at.push_back(here.at + ".from");
    }
    const Moment last = windows_of(what).back().from;
    if (last > at + limits::reservation_ahead_max) {
        refuse(here, what.every > Span{0} ? ".until" : ".from",
               "every window is paid for when the policy takes effect, so the last begins within "
               "400 days of that",
               "mọi khoảng được trả khi chính sách có hiệu lực nên khoảng cuối phải bắt đầu trong "
               "400 ngày kể từ đó",
               out)
            .looks_at = {here.at + ".from", here.at + ".every", here.at + ".until",
                         "policy.effective_from"};
    }
}

void review_way(const Place& here, const ReviewContext& context, Moment at, Findings& out) {
    for (const Window& window : windows_of(here.reservation)) {
        const auto firm = in_the_way(here.policy, here.reservation, window, context.firm, at);
        if (firm) {
            const int offset = here.policy.utc_offset_minutes;
            const std::string begins = format_local(firm->window.from, offset);
            refuse(here, "",
                   fmt::format("its window of {} is booked, and can be given up or changed no "
                               "more: leave it as it is until it is over",
                               begins),
                   fmt::format("khoảng lúc {} đã đặt, không thể bỏ hay đổi nữa: hãy giữ nguyên đến "
                               "khi kết thúc",
                               begins),
                   out);
            return;
        }
    }
}

}  // namespace

void review_reserved(const Policy& policy, const ReviewContext& context, Findings& out) {
    const Moment at = std::max(context.now, policy.effective_from);
    std::int64_t windows = 0;
    for (const Reservation& each : policy.calendar.reservations) {
        if (each.enterprise.empty()) {
            continue;
        }
        const Place here{policy, each, "calendar.reservations." + each.id};
        review_names(here, out);
        review_price(here, out);
        review_length(here, at, out);
        review_way(here, context, at, out);
        windows += static_cast<std::int64_t>(windows_of(each).size());
    }
    if (windows > limits::reservations_of_policy_max) {
        out.error("P071", "calendar.reservations",
                  fmt::format("{} windows of enterprises, at most {} can be booked", windows,
                              limits::reservations_of_policy_max),
                  fmt::format("{} khoảng của doanh nghiệp, chỉ đặt được tối đa {}", windows,
                              limits::reservations_of_policy_max));
    }
}

std::vector<Reservation> kept_windows(const Policy& policy, const ReviewContext& context) {
    const Moment at = std::max(context.now, policy.effective_from);
    std::vector<Reservation> kept;
    for (const Reservation& each : context.firm) {
        if (!keeps(policy, each) && !may_be_given_up(each, at)) {
            kept.push_back(each);
        }
    }
    return kept;
}

}  // namespace khu::reviewing
