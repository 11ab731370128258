#include "core/ledger/usage.h"

#include <algorithm>

#include "core/base/enum_name.h"
#include "core/ledger/paid_by.h"

namespace khu {
namespace {

struct Month {
    std::int64_t year{0};
    int month{1};
};

constexpr std::int64_t day_ms = 86'400'000;

/// Days since 1970-01-01 of the first of a month. Source: H. Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms" (public domain description).
std::int64_t first_day(Month m) {
    const std::int64_t y = m.month <= 2 ? m.year - 1 : m.year;
    const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
    const std::int64_t yoe = y - era * 400;
    const std::int64_t doy = (153 * (m.month + (m.month > 2 ? -3 : 9)) + 2) / 5;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

Moment local_midnight(Month m, int utc_offset_minutes) {
    return Moment{first_day(m) * day_ms} - minutes(utc_offset_minutes);
}

Month next(Month m) {
    return m.month == 12 ? Month{m.year + 1, 1} : Month{m.year, m.month + 1};
}

/// The local month that `at` lies in. "2026-03-..." is where a printed moment starts.
Month month_of(Moment at, int utc_offset_minutes) {
    const std::string text = format_local(at, utc_offset_minutes);
    return Month{std::stoll(text.substr(0, 4)), std::stoi(text.substr(5, 2))};
}

std::string period_name(Month m) {
    return fmt::format("{:04}-{:02}", m.year, m.month);
}

Charge minus(const Charge& a, const Charge& b) {
    return Charge{.elapsed_s = a.elapsed_s - b.elapsed_s,
                  .waived_s = a.waived_s - b.waived_s,
                  .metered = a.metered - b.metered,
                  .surcharge = a.surcharge - b.surcharge,
                  .discount = a.discount - b.discount,
                  .waived = a.waived - b.waived,
                  .charged = a.charged - b.charged};
}

std::string joined_grants(const std::vector<HoldPart>& holds) {
    std::string out;
    for (const HoldPart& part : holds) {
        out += (out.empty() ? "" : ";") + part.grant.value;
    }
    return out;
}

template <class T>
std::optional<T> unless_empty(T value) {
    if (value.empty()) {
        return std::nullopt;
    }
    return value;
}

void fill_job(UsageRow& row, const UsageContext& c) {
    row.zone_id = c.zone;
    row.province_code = c.province_code;
    row.enterprise_id = c.enterprise;
    row.enterprise_class = c.enterprise_class;
    row.project = unless_empty(c.project);
    row.user_id = unless_empty(c.user);
    row.job_id = c.key.job;
    row.attempt = c.key.attempt;
    row.job_name = unless_empty(c.job_name);
    row.service = c.service;
    row.partition = c.partition;
    row.programme = c.programme;
    row.tier = c.tier;
    row.qos = c.qos;
    row.grant_ids = unless_empty(joined_grants(c.holds));
    row.submit_time = c.submitted_at;
    row.time_limit_s = whole_seconds_up(c.time_limit);
    row.nodes = c.nodes;
    row.gpus = c.gpus;
    row.cores = c.cores;
    row.mem_gib = (c.memory.value + gibibytes(1).value - 1) / gibibytes(1).value;
    row.gpu_model = unless_empty(c.gpu_model);
    row.billable_milli = c.terms.billable_milli;
    row.qos_permille = c.terms.factor_permille;
    row.rate_vnd_per_gpuh = c.terms.rate_vnd_per_gpuh;
    row.policy_id = c.policy;
}

void fill_slice(UsageRow& row, const SliceBill& slice) {
    row.period = slice.bounds.period;
    row.slice = slice.bounds.number;
    row.slice_start = slice.bounds.start;
    row.slice_end = slice.bounds.end;
    row.elapsed_s = slice.bounds.elapsed_s;
    row.end_cause = slice.cause;
    row.metered_ugs = slice.charge.metered;
    row.surcharge_ugs = slice.charge.surcharge;
    row.discount_ugs = slice.charge.discount;
    row.waived_ugs = slice.charge.waived;
    row.charged_ugs = slice.charge.charged;
    row.charged_gpuh = format_gpu_hours(slice.charge.charged);
    row.list_mvnd = slice.list;
    row.waived_list_mvnd = slice.waived_list;
}

}  // namespace

std::string cause_name(EndCause cause) {
    return enum_name(cause);
}

Moment month_start(Moment at, int utc_offset_minutes) {
    return local_midnight(month_of(at, utc_offset_minutes), utc_offset_minutes);
}

Moment month_end(Moment at, int utc_offset_minutes) {
    return local_midnight(next(month_of(at, utc_offset_minutes)), utc_offset_minutes);
}

Moment start_of(const std::string& period, int utc_offset_minutes) {
    KHU_CHECK(period.size() == 7, "{}", period);
    return local_midnight({std::stoll(period.substr(0, 4)), std::stoi(period.substr(5))},
                          utc_offset_minutes);
}

std::string period_of(Moment at, int utc_offset_minutes) {
    return period_name(month_of(at, utc_offset_minutes));
}

namespace {

/// Half-open slices from `from` on, at least one; seconds are counted from `taken`.
std::vector<SliceBounds> slices_from(const Settled& settled, const AttemptEnd& end, int offset) {
    const Moment start = settled.slices == 0 ? end.taken_at : settled.to;
    const Moment stop = std::max(start, end.released_at);
    std::vector<SliceBounds> out;
    Moment from = start;
    std::int64_t before = settled.elapsed_s;
    do {
        const Moment to = std::min(stop, month_end(from, offset));
        const std::int64_t elapsed =
            std::max(before, whole_seconds_up(std::max(Span{0}, to - end.taken_at)));
        out.push_back(SliceBounds{.number = settled.slices + static_cast<int>(out.size()) + 1,
                                  .start = from,
                                  .end = to,
                                  .elapsed_s = elapsed - before,
                                  .period = period_of(from, offset)});
        before = elapsed;
        from = to;
    } while (from < stop);
    return out;
}

/// The slices after `settled` where only the attempt's first `chargeable_s` seconds are charged.
std::vector<SliceBill> priced(const PriceTerms& terms, const std::vector<SliceBounds>& slices,
                              const Settled& settled, std::int64_t chargeable_s) {
    const std::int64_t rate = terms.rate_vnd_per_gpuh;
    const auto beyond = [&](std::int64_t elapsed_s) {
        return std::max<std::int64_t>(0, elapsed_s - chargeable_s);
    };
    std::int64_t cumulative_s = settled.elapsed_s;
    Charge before = charge_of(terms, cumulative_s, beyond(cumulative_s));
    std::vector<SliceBill> out;
    for (const SliceBounds& bounds : slices) {
        cumulative_s += bounds.elapsed_s;
        const Charge after = charge_of(terms, cumulative_s, beyond(cumulative_s));
        SliceBill slice{.bounds = bounds, .charge = minus(after, before), .last = false};
        slice.list = money_of(after.charged, rate) - money_of(before.charged, rate);
        slice.paid = split(slice.list, terms.payers);
        slice.waived_list = money_of(after.waived, rate) - money_of(before.waived, rate);
        slice.cause = "period_cut";
        out.push_back(std::move(slice));
        before = after;
    }
    return out;
}

std::int64_t total_of(const std::vector<SliceBounds>& slices, const Settled& settled) {
    std::int64_t elapsed_s = settled.elapsed_s;
    for (const SliceBounds& bounds : slices) {
        elapsed_s += bounds.elapsed_s;
    }
    return elapsed_s;
}

std::optional<Correction> correction_of(const PriceTerms& terms, const Settled& settled,
                                        std::int64_t chargeable_s) {
    const Charge due = charge_of(terms, settled.elapsed_s,
                                 std::max<std::int64_t>(0, settled.elapsed_s - chargeable_s));
    const Charge was = charge_of(terms, settled.elapsed_s, settled.waived_s);
    if (due == was) {
        return std::nullopt;
    }
    const std::int64_t rate = terms.rate_vnd_per_gpuh;
    Correction back{.less = minus(was, due)};
    back.less.waived_s = due.waived_s - was.waived_s;
    back.less.waived = due.waived - was.waived;
    back.list = money_of(was.charged, rate) - money_of(due.charged, rate);
    back.paid = split_back(back.list, settled.paid);
    back.waived_list = money_of(due.waived, rate) - money_of(was.waived, rate);
    return back;
}

/// What was done since the last checkpoint, and all that was done where there is none.
std::int64_t lost_seconds(const AttemptEnd& end, std::int64_t elapsed_s) {
    if (!end.saved_at || end.never_ran) {
        return elapsed_s;
    }
    return std::min(elapsed_s,
                    whole_seconds_up(std::max(Span{0}, end.released_at - *end.saved_at)));
}

}  // namespace

EndBill bill_end(const PriceTerms& terms, const AttemptEnd& end, const Settled& settled,
                 int utc_offset_minutes) {
    const std::vector<SliceBounds> slices = slices_from(settled, end, utc_offset_minutes);
    const std::int64_t elapsed_s = total_of(slices, settled);
    // The last seconds are waived, by the cause or because they lie beyond the hold.
    const std::int64_t waived_s =
        std::max(waived_seconds(terms, end.cause, lost_seconds(end, elapsed_s), end.never_ran),
                 overrun_seconds(terms, elapsed_s, end.held));
    const std::int64_t chargeable_s = elapsed_s - waived_s;

    EndBill out{.correction = correction_of(terms, settled, chargeable_s),
                .slices = priced(terms, slices, settled, chargeable_s)};
    out.slices.back().last = true;
    out.slices.back().cause = cause_name(end.cause);
    return out;
}

std::vector<SliceBill> bill_to_cut(const PriceTerms& terms, const AttemptEnd& end,
                                   const Settled& settled, int utc_offset_minutes) {
    const std::vector<SliceBounds> slices = slices_from(settled, end, utc_offset_minutes);
    const std::int64_t elapsed_s = total_of(slices, settled);
    return priced(terms, slices, settled, elapsed_s - overrun_seconds(terms, elapsed_s, end.held));
}

Settled settled_with(Settled settled, const std::vector<SliceBill>& slices) {
    for (const SliceBill& slice : slices) {
        settled.slices = slice.bounds.number;
        settled.to = slice.bounds.end;
        settled.elapsed_s += slice.charge.elapsed_s;
        settled.waived_s += slice.charge.waived_s;
        settled.paid.resize(slice.paid.size());
        for (std::size_t i = 0; i < slice.paid.size(); ++i) {
            settled.paid[i] += slice.paid[i];
        }
    }
    return settled;
}

std::vector<SliceBill> bill(const PriceTerms& terms, const AttemptEnd& end,
                            int utc_offset_minutes) {
    return bill_end(terms, end, {}, utc_offset_minutes).slices;
}

std::vector<SliceBounds> month_slices(Moment taken, Moment released, int utc_offset_minutes) {
    return slices_from({}, {.taken_at = taken, .released_at = released}, utc_offset_minutes);
}

SettleInput settle_input(const SliceBill& slice, const PartitionId& partition, const QosId& qos) {
    return SettleInput{.slice = slice.bounds.number,
                       .charge = slice.charge,
                       .cause = slice.cause,
                       .partition = partition,
                       .qos = qos,
                       .last = slice.last,
                       .paid = slice.paid};
}

UsageRow usage_row(const UsageContext& context, const AttemptEnd& end, const SliceBill& slice,
                   const std::vector<Entry>& entries) {
    KHU_CHECK(slice.paid.size() == context.terms.payers.size());

    UsageRow row;
    fill_job(row, context);
    fill_slice(row, slice);
    for (std::size_t i = 0; i < slice.paid.size(); ++i) {
        paid_by(row, context.terms.payers[i].kind) += slice.paid[i];
    }
    if (slice.bounds.number == 1) {
        row.queue_wait_s =
            whole_seconds_up(std::max(Span{0}, slice.bounds.start - context.queued_at));
    }
    if (slice.last) {
        row.exit_code = end.exit_code;
    }
    trace_to(row, entries);
    return row;
}

void trace_to(UsageRow& row, const std::vector<Entry>& entries) {
    if (!entries.empty()) {
        row.ledger_seq_first = entries.front().seq;
        row.ledger_seq_last = entries.back().seq;
    }
}

UsageRow correction_row(const UsageContext& context, const AttemptEnd& end, const Settled& settled,
                        const Correction& correction, int utc_offset_minutes) {
    UsageRow row;
    fill_job(row, context);
    row.period = period_of(std::max(settled.to, end.released_at), utc_offset_minutes);
    row.slice = settled.slices;
    row.slice_start = settled.to;
    row.slice_end = settled.to;
    row.end_cause = "correction";
    row.surcharge_ugs = -correction.less.surcharge;
    row.discount_ugs = -correction.less.discount;
    row.waived_ugs = correction.less.waived;
    row.charged_ugs = -correction.less.charged;
    row.charged_gpuh =
        (correction.less.charged > Atoms{0} ? "-" : "") + format_gpu_hours(correction.less.charged);
    row.list_mvnd = -correction.list;
    row.waived_list_mvnd = correction.waived_list;
    for (std::size_t i = 0; i < correction.paid.size(); ++i) {
        paid_by(row, context.terms.payers[i].kind) -= correction.paid[i];
    }
    row.row_kind = "correction";
    row.corrects =
        fmt::format("{}.{}.{}", context.key.job.value, context.key.attempt.value, settled.slices);
    return row;
}

}  // namespace khu
