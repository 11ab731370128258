#include "core/machine/policy_forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/machine/admission.h"
#include "core/machine/apply.h"
#include "core/machine/booking.h"
#include "core/machine/money.h"
#include "core/machine/own_rules.h"
#include "core/machine/policy_bookings.h"
#include "core/machine/policy_grants.h"
#include "core/policy/reserved.h"

namespace khu {
namespace {

/// The zone's books as they would be when `next` takes effect: its grants are open, its budgets
/// set, and no node is known.
State as_under(const State& state, const Policy& next, Moment at) {
    State trial(zone_name(state));
    trial.truth.policy = next;
    trial.truth.layers = state.truth.layers;
    apply_detail::use_own_rules(trial, at);
    trial.truth.policy_by = state.truth.policy_by;
    trial.truth.next_job = state.truth.next_job;
    trial.truth.ledger = state.truth.ledger;
    trial.truth.booked = state.truth.booked;
    trial.truth.reports = state.truth.reports;
    trial.reports_owed = state.reports_owed;
    for (const Enterprise& enterprise : next.enterprises) {
        for (const PolicyGrant& grant : enterprise.grants) {
            bring_in(trial.truth.ledger, next, {enterprise, grant}, at);
        }
    }
    for (const Budget& budget : budgets_due(trial)) {
        trial.truth.ledger.set_budget(budget, at, next.id);
    }
    return trial;
}

std::string path_of(const Reservation& reservation) {
    return "calendar.reservations." + reservation.id;
}

/// What one reservation books.
struct Bill {
    Reservation what;
    int windows{0};
    int nodes{0};
    Atoms total;
    std::map<GrantId, Atoms> grants;
};

Said said(const Bill& bill) {
    std::string paid;
    for (const auto& [grant, amount] : bill.grants) {
        paid += fmt::format("{}{} {}", paid.empty() ? "" : ", ", grant.value,
                            format_gpu_hours_short(amount));
    }
    const std::string hours = format_gpu_hours_short(bill.total);
    return {
        .en = fmt::format("{}: {} window(s) of {} nodes ({} GPUs) are booked for {}; {} are held "
                          "at once: {}",
                          path_of(bill.what), bill.windows, bill.nodes, bill.what.gpus,
                          bill.what.enterprise.value, hours, paid),
        .vi = fmt::format("{}: đặt {} khoảng, {} nút ({} GPU) cho {}; giữ ngay {}: {}",
                          path_of(bill.what), bill.windows, bill.nodes, bill.what.gpus,
                          bill.what.enterprise.value, hours, paid)};
}

void add_to(std::map<std::string, Bill>& bills, const Booked& booked) {
    Bill& bill = bills[booked.what.id];
    bill.what = booked.what;
    bill.nodes = booked.nodes;
    ++bill.windows;
    bill.total += booked.hold.total;
    for (const HoldPart& part : booked.hold.parts) {
        bill.grants[part.grant] += part.amount;
    }
}

Said back(const Booked& booked, int offset) {
    const std::string begins = format_local(booked.what.window.from, offset);
    const std::string hours = format_gpu_hours_short(booked.hold.total);
    return {
        .en = fmt::format("{}: its window of {} is given up, {} are free again",
                          path_of(booked.what), begins, hours),
        .vi = fmt::format("{}: bỏ khoảng lúc {}, trả lại {}", path_of(booked.what), begins, hours)};
}

Said stays(const Reservation& kept, int offset) {
    const std::string begins = format_local(kept.window.from, offset);
    return {.en = fmt::format("{}: its window of {} stays booked and is charged, it is too late to "
                              "give it up",
                              path_of(kept), begins),
            .vi = fmt::format("{}: khoảng lúc {} vẫn được giữ và tính phí, đã quá hạn bỏ",
                              path_of(kept), begins)};
}

/// P070: nobody is stopped for it.
void warn_of_nodes(const State& state, const Booked& booked, Moment now,
                   std::set<std::string>& warned, std::vector<Complaint>& complaints) {
    const auto there = nodes_in_time(state, booked, now);
    if (there || !warned.insert(booked.what.id).second) {
        return;
    }
    const std::string begins =
        format_local(booked.what.window.from, state.truth.policy->utc_offset_minutes);
    complaints.push_back(
        {"P070",
         Severity::Warning,
         path_of(booked.what),
         fmt::format("as the zone is now, {} nodes will not be free by {}; the window is booked, "
                     "and charged, when they are",
                     booked.nodes, begins),
         fmt::format("theo tình trạng hiện nay, {} nút sẽ không trống vào {}; khoảng được đặt và "
                     "tính phí khi có đủ nút",
                     booked.nodes, begins),
         {}});
}

Complaint not_paid(const Reservation& window, const Refusal& why, int offset) {
    const std::string begins = format_local(window.window.from, offset);
    const std::string_view code = info(why.code).id;
    return {"P071",
            Severity::Error,
            path_of(window),
            fmt::format("its window of {} cannot be paid: {} {}", begins, code,
                        text(why, Language::English)),
            fmt::format("không thể trả cho khoảng lúc {}: {} {}", begins, code,
                        text(why, Language::Vietnamese)),
            {}};
}

bool has_any(const State& state, const Policy& next) {
    const auto& all = next.calendar.reservations;
    const auto& booked = state.truth.booked;
    return std::ranges::any_of(all, [](const auto& each) { return !each.enterprise.empty(); }) ||
           std::ranges::any_of(booked, [](const auto& each) { return each.second.of_policy; });
}

}  // namespace

BookingForecast forecast_bookings(const State& state, const Policy& next, Moment now) {
    BookingForecast seen;
    if (!has_any(state, next)) {
        return seen;
    }
    const Moment at = std::max(now, next.effective_from);
    const int offset = next.utc_offset_minutes;
    State trial = as_under(state, next, at);
    std::map<std::string, Bill> bills;
    std::set<std::string> warned;
    while (std::optional<Fact> due = policy_booking_due(trial, at, NodesMust::NotBe)) {
        if (const auto* booked = std::get_if<ReservationBooked>(&*due)) {
            add_to(bills, booked->booked);
            warn_of_nodes(state, booked->booked, now, warned, seen.complaints);
            apply_detail::on(trial, *booked, at);
        } else {
            const auto& gone = std::get<ReservationCancelled>(*due);
            seen.notes.push_back(back(trial.truth.booked.at(gone.id), offset));
            apply_detail::on(trial, gone, at);
        }
    }
    for (const Reservation& firm : firm_windows(state)) {
        if (!keeps(next, firm) && !may_be_given_up(firm, at)) {
            seen.notes.push_back(stays(firm, offset));
        }
    }
    for (const auto& [id, bill] : bills) {
        seen.notes.push_back(said(bill));
    }
    for (const Unbooked& each : not_booked_yet(trial, at, NodesMust::NotBe)) {
        if (each.why) {
            seen.complaints.push_back(not_paid(each.what, *each.why, offset));
        }
    }
    return seen;
}

namespace {

struct ShutOut {
    JobId first;
    std::int64_t jobs{0};
    Refusal why;
};

Said said(const EnterpriseId& enterprise, const ShutOut& out) {
    const std::string_view code = info(out.why.code).id;
    return {.en = fmt::format("{} waiting job(s) of {}, the first {}, could not start: {} {}",
                              out.jobs, enterprise.value, out.first.value, code,
                              text(out.why, Language::English)),
            .vi = fmt::format(
                "{} tác vụ đang chờ của {}, đầu tiên là {}, sẽ không chạy được: {} {}", out.jobs,
                enterprise.value, out.first.value, code, text(out.why, Language::Vietnamese))};
}

/// Which of the zone's waiting jobs `trial`, a zone without jobs, would not offer what they name:
/// of all enterprises, or of one.
std::vector<Said> shut_out(const State& state, const State& trial, const EnterpriseId& whose) {
    std::map<std::pair<EnterpriseId, std::string>, ShutOut> all;
    for (const auto& [id, job] : state.truth.jobs) {
        const bool meant = whose.empty() || job.spec.enterprise == whose;
        const bool waits = meant && live_attempt(job) == nullptr;
        if (auto why = waits ? not_offered(trial, job.spec) : std::nullopt) {
            ShutOut& out = all[{job.spec.enterprise, text(*why, Language::English)}];
            out.first = out.jobs == 0 ? id : out.first;
            out.why = std::move(*why);
            ++out.jobs;
        }
    }
    std::vector<Said> lines;
    for (const auto& [key, out] : all) {
        lines.push_back(said(key.first, out));
    }
    return lines;
}

}  // namespace

std::vector<Said> forecast_starts(const State& state, const Policy& next) {
    State trial(zone_name(state));
    trial.truth.policy = next;
    trial.truth.layers = state.truth.layers;
    apply_detail::use_own_rules(trial, next.effective_from);
    return shut_out(state, trial, {});
}

std::vector<Said> forecast_starts(const State& state, const LayerRules& own) {
    State trial(zone_name(state));
    trial.truth.policy = *state.truth.policy;
    trial.truth.layers.records = {{.rules = own, .by = {}, .at = {}, .seq = {}, .binds = true}};
    apply_detail::use_own_rules(trial, own.effective_from);
    return shut_out(state, trial, own.enterprise);
}

}  // namespace khu
