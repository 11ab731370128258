// Numbers with units, as people write them. What is accepted is in its bounds and is read back from
// its own canonical writing; what is refused says why, at a place inside the text.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/values.h"
#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/policy/kinds.h"

namespace {

using namespace khu;          // NOLINT: a program of one file
using namespace khu::config;  // NOLINT

template <class T>
void refused_well(const Value<T>& value, std::string_view text) {
    if (!value) {
        KHU_CHECK(!value.error().code.empty() && !value.error().why_en.empty());
        KHU_CHECK(value.error().offset <= text.size());
    }
}

template <class Kind, class T, class Parse>
void reads_back(Kind kind, const Value<T>& value, std::string_view text, Parse parse) {
    refused_well(value, text);
    if (value) {
        const Value<T> again = parse(schema::write(kind, *value, schema::Writing{420}));
        KHU_CHECK(again && *again == *value);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    reads_back(schema::Duration{}, parse_duration(text), text,
               [](const std::string& t) { return parse_duration(t); });
    reads_back(schema::Months{}, parse_months(text), text,
               [](const std::string& t) { return parse_months(t); });
    reads_back(schema::Percent{}, parse_percent(text, 10'000), text,
               [](const std::string& t) { return parse_percent(t, 10'000); });
    reads_back(schema::GpuHours{}, parse_gpu_hours(text, true), text,
               [](const std::string& t) { return parse_gpu_hours(t, true); });
    reads_back(schema::Dong{}, parse_dong(text, true), text,
               [](const std::string& t) { return parse_dong(t, true); });
    reads_back(schema::Day{}, parse_day(text, 420), text,
               [](const std::string& t) { return parse_day(t, 420); });
    reads_back(schema::Instant{}, parse_instant(text), text,
               [](const std::string& t) { return parse_instant(t); });
    reads_back(schema::Offset{}, parse_offset(text), text,
               [](const std::string& t) { return parse_offset(t); });
    const Value<Span> limit = parse_time_limit(text);
    refused_well(limit, text);
    KHU_CHECK(!limit || (*limit > Span{} && *limit <= limits::time_limit_max));
    const Value<Bytes> bytes = parse_size(text);
    refused_well(bytes, text);
    KHU_CHECK(!bytes || bytes->value > 0);
    refused_well(parse_gpus(text), text);
    refused_well(parse_signal(text), text);
    refused_well(parse_begin(text, Moment{}, 420), text);
    refused_well(parse_tax_code(text), text);
    return 0;
}
