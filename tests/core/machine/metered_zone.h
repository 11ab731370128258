#pragma once

/// \file
/// A zone with another meter, for tests: 500 dong a unit, a fifth of it the zone's.

#include <map>
#include <string>
#include <vector>

#include "core/ledger/usage.h"
#include "tests/core/machine/zone_books.h"

namespace khu::testing {

inline constexpr std::int64_t kUnit = 1'000'000;

inline Policy with_meters() {
    Policy policy = small_policy();
    policy.zone.services.push_back("cloud");
    policy.meters = {{.id = MeterId{"vcpu"},
                      .service = "cloud",
                      .unit = "vcpu-hour",
                      .price = Mvnd{500'000},
                      .split = {{FunderId{"zone-test"}, 200}, {FunderId{kEnterprisePayer}, 800}}}};
    policy.enterprises[1].wallet = {.mode = WalletMode::Prepaid, .credit_limit = Mvnd{0}};
    return policy;
}

inline Identity meter() {
    Identity who;
    who.user = UserId{"cloud-meter"};
    who.roles = {Role::Meter};
    return who;
}

struct Metered {
    Metered() : zone(with_meters()) {
        begin = month_start(zone.now, 420);
        zone.now = begin + days(10);
        zone.tell(Tick{});
    }
    MeterReading reading(const std::string& row, std::int64_t quantity,
                         const EnterpriseId& owner = sao_mai) const {
        return {.meter = MeterId{"vcpu"},
                .row = row,
                .enterprise = owner,
                .quantity_micro = quantity,
                .from = begin + days(1),
                .to = begin + days(2)};
    }
    Outcome take(std::vector<MeterReading> readings, Identity who = meter(),
                 std::vector<std::int64_t> lines = {},
                 std::map<std::string, MeterCharge> firsts = {}) {
        return zone.tell(TakeReadings{.who = std::move(who),
                                      .readings = std::move(readings),
                                      .lines = std::move(lines),
                                      .firsts = std::move(firsts)});
    }
    /// What was taken, by name, as the books keep it for corrections.
    std::map<std::string, MeterCharge> charges() const {
        std::map<std::string, MeterCharge> all;
        for (const Effect& effect : zone.effects) {
            const auto* posted = std::get_if<PostReadings>(&effect);
            for (std::size_t i = 0; posted != nullptr && i < posted->charges.size(); ++i) {
                const MeterCharge& charge = posted->charges[i];
                all.emplace(reading_name(charge.period, charge.reading), charge);
            }
        }
        return all;
    }
    std::vector<MeterRow> rows() const {
        std::vector<MeterRow> all;
        for (const Effect& effect : zone.effects) {
            if (const auto* posted = std::get_if<PostReadings>(&effect)) {
                all.insert(all.end(), posted->rows.begin(), posted->rows.end());
            }
        }
        return all;
    }
    Mvnd spent(const std::string& account) const {
        const Purse* purse = zone.machine.state().truth.ledger.find_purse(account);
        return purse == nullptr ? Mvnd{0} : purse->spent;
    }

    Zone zone;
    Moment begin;
};

inline std::string refused(const Outcome& outcome) {
    return outcome.refusal ? std::string(info(outcome.refusal->code).id) + ": " +
                                 text(*outcome.refusal, Language::English)
                           : "taken";
}

}  // namespace khu::testing
