#pragma once

/// \file
/// The balances recounted from nothing but the entries, to check the books against (the store's
/// verify, the tests). It shares no arithmetic with the Ledger: an account is credits less debits.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/ledger/entry.h"

namespace khu {

/// What is wrong with entry `seq`, with a code that takes `seq` and `why`.
Refusal wrong_books(Code code, LedgerSeq seq, std::string why);

class Recount {
public:
    /// Takes the next entry; what is wrong with it, null if nothing. Checked: no gap in seq, a
    /// known kind, an amount of at least 0 between two accounts (I-01), hours and money apart,
    /// `clear` 0 between transactions (I-04): ChainBroken L205; no limited account below what it
    /// holds (I-02): AccountOverdrawn L201; a hold resolved once: HoldNotOpen L203, and for at most
    /// its amount (I-07): SettledAboveHold L204.
    [[nodiscard]] std::optional<Refusal> add(const Entry& entry);
    /// To be asked after the last entry.
    [[nodiscard]] std::optional<Refusal> finish() const;

    /// Credits less debits, posted; 0 for an account without entries.
    [[nodiscard]] std::int64_t posted(const std::string& account) const;
    /// What open holds have promised out of `account`.
    [[nodiscard]] std::int64_t pending(const std::string& account) const;
    [[nodiscard]] std::int64_t available(const std::string& account) const {
        return posted(account) - pending(account);
    }
    [[nodiscard]] const std::map<std::string, std::int64_t>& accounts() const { return posted_; }
    [[nodiscard]] LedgerSeq last_seq() const { return last_seq_; }

private:
    struct Open {
        std::string account;
        std::int64_t amount{0};
    };
    [[nodiscard]] std::optional<Refusal> alone(const Entry& entry) const;
    std::optional<Refusal> hold(const Entry& entry);
    std::optional<Refusal> resolve(const Entry& entry);
    void move(const Entry& entry);

    LedgerSeq last_seq_;
    std::map<std::string, std::int64_t> posted_;
    std::map<std::string, std::int64_t> pending_;
    std::map<std::string, Open> open_;
};

}  // namespace khu
