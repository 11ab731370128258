#pragma once

/// \file
/// A year of a zone's life on the real store, without processes: enterprises submit, jobs run and
/// end, some inside reservations that were booked, nodes fall silent, policies change, wallets are
/// paid into, admins refund, another meter counts and is corrected, months are cut and closed.
/// Everything that happens follows from the seed and from what is stored, so that a life which was
/// killed anywhere goes on where its books stand.

#include <map>
#include <string>
#include <vector>

#include "core/machine/machine.h"
#include "daemon/store/store.h"

namespace khu::testing {

struct YearOptions {
    std::uint64_t seed{1};
    int enterprises{24};
    std::int64_t jobs{2'000};
    int days{400};
    std::int64_t snapshot_every{5'000};
};

/// What the store has promised: written after each commit, read by who kills.
struct Promised {
    std::uint64_t fact;
    std::uint64_t entry;
    char hash[65];  ///< of that entry, if `hashed` says the same
    std::uint64_t hashed;
    bool done;
};

class YearZone {
public:
    YearZone(daemon::Store& store, const YearOptions& options, Promised& promised);

    /// From where the store stands to the end of the year. What the store says at the start must
    /// have all that was promised: if not, why.
    std::optional<std::string> live();
    [[nodiscard]] const Machine& machine() const { return machine_; }
    /// The zone as its store has it.
    static Machine recovered(daemon::Store& store);

    static Policy policy(const YearOptions& options, int version);
    static EnterpriseId enterprise(int number);

private:
    struct Happening;
    void begin();
    void step();
    void hear_nodes();
    void end_due();
    void drive(JobId id);
    void submit_due();
    void pay_due();
    void give_up();
    void book_due();
    [[nodiscard]] int booker(std::int64_t turn) const;
    void refund_due();
    void extend_due();
    void meter_due();
    void correct_reading(std::uint64_t turn);
    void change_policy();
    [[nodiscard]] bool silent(int node) const;
    [[nodiscard]] std::uint64_t dice(std::uint64_t kind, std::uint64_t number) const;
    [[nodiscard]] Moment submit_at(std::int64_t number) const;
    Outcome tell(const Command& command);
    void commit();
    void keep_report(const std::string& period);

    daemon::Store& store_;
    YearOptions options_;
    Promised& promised_;
    Machine machine_{ZoneId{"test"}};
    daemon::Batch batch_;
    std::int64_t told_{0};
    EventSeq snapshot_at_;
    std::pair<int, Policy> upcoming_;  ///< the next version
    Moment now_;
    std::multimap<Moment, JobId> ends_;
    std::int64_t next_submit_{0}, next_payment_{0}, next_refund_{0}, next_booking_{0},
        next_reading_{0}, next_extension_{0};
    std::vector<std::string> closed_;
};

}  // namespace khu::testing
