#pragma once

/// \file
/// What one enterprise used and who paid in one month: made of nothing but the month's rows and the
/// entries of the books up to the month's cut, so that a closed month's statement is the same
/// whenever it is made (I-27). The reconcile block is the sums of the rows (I-14).
///
/// Money is kept in mvnd to the end; what is to be paid is rounded once, half to even, and the
/// rounding is a line of its own below one dong (I-29).

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/ledger/entry.h"
#include "core/ledger/grant_report.h"
#include "core/ledger/meter.h"
#include "core/ledger/usage.h"

namespace khu {

/// A grant as it stood at the month's end; `charged_ugs` and below are of the month.
struct StatementGrant {
    GrantId grant_id;
    ProgrammeId programme;
    std::string tier;          ///< of the programme: "free", "subsidised", "paid"
    std::string from, to;      ///< its window; local days where it begins and ends at midnight
    std::string voucher;       ///< that was redeemed for it
    std::string decision_ref;  ///< of its opening, as the books have it
    Atoms granted_ugs;         ///< in all, up to the month's end
    Atoms charged_ugs;
    Atoms refunded_ugs;
    Atoms expired_ugs;
    Atoms carried_in_ugs;  ///< into the tranche that began
    Atoms advanced_ugs;    ///< of the next tranche
    Atoms pulled_back_ugs;
    Atoms held_ugs;
    Atoms available_ugs;
    std::string available_gpuh;     ///< six decimals, for display only
    std::int64_t used_permille{0};  ///< of what was granted: spent so far or held, rounded down
    std::int64_t days_left{0};      ///< whole days of the window after the month
    bool operator==(const StatementGrant&) const = default;
};
KHU_DESCRIBE(StatementGrant, grant_id, programme, tier, from, to, voucher, decision_ref,
             granted_ugs, charged_ugs, refunded_ugs, expired_ugs, carried_in_ugs, advanced_ugs,
             pulled_back_ugs, held_ugs, available_ugs, available_gpuh, used_permille, days_left)

struct StatementUse {
    ProgrammeId programme;
    PartitionId partition;
    QosId qos;
    std::int64_t jobs{0}, attempts{0};
    Atoms metered_ugs, surcharge_ugs, discount_ugs, waived_ugs, charged_ugs;
    Mvnd list_mvnd;
    bool operator==(const StatementUse&) const = default;
};
KHU_DESCRIBE(StatementUse, programme, partition, qos, jobs, attempts, metered_ugs, surcharge_ugs,
             discount_ugs, waived_ugs, charged_ugs, list_mvnd)

/// What one other meter counted, and who pays it.
struct StatementService {
    std::string service;
    MeterId meter;
    std::string unit;
    std::int64_t rows{0};
    std::string quantity;  ///< six decimals
    std::int64_t quantity_micro{0};
    Mvnd list_mvnd;
    Mvnd paid_national_mvnd, paid_provincial_mvnd, paid_zone_mvnd, paid_donor_mvnd,
        paid_enterprise_mvnd;
    bool operator==(const StatementService&) const = default;
};
KHU_DESCRIBE(StatementService, service, meter, unit, rows, quantity, quantity_micro, list_mvnd,
             paid_national_mvnd, paid_provincial_mvnd, paid_zone_mvnd, paid_donor_mvnd,
             paid_enterprise_mvnd)

struct StatementMoney {
    std::string currency{"VND"};
    Mvnd list_mvnd;
    Mvnd paid_national_mvnd, paid_provincial_mvnd, paid_zone_mvnd, paid_donor_mvnd,
        paid_enterprise_mvnd;
    Mvnd waived_list_mvnd;
    Mvnd rounding_mvnd;           ///< payable less what the enterprise's part is exactly
    std::int64_t payable_vnd{0};  ///< the enterprise's part in whole dong, other services too
    /// What lies in the wallet, without its credit limit: below 0 it is owed.
    Mvnd wallet_opening_mvnd, wallet_paid_in_mvnd, wallet_spent_mvnd, wallet_closing_mvnd;
    Mvnd wallet_credit_limit_mvnd;  ///< at the month's end
    /// Of the other services (`services`), which are in none of the above but payable and wallet.
    Mvnd services_list_mvnd, services_enterprise_mvnd;
    bool operator==(const StatementMoney&) const = default;
};
KHU_DESCRIBE(StatementMoney, currency, list_mvnd, paid_national_mvnd, paid_provincial_mvnd,
             paid_zone_mvnd, paid_donor_mvnd, paid_enterprise_mvnd, waived_list_mvnd, rounding_mvnd,
             payable_vnd, wallet_opening_mvnd, wallet_paid_in_mvnd, wallet_spent_mvnd,
             wallet_closing_mvnd, wallet_credit_limit_mvnd, services_list_mvnd,
             services_enterprise_mvnd)

/// Of a row of a job, or of another meter.
struct StatementCorrection {
    std::string corrects;
    Atoms waived_ugs, charged_ugs;
    Mvnd list_mvnd;
    std::int64_t quantity_micro{0};  ///< of a meter; its reason and act are below
    std::string reason, decision_ref;
    bool operator==(const StatementCorrection&) const = default;
};
KHU_DESCRIBE(StatementCorrection, corrects, waived_ugs, charged_ugs, list_mvnd, quantity_micro,
             reason, decision_ref)

/// What is owed for a grant, as it stood at the month's end.
struct StatementDuty {
    GrantId grant_id;
    std::string what{"report"};
    std::string state;   ///< "due", "late", "delivered"
    std::string due_at;  ///< late from then on
    std::string report, output;
    bool operator==(const StatementDuty&) const = default;
};
KHU_DESCRIBE(StatementDuty, grant_id, what, state, due_at, report, output)

struct StatementReconcile {
    std::int64_t rows{0};
    Atoms metered_ugs, charged_ugs;
    Mvnd list_mvnd;
    bool operator==(const StatementReconcile&) const = default;
};
KHU_DESCRIBE(StatementReconcile, rows, metered_ugs, charged_ugs, list_mvnd)

struct Statement {
    std::string statement_id;  ///< "dn-cvpm2/0401000001/2026-03"
    int schema_version{1};
    int revision{1};  ///< always 1: what a closed month says stays, corrections are in later ones
    bool is_final{false};
    ZoneId zone_id;
    std::string province_code;
    EnterpriseId enterprise_id;
    std::string name;
    std::string class_;  ///< "startup", "sme", ...
    std::string period, period_start, period_end;
    std::vector<std::string> policy_ids;
    LedgerSeq ledger_first, ledger_last;  ///< of the month
    std::string ledger_head;
    std::vector<StatementGrant> grants;
    std::vector<StatementUse> usage;
    StatementMoney money;
    std::vector<StatementCorrection> corrections;
    StatementReconcile reconcile;
    std::vector<StatementDuty> duties;
    std::vector<StatementService> services;
    bool operator==(const Statement&) const = default;
};
KHU_DESCRIBE(Statement, statement_id, schema_version, revision, is_final, zone_id, province_code,
             enterprise_id, name, class_, period, period_start, period_end, policy_ids,
             ledger_first, ledger_last, ledger_head, grants, usage, money, corrections, reconcile,
             duties, services)

/// What a policy calls an enterprise.
struct EnterpriseWords {
    std::string name, kind;  ///< the kind is its class
};

/// What of a grant is in no entry, as it stood at the month's end.
struct GrantFrame {
    Moment from, to;
    std::string voucher{};
};

/// Which statement, and between which entries: those after `before` up to `last` are the month's.
struct StatementAsked {
    ZoneId zone;
    std::string province_code;
    EnterpriseId enterprise;
    EnterpriseWords words{};
    std::string period;
    Moment start, end;
    Moment until{};  ///< as it stood then: the month's end, or now
    int utc_offset_minutes{0};
    LedgerSeq before, last;
    bool is_final{false};
    std::map<GrantId, GrantFrame> grants;  ///< all that the enterprise ever had
    std::map<ProgrammeId, std::string> tiers{};
    std::vector<StatementDuty> duties{};
};

/// Those of the enterprise's reports that were owed by `end`, as they stood then.
std::vector<StatementDuty> duties_at(const std::map<GrantId, GrantReport>& reports,
                                     const EnterpriseId& enterprise, Moment end);

class StatementMaker {
public:
    explicit StatementMaker(const StatementAsked& asked);

    /// Every row of the enterprise in the month.
    void add(const UsageRow& row);
    /// Every row of the other meters of the enterprise in the month.
    void add(const MeterRow& row);
    /// Every entry of its accounts from the first to `last`, in order; `hash` in hexadecimal.
    void add(const Entry& entry, const std::string& hash);
    /// Of the entry `last`, whosever that is.
    void head(const std::string& hash) { out_.ledger_head = hash; }
    [[nodiscard]] Statement finish();

private:
    struct Balance {
        StatementGrant view;
        std::map<std::string, std::int64_t> open;  ///< holds, by id
        Atoms spent{};                             ///< since it was opened, less what came back
    };
    void add_to_grant(const Entry& entry, bool in_month);
    void add_to_wallet(const Entry& entry, bool in_month);
    /// What the statement says of a grant beside its entries.
    void frame(Balance& balance) const;
    [[nodiscard]] bool is_own(const std::string& account) const;

    StatementAsked asked_;
    Statement out_;
    std::map<std::string, Balance> grants_;  ///< by account
    std::map<std::tuple<ProgrammeId, PartitionId, QosId>, StatementUse> usage_;
    std::map<std::tuple<ProgrammeId, PartitionId, QosId>, std::set<JobId>> jobs_;
    std::map<MeterId, StatementService> services_;
    std::set<std::string> policies_;
};

}  // namespace khu
