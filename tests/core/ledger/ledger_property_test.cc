// Thousands of random operations against a tiny model that knows only free, held and gone, and
// against the balances recounted from the entries.

#include <gtest/gtest.h>

#include <set>

#include "core/base/random.h"
#include "core/ledger/ledger.h"
#include "core/ledger/recount.h"
#include "core/ledger/usage.h"

namespace khu {
namespace {

constexpr Moment year{1'772'413'200'000};
const PolicyId policy{"p"};

/// What the model remembers of one attempt.
struct Running {
    AttemptKey key;
    EnterpriseId enterprise;
    Moment taken;
    PriceTerms terms;
    Atoms held;
};

class World {
public:
    explicit World(std::uint64_t seed) : random_(seed) {}

    void step() {
        now_ = now_ + milliseconds(random_.between(0, 7'200'000));
        switch (random_.below(10)) {
            case 0:
                open_grant();
                break;
            case 1:
                change_grant();
                break;
            case 2:
            case 3:
            case 4:
            case 5:
                start();
                break;
            case 6:
            case 7:
            case 8:
                end_one();
                break;
            default:
                take(ledger_.expire(now_, policy));
        }
        check();
    }

    void finish() {
        while (!running_.empty()) {
            end_one();
        }
        check();
        EXPECT_EQ(ledger_.totals().held, Atoms{0});
        EXPECT_EQ(books_.finish(), std::nullopt);
        EXPECT_EQ(Ledger{ledger_.state()}.state(), ledger_.state());
    }

private:
    EnterpriseId any_enterprise() { return EnterpriseId{fmt::format("e{}", random_.below(4))}; }
    ProgrammeId any_programme() { return ProgrammeId{fmt::format("p{}", random_.below(2))}; }

    GrantId any_grant() {
        return GrantId{fmt::format("g{}", grants_ == 0 ? 0 : random_.below(grants_))};
    }

    void open_grant() {
        const GrantOffer offer{.id = GrantId{fmt::format("g{}", grants_)},
                               .enterprise = any_enterprise(),
                               .programme = any_programme(),
                               .amount = Atoms{random_.between(1, 400'000'000'000'000)},
                               .from = now_ + hours(random_.between(-48, 48)),
                               .to = now_ + hours(random_.between(49, 24 * 120))};
        ASSERT_TRUE(ledger_.can_open(offer).has_value());
        ++grants_;
        minted_ += offer.amount;
        take(ledger_.open(offer, now_, policy));
        take(ledger_.open(offer, now_, policy));  // the same again: nothing (I-08)
    }

    void change_grant() {
        const GrantId id = any_grant();
        const GrantExtension more{.id = id, .add = Atoms{random_.between(0, 1'000'000'000'000)}};
        if (random_.chance(300) && ledger_.can_extend(more, now_)) {
            minted_ += more.add;
            take(ledger_.extend(more, now_, policy));
        } else if (random_.chance(300) && ledger_.can_suspend(id, now_)) {
            ledger_.suspend(id, "late");
        } else if (random_.chance(700) && ledger_.can_resume(id, now_)) {
            ledger_.resume(id);
        } else if (random_.chance(100) && ledger_.can_close(id, now_)) {
            take(ledger_.close(id, now_, policy));
        }
    }

    void start() {
        const PriceTerms terms{.billable_milli = random_.between(1, 300'000),
                               .factor_permille = static_cast<int>(random_.below(4)) * 500,
                               .rate_vnd_per_gpuh = 27'000,
                               .payers = {{PayerKind::Zone, FunderId{"z"}, 1000}}};
        const EnterpriseId enterprise = any_enterprise();
        const Atoms need = hold_for(terms, seconds(random_.between(1, 5'000'000)));
        const auto plan = ledger_.can_hold(enterprise, any_programme(), need, now_);
        if (!plan) {
            return;
        }
        EXPECT_LE(plan->parts.size(), 4U);
        const AttemptKey key{JobId{++jobs_}, AttemptNumber{1}};
        take(ledger_.hold(key, *plan, now_, policy));
        take(ledger_.hold(key, *plan, now_, policy));  // the same again: nothing (I-08)
        EXPECT_EQ(ledger_.held(key), need);
        running_.push_back(Running{key, enterprise, now_, terms, need});
    }

    void end_one() {
        if (running_.empty()) {
            return;
        }
        const std::size_t which = random_.below(running_.size());
        const Running run = running_[which];
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(which));
        if (random_.chance(100)) {
            take(ledger_.void_hold(run.key, now_, policy));
            return;
        }
        const std::array causes{EndCause::Completed, EndCause::NodeFail, EndCause::Preempted};
        const AttemptEnd end{.taken_at = run.taken,
                             .released_at = now_,
                             .cause = causes.at(random_.below(3)),
                             .never_ran = random_.chance(50),
                             .held = ledger_.held(run.key)};
        Atoms charged;
        for (const SliceBill& slice : bill(run.terms, end, 420)) {
            charged += slice.charge.charged;
            metered_ += slice.charge.metered;
            take(ledger_.settle(run.key, settle_input(slice, PartitionId{"gpu"}, QosId{"q"}), now_,
                                policy));
        }
        EXPECT_LE(charged, run.held);
        spent_ += charged;
        EXPECT_FALSE(ledger_.is_held(run.key));
    }

    /// Every entry id once (I-08); no entry of one enterprise's grants in another's hands (I-06).
    void take(const std::vector<Entry>& entries) {
        for (const Entry& entry : entries) {
            EXPECT_TRUE(ids_.insert(entry.id).second) << entry.id;
            EXPECT_EQ(books_.add(entry), std::nullopt) << chain_line(entry);
        }
    }

    void check() {
        Atoms held;
        for (const Running& run : running_) {
            held += ledger_.held(run.key);
        }
        const LedgerTotals& t = ledger_.totals();
        EXPECT_EQ(t.minted, minted_);
        EXPECT_EQ(t.held, held);
        EXPECT_EQ(t.spent, spent_);
        EXPECT_EQ(t.used, metered_);  // I-03
        EXPECT_EQ(books_.posted("used:gpu"), metered_.value);
        EXPECT_EQ(books_.posted(std::string(kExpired)), t.expired.value);
        EXPECT_EQ(books_.posted(std::string(kPremium)), t.premium.value);
        EXPECT_EQ(-books_.posted(std::string(kZoneLoss)), t.losses.value);
        EXPECT_EQ(-books_.posted(std::string(kZoneDiscount)), t.discounts.value);
        for (const auto& [id, grant] : ledger_.grants()) {
            const std::string account = grant_account(id);
            EXPECT_EQ(books_.available(account), grant.free.value) << id.value;  // I-02
            EXPECT_EQ(books_.pending(account), grant.held.value) << id.value;
        }
        EXPECT_EQ(ledger_.audit(), std::vector<std::string>{});
    }

    Random random_;
    Moment now_{year};
    Ledger ledger_;
    Recount books_;
    std::set<std::string> ids_;
    std::vector<Running> running_;
    std::uint64_t jobs_{0};
    std::uint64_t grants_{0};
    Atoms minted_;
    Atoms spent_;
    Atoms metered_;
};

class LedgerSeeds : public testing::TestWithParam<std::uint64_t> {};

TEST_P(LedgerSeeds, KeepsTheBooksThroughThousandsOfOperations) {
    World world(GetParam());
    for (int i = 0; i < 2'000 && !HasFailure(); ++i) {
        world.step();
    }
    world.finish();
}

INSTANTIATE_TEST_SUITE_P(Random, LedgerSeeds, testing::Range<std::uint64_t>(1, 21));

std::string words_of(const std::optional<Refusal>& wrong) {
    return wrong ? fmt::format("{} {}", info(wrong->code).id, text(*wrong, Language::English)) : "";
}

/// What is said of the last of these entries, all of the same grant; nothing of those before it.
std::string wrong_with_last(std::vector<Entry> entries) {
    Recount books;
    std::string wrong;
    for (Entry& entry : entries) {
        EXPECT_EQ(wrong, "");
        if (entry.seq == LedgerSeq{}) {
            entry.seq = LedgerSeq{books.last_seq().value + 1};
        }
        wrong = words_of(books.add(entry));
    }
    return wrong;
}

TEST(Recount, FindsWhatIsWrongWithAnEntry) {
    const Entry grant{
        .kind = "grant", .id = "g.g1", .debit = "pool:p", .credit = "grant:g", .amount = 10};
    const Entry hold{
        .kind = "hold", .id = "1.1.1.h", .debit = "grant:g", .credit = "clear", .amount = 4};
    const Entry settle{
        .kind = "settle", .debit = "grant:g", .credit = "clear", .amount = 0, .ref = "1.1.1.h"};
    const auto with_amount = [](Entry entry, std::int64_t amount) {
        entry.amount = amount;
        return entry;
    };

    EXPECT_EQ(wrong_with_last({grant, {.seq = LedgerSeq{3}, .kind = "post"}}),
              "L205 the ledger's hash chain breaks at entry 3: entry 3 follows entry 1");
    EXPECT_EQ(wrong_with_last({grant, {.kind = "gift"}}),
              "L205 the ledger's hash chain breaks at entry 2: unknown kind gift");
    EXPECT_EQ(wrong_with_last({grant, with_amount(grant, -1)}),
              "L205 the ledger's hash chain breaks at entry 2: -1 from pool:p to grant:g");
    EXPECT_EQ(wrong_with_last({grant, with_amount(hold, 11)}),
              "L201 entry 2 of the ledger takes more than there was: grant:g goes below zero: -1");
    EXPECT_EQ(wrong_with_last({grant, settle}),
              "L203 entry 2 of the ledger resolves what was not held: settle of 1.1.1.h, which is "
              "not open");
    EXPECT_EQ(wrong_with_last({grant, hold, settle, settle}),
              "L203 entry 4 of the ledger resolves what was not held: settle of 1.1.1.h, which is "
              "not open");
    EXPECT_EQ(wrong_with_last({grant, hold, with_amount(settle, 5)}),
              "L204 entry 3 of the ledger settles more than was held: settle 5 above hold 4");
}

}  // namespace
}  // namespace khu
