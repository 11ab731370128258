#pragma once

/// \file
/// The books of a zone's GPU time: grants, what running attempts hold of them, and where every atom
/// went. A granted amount moves free -> held when an attempt starts, and held -> spent, back to
/// free, or to expired when it ends, so that after every change (claimed, cheaply; audit() recounts
/// all)
///
///     granted == free + held + spent + expired + clawback, none < 0   for each grant  (I-01, I-02)
///     minted  == free + held + spent + expired + clawback             for the zone    (I-05)
///     used    == spent - premium + discounts + losses == metered                      (I-03)
///     clear   == 0                                                                    (I-04)
///
/// Asking and doing are apart: `can_*` answers with a refusal or a reason and changes nothing;
/// the function that does it claims what `can_*` has answered, so that replayed facts never refuse.
/// Each doing function gives the entries it made, for the store. Money (purse.h) is linked with the
/// hours: one hold() takes both or, where can_hold() or money_short() say no, neither.
///
/// A value: copy it to ask what if.
///
/// Source: two-phase transfers as in TigerBeetle. Unit: atoms.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"
#include "core/ledger/entry.h"
#include "core/ledger/grant.h"
#include "core/ledger/ledger_state.h"

namespace khu {

struct MeterCharge;

class Ledger {
public:
    using Entries = std::vector<Entry>;

    Ledger() = default;
    /// Claims: `state` is one that state() gave.
    explicit Ledger(const LedgerState& state);
    [[nodiscard]] LedgerState state() const;

    // --- Grants ----------------------------------------------------------------------

    /// Errors: GrantIdTaken if the id is used with other content; VoucherRedeemed if another grant
    /// has its voucher; BadField. The very same offer again is accepted and opens nothing (I-08).
    [[nodiscard]] Expected<Done, Refusal> can_open(const GrantOffer& offer) const;
    Entries open(const GrantOffer& offer, Moment now, const PolicyId& policy);

    /// Errors: UnknownGrant; GrantWrongState if its window is over; BadField if it would shrink.
    [[nodiscard]] Expected<Done, Refusal> can_extend(const GrantExtension& extension,
                                                     Moment now) const;
    Entries extend(const GrantExtension& extension, Moment now, const PolicyId& policy);

    /// Errors: UnknownGrant; GrantWrongState if its window is over or it is suspended already.
    [[nodiscard]] Expected<Done, Refusal> can_suspend(const GrantId& grant, Moment now) const;
    void suspend(const GrantId& grant, const std::string& why);
    /// Errors: UnknownGrant; GrantWrongState if it is not suspended.
    [[nodiscard]] Expected<Done, Refusal> can_resume(const GrantId& grant, Moment now) const;
    void resume(const GrantId& grant);
    /// Ends the window now; running attempts go on. Errors: UnknownGrant; GrantWrongState if over.
    [[nodiscard]] Expected<Done, Refusal> can_close(const GrantId& grant, Moment now) const;
    Entries close(const GrantId& grant, Moment now, const PolicyId& policy);

    /// Free hours of `from` go to `to`, but what was carried into its tranche.
    /// Errors: UnknownGrant; GrantWrongState if a window is over; BadField if they are not of one
    /// enterprise and programme, or more is asked than may go.
    [[nodiscard]] Expected<Done, Refusal> can_transfer(const GrantId& from, const GrantId& to,
                                                       Atoms amount, Moment now) const;
    Entries transfer(const GrantId& from, const GrantId& to, Atoms amount, const std::string& ref,
                     Moment now, const PolicyId& policy);

    /// Moves the unheld rest of every grant whose window is over by `now` to `expired`.
    Entries expire(Moment now, const PolicyId& policy);
    /// When expire() next has something to do; null if never.
    [[nodiscard]] std::optional<Moment> next_expiry() const;
    /// When the next grant opens after `now`; null if none. Jobs that wait with A111 may start
    /// then.
    [[nodiscard]] std::optional<Moment> next_opening(Moment now) const;

    // --- Tranches, pullback, overrun (ledger_tranches.cc) ----------------------------------------

    /// Ends the tranche of the grant that runs now and begins the next: of what is free
    /// `carry_permille` of the tranche's amount is carried, once; the rest expires. What the line
    /// of overrun has spent is repaid first. Claims: there is a next one.
    Entries turn_tranche(const GrantId& grant, int carry_permille, Moment now,
                         const PolicyId& policy);
    /// Errors: UnknownGrant; GrantWrongState; BadField if there is no next tranche, or more is
    /// asked than `most_permille` of it.
    [[nodiscard]] Expected<Done, Refusal> can_advance(const GrantId& grant, Atoms amount,
                                                      int most_permille, Moment now) const;
    Entries advance(const GrantId& grant, Atoms amount, Moment now, const PolicyId& policy);
    /// A point of the programme is reached: `forfeit_permille` of what is free, and of what is to
    /// come, goes back; 0: enough was used.
    Entries pull_back(const GrantId& grant, int forfeit_permille, Moment now,
                      const PolicyId& policy);
    void warned(const GrantId& grant, Moment now);
    /// A plan where the grants alone do not suffice: all that is free of three of them, and the
    /// rest of the line of overrun of one, which may grow to `permille` of that. Reason: as
    /// can_hold().
    [[nodiscard]] Expected<HoldPlan, Reason> can_overrun(const HoldPlan& asked, int permille,
                                                         Moment now) const;
    /// How much of the enterprise's open grants in the programme is spent or held, with overruns,
    /// in thousandths; 0 if it has none.
    [[nodiscard]] int used_permille(const EnterpriseId& enterprise, const ProgrammeId& programme,
                                    Moment now) const;

    // --- Projects (ledger_projects.cc) -----------------------------------------------------------

    /// Errors: UnknownGrant; GrantWrongState if its window is over; BadField.
    [[nodiscard]] Expected<Done, Refusal> can_cap(const GrantId& grant, const std::string& project,
                                                  Atoms cap, Moment now) const;
    void cap_project(const GrantId& grant, const std::string& project, Atoms cap, const UserId& by,
                     Moment now);
    void uncap_project(const GrantId& grant, const std::string& project);

    // --- Money (ledger_money.cc) -----------------------------------------------------------------

    /// Null: nothing ever went in or out.
    [[nodiscard]] const Purse* find_purse(const std::string& account) const;
    [[nodiscard]] const std::map<std::string, Purse>& purses() const { return purses_; }
    /// The budget comes to be that of `wanted`, or what is spent and held where that is more.
    Entries set_budget(const Budget& wanted, Moment now, const PolicyId& policy);
    /// The budget that set_budget() would leave.
    [[nodiscard]] Mvnd budget_after(const Budget& wanted) const;
    /// Claims: `amount` > 0.
    Entries pay_in(const MoneyPart& payment, const std::string& ref, Moment now,
                   const PolicyId& policy);
    /// The first account of `parts` that has less than they ask of it, beside what is `promised`
    /// already; null if all have enough.
    [[nodiscard]] const MoneyPart* money_short(const std::vector<MoneyPart>& parts,
                                               const std::map<std::string, Mvnd>& promised) const;

    /// What another meter counted is paid. Claims: money_short() said that all have enough.
    Entries charge_meter(const MeterCharge& charge, const ZoneId& zone, Moment now,
                         const PolicyId& policy);

    // --- Holds ----------------------------------------------------------------------

    /// Which grants would pay `need` (>= 0): the earliest-expiring that suffice, at most
    /// limits::grants_per_hold_max of them. A `need` of 0 (idle class) is always planned, empty.
    /// Reasons: HoldDoesNotFit A110, ProjectShort A107, GrantNotStarted A111, GrantSuspended A113;
    /// and GrantOver A112 or NoGrant A105 if the grants have gone since the job was admitted.
    [[nodiscard]] Expected<HoldPlan, Reason> can_hold(const EnterpriseId& enterprise,
                                                      const ProgrammeId& programme, Atoms need,
                                                      Moment now,
                                                      const std::string& project = {}) const;
    /// At submission: refuses what could never be held. Errors: NoGrant A105, GrantOver A112,
    /// GrantTooSmall A104 (the caller adds "gpus" and "limit_s", which only it knows).
    [[nodiscard]] Expected<Done, Refusal> could_ever_hold(const EnterpriseId& enterprise,
                                                          const ProgrammeId& programme, Atoms need,
                                                          Moment now) const;
    /// True if the enterprise has an active grant in any programme (the idle class asks for one).
    [[nodiscard]] bool has_live_grant(const EnterpriseId& enterprise, Moment now) const;

    /// Claims: `plan` is what can_hold() just gave; `key` holds nothing. The very same hold again
    /// changes nothing and gives no entries (I-08).
    Entries hold(AttemptKey key, const HoldPlan& plan, Moment now, const PolicyId& policy);
    /// Settles a slice: what is charged is taken from the holds, earliest-expiring first. After the
    /// last slice the rest goes back to its grants, or to `expired` where the grant is closing.
    /// Claims: `key` holds; the slice is the next one; the charge is at most what is held (L204;
    /// bill() in usage.h waives what goes beyond).
    Entries settle(AttemptKey key, const SettleInput& input, Moment now, const PolicyId& policy);
    /// Gives back part of what settled slices cost; before the last slice is settled. Claims: `key`
    /// holds and was settled before; nobody gets back more than it paid.
    Entries correct(AttemptKey key, const CorrectionInput& input, Moment now,
                    const PolicyId& policy);
    /// Gives back part of what an attempt cost that has ended. Hours of a grant that is over expire
    /// with it. Claims: every account got as much from this enterprise before.
    Entries refund(const RefundInput& input, Moment now, const PolicyId& policy);
    /// Gives a hold back whole: the attempt never took its resources. Claims: `key` holds.
    Entries void_hold(AttemptKey key, Moment now, const PolicyId& policy);

    /// L203 is asked here: false once resolved, or never held.
    [[nodiscard]] bool is_held(AttemptKey key) const { return holds_.contains(key); }
    /// What `key` holds now, all grants; 0 if nothing.
    [[nodiscard]] Atoms held(AttemptKey key) const;
    /// The open hold of `key`; null if none.
    [[nodiscard]] const OpenHold* find_hold(AttemptKey key) const;
    [[nodiscard]] const std::map<AttemptKey, OpenHold>& holds() const { return holds_; }

    // --- Answers ----------------------------------------------------------------------

    [[nodiscard]] const Grant* find(const GrantId& grant) const;
    /// The grant that a voucher was redeemed for; null if none.
    [[nodiscard]] const Grant* redeemed(const std::string& voucher) const;
    /// The enterprise's grants, by programme and end of window.
    [[nodiscard]] std::vector<Grant> balance(const EnterpriseId& enterprise) const;
    [[nodiscard]] const std::map<GrantId, Grant>& grants() const { return grants_; }
    [[nodiscard]] const LedgerTotals& totals() const { return totals_; }
    [[nodiscard]] LedgerSeq last_seq() const { return last_seq_; }

    /// The books of one enterprise's grants alone, to ask what if without copying the zone's.
    [[nodiscard]] Ledger part_of(const EnterpriseId& enterprise) const;

    /// Recounts everything from the records; the claims that are broken, in words. Empty: all hold.
    [[nodiscard]] std::vector<std::string> audit() const;

private:
    using Owner = std::pair<EnterpriseId, ProgrammeId>;
    using ByEnd = std::set<std::pair<Moment, GrantId>>;
    struct Candidates;

    Grant& grant_at(const GrantId& id);
    Entry& write(Entries& out, Moment now, const PolicyId& policy);
    void mint(Entries& out, Grant& grant, Atoms amount, const std::string& ref, Moment now,
              const PolicyId& policy);
    void end_window(Entries& out, Grant& grant, Moment now, const PolicyId& policy);
    void move_end(Grant& grant, Moment to, Moment now);
    void give_back(Entries& out, const HoldPart& rest, const std::string& id, Moment now,
                   const PolicyId& policy);
    Atoms settle_parts(Entries& out, OpenHold& hold, const SettleInput& input, Moment now,
                       const PolicyId& policy);
    Atoms post_parts(Entries& out, AttemptKey key, const SettleInput& input, Moment now,
                     const PolicyId& policy);
    void finish_slice(Entries& out, OpenHold& hold, const SettleInput& input, Moment now,
                      const PolicyId& policy);
    Purse& purse_at(const std::string& account);
    void hold_money(Entries& out, const OpenHold& hold, Moment now, const PolicyId& policy);
    void settle_money(Entries& out, OpenHold& hold, const SettleInput& input, Moment now,
                      const PolicyId& policy);
    void write_money_holds(Entries& out, const OpenHold& hold, Moment now, const PolicyId& policy);
    void void_money(Entries& out, const OpenHold& hold, Moment now, const PolicyId& policy);
    Entry& write_change(Entries& out, Purse& purse, Mvnd amount, Moment now,
                        const PolicyId& policy);
    void grow_overrun(Entries& out, const HoldPlan& plan, Moment now, const PolicyId& policy);
    void repay_overrun(Entries& out, Grant& grant, Moment now, const PolicyId& policy);
    void expire_free(Entries& out, Grant& grant, Atoms amount, const std::string& id, Moment now,
                     const PolicyId& policy);
    Entry& move_of(Entries& out, const Grant& grant, const char* kind, Moment now,
                   const PolicyId& policy);
    static void count(Grant& grant, const std::string& project, Atoms held, Atoms spent);
    static Reason project_short(const std::vector<const Grant*>& active, const std::string& project,
                                Atoms need);
    struct GivingBack;
    void give_entry(const GivingBack& to, const std::string& letters,
                    std::pair<std::string, std::string> from_and_to, std::int64_t amount);
    void give_all_back(const GivingBack& to);
    [[nodiscard]] std::vector<HoldPart> past_repayments(std::vector<HoldPart> hours) const;
    void give_hours_back(const GivingBack& to);
    void give_money_back(const GivingBack& to);
    struct Bearing {
        std::string id;
        std::string ref;
        Moment now;
        const PolicyId& policy;
    };
    void bear_loss(Entries& out, const Loss& loss, const Bearing& as);
    void audit_money(std::vector<std::string>& broken) const;
    [[nodiscard]] Candidates candidates(const EnterpriseId& enterprise,
                                        const ProgrammeId& programme, Moment now) const;
    [[nodiscard]] Reason why_not(const Candidates& have, const EnterpriseId& enterprise,
                                 const ProgrammeId& programme, Atoms need) const;
    [[nodiscard]] Refusal no_grant(const EnterpriseId& enterprise,
                                   const ProgrammeId& programme) const;
    [[nodiscard]] Expected<const Grant*, Refusal> open_window(const GrantId& id, Moment now,
                                                              const std::string& verb) const;
    void index(const Grant& grant);
    void unindex(const Grant& grant);
    void check(const Grant& grant) const;
    void check_zone() const;

    LedgerSeq last_seq_;
    std::map<GrantId, Grant> grants_;
    std::map<AttemptKey, OpenHold> holds_;
    std::map<PartitionId, Atoms> used_;
    LedgerTotals totals_;
    std::map<std::string, Purse> purses_;  ///< by account

    std::map<Owner, ByEnd> by_owner_;                ///< all grants, earliest-expiring first
    ByEnd ends_;                                     ///< those that have not ended
    std::set<std::pair<Moment, GrantId>> openings_;  ///< those that have not ended, by start
    std::map<std::string, GrantId> vouchers_;        ///< that were redeemed
};

}  // namespace khu
