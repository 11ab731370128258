#pragma once

/// \file
/// One enterprise's grant of GPU time in one programme, inside a half-open window [from, to).
///
///     granted == free + held + spent + expired + clawback    (claimed after each change)
///
///     Scheduled -> Active <-> Suspended -> Closing -> Closed
///
/// Closing: the window is over and holds are still open; the unheld rest has expired in the same
/// second. Suspension stops starts and never kills. There is no "approved" state here: approval is
/// the policy's or the admin's, and open() mints the amount at once.
///
/// Source: two-phase transfers as in TigerBeetle. Unit: atoms.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/ledger/purse.h"

namespace khu {

enum class GrantState { Scheduled, Active, Suspended, Closing, Closed };
KHU_DESCRIBE_ENUM(GrantState, Scheduled, Active, Suspended, Closing, Closed)

/// Half-open tranches of a grant: each is granted when its time comes, and what is neither used nor
/// held at its end expires, but for the part that the programme lets it carry into the next.
struct TranchePart {
    Moment from;
    Atoms amount;
    Atoms advanced{};  ///< of it, granted before its time
    bool operator==(const TranchePart&) const = default;
};
KHU_DESCRIBE(TranchePart, from, amount, advanced)

/// What a decision grants.
struct GrantOffer {
    GrantId id;
    EnterpriseId enterprise;
    ProgrammeId programme;
    Atoms amount;  ///< > 0
    Moment from;
    Moment to;                 ///< > from
    std::string decision_ref;  ///< the act or decision behind it
    std::string permit{};      ///< of a sandbox (needs_permit); empty where none is needed
    bool makegood{false};      ///< for a refund to a grant that is over; no rule bounds it
    int tranches{1};           ///< equal parts of amount and window
    std::string voucher{};     ///< its number where it was decided; empty: none. Redeemed once.
    bool operator==(const GrantOffer&) const = default;
};
KHU_DESCRIBE(GrantOffer, id, enterprise, programme, amount, from, to, decision_ref, permit,
             makegood, tranches, voucher)

/// A larger amount, a later end, or both.
struct GrantExtension {
    GrantId id;
    Atoms add;  ///< 0: the amount stays
    Moment to;  ///< 0: the window stays; otherwise not before the present end
    std::string decision_ref;
    bool operator==(const GrantExtension&) const = default;
};
KHU_DESCRIBE(GrantExtension, id, add, to, decision_ref)

/// An end that a window had before it was moved.
struct EarlierEnd {
    Moment until;  ///< when it was moved
    Moment to;
    bool operator==(const EarlierEnd&) const = default;
};
KHU_DESCRIBE(EarlierEnd, until, to)

/// How much of a grant one project may use, as a holder of its enterprise says. Jobs of other
/// projects, or of none, are not bound by it.
struct ProjectCap {
    std::string project;
    Atoms cap;
    Atoms held{};
    Atoms spent{};    ///< since the cap was first set
    UserId set_by{};  ///< who set it last; empty: not known any more
    Moment set_at{};
    bool operator==(const ProjectCap&) const = default;
};
KHU_DESCRIBE(ProjectCap, project, cap, held, spent, set_by, set_at)

struct Grant {
    GrantId id;
    EnterpriseId enterprise;
    ProgrammeId programme;
    Moment from;
    Moment to;
    std::string decision_ref;
    bool suspended{false};
    std::string suspended_why;
    bool ended{false};  ///< the unheld rest has been moved to `expired`
    int mints{0};       ///< amounts received so far: the opening and each extension
    Atoms granted;
    Atoms free;
    Atoms held;
    Atoms spent;
    Atoms expired;
    std::string permit{};  ///< as in the offer
    std::vector<ProjectCap> projects{};
    bool makegood{false};                 ///< as in the offer
    Atoms clawback{};                     ///< pulled back
    std::vector<TranchePart> tranches{};  ///< all, or none: it was granted whole
    int tranche{0};                       ///< the one that runs now
    Atoms carried{};                      ///< of the free amount: came from the tranche before
    Moment pulled_until{};                ///< points of the programme up to then are behind it
    Moment warned_until{};                ///< and warnings of them
    Atoms offered{};                      ///< by decisions, with extensions; 0: what was granted
    GrantId overrun_of{};                 ///< a line of overrun: of which grant
    Atoms moved_in{};                     ///< of what was granted: came from other grants
    Atoms moved_out{};                    ///< went to other grants, and is no longer `granted`
    int moves{0};                         ///< out of it
    std::string voucher{};                ///< as in the offer
    std::vector<EarlierEnd> ends{};       ///< in the order of time
    bool operator==(const Grant&) const = default;
};
KHU_DESCRIBE(Grant, id, enterprise, programme, from, to, decision_ref, suspended, suspended_why,
             ended, mints, granted, free, held, spent, expired, permit, projects, makegood,
             clawback, tranches, tranche, carried, pulled_until, warned_until, offered, overrun_of,
             moved_in, moved_out, moves, voucher, ends)

/// At most 64 ASCII characters, none of them space , | ": it is printed, searched for and written
/// in files.
bool is_voucher(const std::string& text);

GrantState state_of(const Grant& grant, Moment now);
/// The end of its window as it stood just before `at`.
Moment end_before(const Grant& grant, Moment at);
/// What decisions gave it, whatever became of that.
Atoms offered(const Grant& grant);
/// What it is in all: granted so far and still to come.
Atoms whole(const Grant& grant);
/// The most that may ever be held of it at one time.
Atoms most_at_once(const Grant& grant);
/// The line of overrun of a grant.
GrantId overrun_line(const GrantId& grant);
/// Equal parts of [from, to) in whole days and of `amount`, the rest in the last.
std::vector<TranchePart> tranches_of(const GrantOffer& offer);
/// What of the free amount a job of `project` may hold; empty: of no project.
Atoms usable(const Grant& grant, const std::string& project);

/// One grant's part of a hold.
struct HoldPart {
    GrantId grant;
    Atoms amount;
    int tranche{0};   ///< that it was taken from; what returns after its end expires
    Atoms carried{};  ///< of the amount: was carried into that tranche
    bool operator==(const HoldPart&) const = default;
};
KHU_DESCRIBE(HoldPart, grant, amount, tranche, carried)

/// Which grants will be held for an attempt, earliest-expiring first, and which payers for the list
/// price of that. Empty for the idle class.
struct HoldPlan {
    EnterpriseId enterprise;
    ProgrammeId programme;
    Atoms total;
    std::vector<HoldPart> parts;
    ZoneId zone{};                   ///< whose revenue it is
    std::vector<MoneyPart> money{};  ///< as PriceTerms::payers; empty: no money is held
    std::string project{};           ///< whose cap it counts for
    GrantId overrun_of{};            ///< the last part is of this grant's line of overrun
    bool operator==(const HoldPlan&) const = default;
};
KHU_DESCRIBE(HoldPlan, enterprise, programme, total, parts, zone, money, project, overrun_of)

/// What an attempt holds now. `slice` is the first slice not yet settled.
struct OpenHold {
    AttemptKey key;
    EnterpriseId enterprise;
    int slice{1};
    std::vector<HoldPart> parts;
    ZoneId zone{};
    std::vector<MoneyPart> money{};  ///< what is still held, as in the plan
    std::string project{};
    bool operator==(const OpenHold&) const = default;
};
KHU_DESCRIBE(OpenHold, key, enterprise, slice, parts, zone, money, project)

}  // namespace khu
