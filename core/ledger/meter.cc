#include "core/ledger/meter.h"

#include <fmt/format.h>

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
    return fmt::format("{}.{:06}", quantity_micro / kMicro, quantity_micro % kMicro);
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
    if (!entries.empty()) {
        row.ledger_seq_first = entries.front().seq;
        row.ledger_seq_last = entries.back().seq;
    }
    return row;
}

std::string reading_name(const std::string& period, const MeterReading& reading) {
    return period + "/" + reading.meter.value.str() + "/" + reading.row;
}

std::uint64_t digest_of(const MeterReading& reading) {
    Digest digest;
    digest.add(reading.enterprise.value);
    digest.add(static_cast<std::uint64_t>(reading.quantity_micro));
    digest.add(static_cast<std::uint64_t>(reading.from.value));
    digest.add(static_cast<std::uint64_t>(reading.to.value));
    return digest.value();
}

}  // namespace khu
