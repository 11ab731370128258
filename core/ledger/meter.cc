#include "core/ledger/meter.h"

#include <fmt/format.h>

#include <cstdlib>

#include "core/base/check.h"
#include "core/base/digest.h"
#include "core/ledger/paid_by.h"

namespace khu {
namespace {

constexpr std::int64_t kMicro = 1'000'000;

}  // namespace

Mvnd meter_price(std::int64_t quantity_micro, Mvnd price) {
    KHU_CHECK(quantity_micro >= 0 && price >= Mvnd{0}, "{} at {}", quantity_micro, price.value);
    __extension__ using Wide = __int128;
    const Wide product = Wide{quantity_micro} * price.value;
    const Wide whole = product / kMicro;
    const Wide twice = product % kMicro * 2;
    const bool up = twice > kMicro || (twice == kMicro && whole % 2 == 1);
    KHU_CHECK(whole < INT64_MAX, "{} at {}", quantity_micro, price.value);
    return Mvnd{static_cast<std::int64_t>(whole + (up ? 1 : 0))};
}

std::string quantity_text(std::int64_t quantity_micro) {
    const std::int64_t size = std::abs(quantity_micro);
    return fmt::format("{}{}.{:06}", quantity_micro < 0 ? "-" : "", size / kMicro, size % kMicro);
}

MeterCharge correction_of(const MeterCharge& first, const MeterReading& reading,
                          std::int64_t before) {
    const std::int64_t was = first.reading.quantity_micro + before;
    const std::int64_t is = was + reading.quantity_micro;
    const Mvnd list_was = meter_price(was, first.price);
    const Mvnd list_is = meter_price(is, first.price);
    const std::vector<Mvnd> paid = split(list_was, first.payers);
    const std::vector<Mvnd> due = split(list_is, first.payers);
    MeterCharge charge = first;
    charge.reading = reading;
    charge.list = list_is - list_was;
    for (std::size_t i = 0; i < charge.parts.size(); ++i) {
        charge.parts[i].amount = due.at(i) - paid.at(i);
    }
    return charge;
}

MeterRow meter_row(const MeterCharge& charge, const PolicyId& policy,
                   const std::vector<Entry>& entries) {
    const MeterReading& reading = charge.reading;
    MeterRow row;
    row.period = charge.period;
    row.enterprise_id = reading.enterprise;
    row.enterprise_class = charge.enterprise_class;
    row.service = charge.service;
    row.meter = reading.meter;
    row.row_id = reading.row;
    row.slice_start = reading.from;
    row.slice_end = reading.to;
    row.unit = charge.unit;
    row.quantity = quantity_text(reading.quantity_micro);
    row.quantity_micro = reading.quantity_micro;
    row.price_mvnd_per_unit = charge.price;
    row.list_mvnd = charge.list;
    for (std::size_t i = 0; i < charge.parts.size(); ++i) {
        paid_by(row, charge.kinds.at(i)) += charge.parts[i].amount;
    }
    row.policy_id = policy;
    if (!reading.corrects.empty()) {
        row.row_kind = "correction";
        row.corrects = reading.corrects;
        row.reason = reading.reason;
        row.decision_ref = reading.decision_ref;
    }
    if (!entries.empty()) {
        row.ledger_seq_first = entries.front().seq;
        row.ledger_seq_last = entries.back().seq;
    }
    return row;
}

std::string reading_name(const std::string& period, const MeterReading& reading) {
    const std::string& first = reading.corrects;
    return (first.empty() ? period + "/" + reading.meter.value.str() : first) + "/" + reading.row;
}

std::uint64_t digest_of(const MeterReading& reading) {
    Digest digest;
    digest.add(reading.enterprise.value);
    digest.add(static_cast<std::uint64_t>(reading.quantity_micro));
    digest.add(static_cast<std::uint64_t>(reading.from.value));
    digest.add(static_cast<std::uint64_t>(reading.to.value));
    if (!reading.corrects.empty()) {
        digest.add(reading.reason);
        digest.add(reading.decision_ref);
    }
    return digest.value();
}

}  // namespace khu
