#include "core/ledger/refund.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/ledger/paid_by.h"

namespace khu {
namespace {

__extension__ using Wide = __int128;

/// floor(whole x part / of)
std::int64_t share(std::int64_t whole, Atoms part, Atoms of) {
    return static_cast<std::int64_t>(Wide{whole} * part.value / of.value);
}

template <class Part, class Key>
auto& amount_of(std::vector<Part>& parts, Key Part::* key, const Key& name) {
    const auto found = std::ranges::find(parts, name, key);
    if (found != parts.end()) {
        return found->amount;
    }
    Part part;
    part.*key = name;
    parts.push_back(std::move(part));
    return parts.back().amount;
}

Mvnd sum(const std::vector<MoneyPart>& parts) {
    Mvnd all;
    for (const MoneyPart& part : parts) {
        all += part.amount;
    }
    return all;
}

GrantId grant_in(const std::string& account) {
    return GrantId{account.substr(account.find(':') + 1)};
}

void take_money(PaidAttempt& paid, const Entry& entry) {
    const Mvnd amount{entry.amount};
    if (entry.kind == "settle") {
        amount_of(paid.money, &MoneyPart::account, entry.debit) += amount;
    } else if (entry.kind == "refund") {
        amount_of(paid.money, &MoneyPart::account, entry.credit) -= amount;
    }
}

void take_hours(PaidAttempt& paid, const Entry& entry) {
    const Atoms amount{entry.amount};
    if (entry.kind == "settle") {
        amount_of(paid.hours, &HoldPart::grant, grant_in(entry.debit)) += amount;
        paid.charged += amount;
    } else if (entry.kind == "post" && entry.credit == kPremium) {
        paid.surcharge += amount;
    } else if (entry.kind == "discount") {
        paid.discount += amount;
    } else if (entry.kind == "waive") {
        paid.waived += amount;
    } else if (entry.kind == "refund" && entry.credit == kZoneDiscount) {
        paid.discount -= amount;
        paid.waived += amount;
    } else if (entry.kind == "refund") {
        amount_of(paid.hours, &HoldPart::grant, grant_in(entry.credit)) -= amount;
        paid.charged -= amount;
        (entry.debit == kPremium ? paid.surcharge : paid.waived) +=
            entry.debit == kPremium ? -amount : amount;
    }
}

/// The last grant first: what expires last was taken last.
std::vector<HoldPart> hours_back(const PaidAttempt& paid, const Refund& before, Atoms amount) {
    std::vector<HoldPart> parts = paid.hours;
    Atoms left = amount;
    for (std::size_t i = parts.size(); i-- > 0;) {
        const Atoms given = i < before.hours.size() ? before.hours[i].amount : Atoms{0};
        parts[i].amount = std::min(left, paid.hours[i].amount - given);
        left -= parts[i].amount;
    }
    KHU_CHECK(left == Atoms{0}, "{} of {} paid by nobody", left.value, amount.value);
    return parts;
}

std::vector<MoneyPart> money_back(const PaidAttempt& paid, const Refund& before, Mvnd total) {
    std::vector<MoneyPart> parts = paid.money;
    std::vector<Mvnd> rest;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        rest.push_back(parts[i].amount -
                       (i < before.money.size() ? before.money[i].amount : Mvnd{0}));
    }
    const std::vector<Mvnd> back = split_back(total, rest);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        parts[i].amount = back[i];
    }
    return parts;
}

}  // namespace

PaidAttempt paid_attempt(const UsageRow& last, AttemptKey key, const std::vector<Entry>& entries) {
    PaidAttempt paid{.last = last};
    const std::string refunds = fmt::format("{}.{}.f", key.job.value, key.attempt.value);
    for (const Entry& entry : entries) {
        if (entry.id.starts_with(refunds)) {
            continue;
        }
        if (is_money(entry.debit)) {
            take_money(paid, entry);
        } else {
            take_hours(paid, entry);
        }
    }
    return paid;
}

Refund refund_part(const PaidAttempt& paid, const Refund& before, Atoms amount) {
    const Atoms after = before.less.charged + amount;
    KHU_CHECK(amount > Atoms{0} && after <= paid.charged, "{} after {} of {}", amount.value,
              before.less.charged.value, paid.charged.value);
    Refund back;
    Charge& less = back.less;
    less.charged = amount;
    less.surcharge =
        Atoms{share(paid.surcharge.value, after, paid.charged)} - before.less.surcharge;
    less.discount = Atoms{share(paid.discount.value, after, paid.charged)} - before.less.discount;
    less.waived = amount - less.surcharge + less.discount;
    back.list = Mvnd{share(sum(paid.money).value, after, paid.charged)} - before.list;
    const std::int64_t rate = paid.last.rate_vnd_per_gpuh;
    back.waived_list = money_of(before.less.waived + less.waived, rate) - before.waived_list;
    back.hours = hours_back(paid, before, amount);
    back.money = money_back(paid, before, back.list);
    return back;
}

Refund sum_of(Refund so_far, const Refund& more) {
    so_far.less.charged += more.less.charged;
    so_far.less.surcharge += more.less.surcharge;
    so_far.less.discount += more.less.discount;
    so_far.less.waived += more.less.waived;
    so_far.list += more.list;
    so_far.waived_list += more.waived_list;
    for (const HoldPart& part : more.hours) {
        amount_of(so_far.hours, &HoldPart::grant, part.grant) += part.amount;
    }
    for (const MoneyPart& part : more.money) {
        amount_of(so_far.money, &MoneyPart::account, part.account) += part.amount;
    }
    return so_far;
}

UsageRow refund_row(const PaidAttempt& paid, const Refund& back, Moment at,
                    int utc_offset_minutes) {
    KHU_CHECK(paid.kinds.size() == paid.money.size());
    UsageRow row = paid.last;
    row.period = period_of(at, utc_offset_minutes);
    row.slice_start = at;
    row.slice_end = at;
    row.queue_wait_s.reset();
    row.elapsed_s = 0;
    row.end_cause = "correction";
    row.metered_ugs = Atoms{0};
    row.surcharge_ugs = -back.less.surcharge;
    row.discount_ugs = -back.less.discount;
    row.waived_ugs = back.less.waived;
    row.charged_ugs = -back.less.charged;
    row.charged_gpuh = "-" + format_gpu_hours(back.less.charged);
    row.list_mvnd = -back.list;
    row.waived_list_mvnd = back.waived_list;
    for (const PayerKind kind : {PayerKind::National, PayerKind::Provincial, PayerKind::Zone,
                                 PayerKind::Donor, PayerKind::Enterprise}) {
        paid_by(row, kind) = Mvnd{0};
    }
    for (std::size_t i = 0; i < back.money.size(); ++i) {
        paid_by(row, paid.kinds[i]) -= back.money[i].amount;
    }
    row.row_kind = "correction";
    row.corrects = fmt::format("{}.{}.{}", row.job_id.value, row.attempt.value, paid.last.slice);
    return row;
}

std::string refund_id(AttemptKey key, int times) {
    return fmt::format("{}.{}.f{}", key.job.value, key.attempt.value, times);
}

std::string refund_name(std::uint64_t number) {
    return fmt::format("RF-{}", number);
}

}  // namespace khu
