/// Readings of other meters of the shared infrastructure: all of them or none.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/enum_name.h"
#include "core/ledger/usage.h"
#include "core/machine/decide.h"
#include "core/machine/grant_rules.h"
#include "core/machine/money.h"

namespace khu::decide_detail {
namespace {

constexpr const char* kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
constexpr const char* kNeedsName = "each row needs a name of its own, of letters, digits and . _ -";
constexpr const char* kNeedsNameVi = "mỗi dòng cần một tên riêng, gồm chữ, số và . _ -";
constexpr const char* kOtherContent = "it was taken already with other content";
constexpr const char* kOtherContentVi = "đã ghi nhận với nội dung khác";
/// Millionths.
constexpr std::int64_t kMicro = 1'000'000;
constexpr std::int64_t kQuantityMax = 1'000'000'000 * kMicro;
/// Of one row, in thousandths of a đồng: far above any, far below what 63 bits hold.
constexpr std::int64_t kListMax = 100'000'000'000'000;

Unexpected<Refusal> not_taken(const MeterReading& reading, std::string why, std::string why_vi) {
    return Unexpected{Refusal(Code::ReadingNotTaken)
                          .with("row", reading.row)
                          .with("meter", reading.meter.value)
                          .with("why", std::move(why))
                          .with("why_vi", std::move(why_vi))};
}

bool is_named(const MeterReading& reading) {
    return !reading.row.empty() && reading.row.size() <= 64 &&
           reading.row.find_first_not_of(kNameCharacters) == std::string::npos;
}

Expected<Done, Refusal> sane(const State& state, const MeterReading& reading, Moment now) {
    const int offset = state.truth.policy->utc_offset_minutes;
    if (!is_named(reading)) {
        return not_taken(reading, kNeedsName, kNeedsNameVi);
    }
    if (reading.quantity_micro <= 0 || reading.quantity_micro > kQuantityMax) {
        return not_taken(reading, "the quantity must be more than 0 and at most 1,000,000,000",
                         "số lượng phải lớn hơn 0 và tối đa 1.000.000.000");
    }
    if (reading.from >= reading.to || reading.to > now) {
        return not_taken(reading, "its time must end after it begins, and not in the future",
                         "thời gian phải kết thúc sau khi bắt đầu, và không ở tương lai");
    }
    if (period_of(reading.from, offset) != period_of(reading.to - milliseconds(1), offset)) {
        return not_taken(reading, "it must lie within one month of the zone's time",
                         "phải nằm trong một tháng theo giờ của khu");
    }
    if (reading.from < state.truth.closed_until) {
        return not_taken(reading, "its month is closed", "tháng đó đã chốt sổ");
    }
    return Done{};
}

/// As the policy in force prices and splits it.
Expected<MeterCharge, Refusal> priced(const State& state, const MeterReading& reading) {
    const Policy& policy = *state.truth.policy;
    const Meter* meter = find_meter(policy, reading.meter);
    const Enterprise* enterprise = find_enterprise(policy, reading.enterprise);
    if (meter == nullptr) {
        return Unexpected{not_in_policy("meter", reading.meter.value)};
    }
    if (enterprise == nullptr) {
        return Unexpected{not_in_policy("enterprise", reading.enterprise.value)};
    }
    __extension__ using Wide = __int128;
    if (Wide{reading.quantity_micro} * meter->price.value > Wide{kListMax} * kMicro) {
        return not_taken(reading, "it would cost more than 100,000,000,000 đ in one row",
                         "một dòng tốn hơn 100.000.000.000 đ");
    }
    MeterCharge charge{.reading = reading,
                       .period = period_of(reading.from, policy.utc_offset_minutes),
                       .service = meter->service,
                       .unit = meter->unit,
                       .enterprise_class = enum_name(enterprise->kind),
                       .price = meter->price,
                       .list = meter_price(reading.quantity_micro, meter->price),
                       .kinds = {},
                       .parts = {},
                       .payers = {}};
    std::vector<Payer>& payers = charge.payers;
    for (const SplitShare& share : meter->split) {
        const Funder* funder = find_funder(policy, share.payer);
        if (funder != nullptr && share.permille > 0 && !funder->window.contains(reading.from)) {
            return not_taken(reading, "the window of funder " + funder->id.value + " is not open",
                             "bên tài trợ " + funder->id.value + " không trong thời hạn");
        }
        const PayerKind kind = funder == nullptr ? PayerKind::Enterprise : payer_kind(funder->kind);
        payers.push_back({.kind = kind, .id = share.payer, .permille = share.permille});
        charge.kinds.push_back(kind);
    }
    const std::vector<Mvnd> amounts = split(charge.list, payers);
    for (std::size_t i = 0; i < amounts.size(); ++i) {
        const bool own = payers[i].kind == PayerKind::Enterprise;
        charge.parts.push_back({.account = own ? payer_account(policy, reading.enterprise)
                                               : funder_account(payers[i].id),
                                .amount = amounts[i]});
    }
    return charge;
}

Unexpected<Refusal> not_corrected(const MeterReading& reading, std::string why,
                                  std::string why_vi) {
    return Unexpected{Refusal(Code::CorrectionNotTaken)
                          .with("row", reading.row)
                          .with("corrects", reading.corrects)
                          .with("why", std::move(why))
                          .with("why_vi", std::move(why_vi))};
}

/// Whether `reading` says what is wrong with `first`, and leaves something that can be.
Expected<Done, Refusal> corrects(const MeterReading& reading, const MeterCharge& first,
                                 std::int64_t before) {
    const MeterReading& of = first.reading;
    if (reading.reason.empty() || reading.decision_ref.empty()) {
        return not_corrected(reading, "a correction needs a reason and the act behind it",
                             "điều chỉnh cần lý do và số quyết định");
    }
    if (reading.meter != of.meter || reading.enterprise != of.enterprise ||
        reading.from != of.from || reading.to != of.to) {
        return not_corrected(
            reading, "its meter, enterprise and time must be those of the row that it corrects",
            "đồng hồ, doanh nghiệp và thời gian phải là của dòng được điều chỉnh");
    }
    const std::int64_t left = of.quantity_micro + before;
    if (reading.quantity_micro == 0 || std::abs(reading.quantity_micro) > kQuantityMax) {
        return not_corrected(reading, "the quantity must not be 0, and at most 1,000,000,000",
                             "số lượng phải khác 0 và tối đa 1.000.000.000");
    }
    if (left + reading.quantity_micro < 0) {
        return not_corrected(reading, "only " + quantity_text(left) + " is left of it",
                             "dòng đó chỉ còn " + quantity_text(left));
    }
    __extension__ using Wide = __int128;
    const std::int64_t after = left + reading.quantity_micro;
    if (after > kQuantityMax || Wide{after} * first.price.value > Wide{kListMax} * kMicro) {
        return not_corrected(reading, "the row would come to more than one row may",
                             "dòng đó sẽ vượt mức tối đa của một dòng");
    }
    return Done{};
}

/// One command's readings on their way.
class Taking {
public:
    Taking(const State& state, const TakeReadings& command, Moment now)
        : state_(state), firsts_(command.firsts), now_(now) {}

    Expected<Done, Refusal> take(const MeterReading& reading) {
        return reading.corrects.empty() ? take_new(reading) : correct(reading);
    }
    std::vector<MeterCharge> charges() && { return std::move(charges_); }

private:
    Expected<Done, Refusal> take_new(const MeterReading& reading) {
        if (auto good = sane(state_, reading, now_); !good) {
            return good;
        }
        const int offset = state_.truth.policy->utc_offset_minutes;
        const std::string name = reading_name(period_of(reading.from, offset), reading);
        const auto known = state_.truth.readings.find(name);
        const auto fresh = seen_.emplace(name, digest_of(reading));
        const bool again = known != state_.truth.readings.end() || !fresh.second;
        if (again) {
            const std::uint64_t before =
                known != state_.truth.readings.end() ? known->second.digest : fresh.first->second;
            return before == digest_of(reading)
                       ? Expected<Done, Refusal>(Done{})
                       : not_taken(reading, kOtherContent, kOtherContentVi);
        }
        auto charge = priced(state_, reading);
        if (!charge) {
            return Unexpected{std::move(charge).error()};
        }
        return pay(*std::move(charge));
    }

    /// Into the month of the row that was wrong while that is open, else into the one that runs.
    Expected<Done, Refusal> correct(const MeterReading& reading) {
        if (!is_named(reading)) {
            return not_corrected(reading, kNeedsName, kNeedsNameVi);
        }
        const auto first = firsts_.find(reading.corrects);
        if (first == firsts_.end() || first->second.payers.empty()) {
            return not_corrected(reading, "no such row was taken: it is written 2026-03/METER/ROW",
                                 "không có dòng đó: hãy viết 2026-03/ĐỒNG-HỒ/DÒNG");
        }
        CorrectedReading& known = corrected(reading.corrects);
        const auto [row, fresh] = known.rows.emplace(reading.row, digest_of(reading));
        if (!fresh) {
            return row->second == digest_of(reading)
                       ? Expected<Done, Refusal>(Done{})
                       : not_corrected(reading, kOtherContent, kOtherContentVi);
        }
        if (auto good = corrects(reading, first->second, known.quantity_micro); !good) {
            return good;
        }
        MeterCharge charge = correction_of(first->second, reading, known.quantity_micro);
        const bool open = first->second.reading.from >= state_.truth.closed_until;
        charge.period =
            open ? first->second.period : period_of(now_, state_.truth.policy->utc_offset_minutes);
        known.quantity_micro += reading.quantity_micro;
        return pay(std::move(charge));
    }

    /// As the state has it, and this command so far.
    CorrectedReading& corrected(const std::string& name) {
        const auto known = state_.truth.corrected.find(name);
        return corrected_
            .try_emplace(name,
                         known == state_.truth.corrected.end() ? CorrectedReading{} : known->second)
            .first->second;
    }

    Expected<Done, Refusal> pay(MeterCharge charge) {
        if (const MoneyPart* lacks = state_.truth.ledger.money_short(charge.parts, promised_)) {
            const std::string needed = format_dong(lacks->amount);
            const std::string why =
                fmt::format("{} has less left than its part, {}", lacks->account, needed);
            const std::string why_vi =
                fmt::format("{} không còn đủ phần phải trả, {}", lacks->account, needed);
            return charge.reading.corrects.empty() ? not_taken(charge.reading, why, why_vi)
                                                   : not_corrected(charge.reading, why, why_vi);
        }
        for (const MoneyPart& part : charge.parts) {
            promised_[part.account] += part.amount;
        }
        charges_.push_back(std::move(charge));
        return Done{};
    }

    const State& state_;
    const std::map<std::string, MeterCharge>& firsts_;
    Moment now_;
    std::map<std::string, std::uint64_t> seen_;
    std::map<std::string, CorrectedReading> corrected_;
    std::map<std::string, Mvnd> promised_;
    std::vector<MeterCharge> charges_;
};

}  // namespace

/// Errors: N403, A133 (meter, enterprise), L222, L224; R304 around them for a row of a file.
Decided on(State& state, const TakeReadings& command, Moment now) {
    if (!command.who.has(Role::Meter)) {
        if (auto role = need_role(command.who, Role::ZoneAdmin, "meter import"); !role) {
            return Unexpected{std::move(role).error()};
        }
    }
    if (!state.truth.policy) {
        return Unexpected{not_in_policy("meter", "-")};
    }
    Taking taking(state, command, now);
    for (std::size_t i = 0; i < command.readings.size(); ++i) {
        if (auto taken = taking.take(command.readings[i]); !taken) {
            return Unexpected{command.lines.empty() ? std::move(taken).error()
                                                    : in_row(taken.error(), command.lines.at(i))};
        }
    }
    std::vector<MeterCharge> charges = std::move(taking).charges();
    Decision decision;
    if (!charges.empty()) {
        decision.facts.push_back(MeterRead{.charges = std::move(charges), .by = command.who.user});
    }
    return decision;
}

}  // namespace khu::decide_detail
