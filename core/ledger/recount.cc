#include "core/ledger/recount.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/ledger/purse.h"

namespace khu {
namespace {

std::int64_t find_amount(const std::map<std::string, std::int64_t>& amounts,
                         const std::string& account) {
    const auto found = amounts.find(account);
    return found == amounts.end() ? 0 : found->second;
}

bool is_known_kind(const std::string& kind) {
    constexpr std::array<std::string_view, 20> kinds{
        "grant",   "hold",     "settle",  "void",   "post",     "discount", "waive",
        "expire",  "fund",     "unfund",  "pay-in", "refund",   "makegood", "carry",
        "advance", "pullback", "overrun", "repay",  "transfer", "meter"};
    for (const std::string_view known : kinds) {
        if (kind == known) {
            return true;
        }
    }
    return false;
}

/// The accounts from which no more goes than came in.
bool is_limited(const std::string& account) {
    return account.starts_with("grant:") || account.starts_with("funder:") ||
           account.starts_with("wallet:");
}

/// The kinds that stand between a settle and the end of its transaction.
bool belongs_to_a_settlement(const std::string& kind) {
    return kind == "settle" || kind == "post";
}

}  // namespace

Refusal wrong_books(Code code, LedgerSeq seq, std::string why) {
    return Refusal(code)
        .with("seq", static_cast<std::int64_t>(seq.value))
        .with("why", std::move(why));
}

std::optional<Refusal> Recount::add(const Entry& entry) {
    if (entry.seq.value != last_seq_.value + 1) {
        return wrong_books(
            Code::ChainBroken, entry.seq,
            fmt::format("entry {} follows entry {}", entry.seq.value, last_seq_.value));
    }
    last_seq_ = entry.seq;
    std::optional<Refusal> wrong = alone(entry);
    if (wrong) {
        return wrong;
    }
    if (entry.kind == "hold") {
        wrong = hold(entry);
    } else if (entry.kind == "settle" || entry.kind == "void") {
        wrong = resolve(entry);
    }
    if (wrong) {
        return wrong;
    }
    if (entry.kind != "hold" && entry.kind != "void") {
        move(entry);
    }
    if (is_limited(entry.debit) && available(entry.debit) < 0) {
        return wrong_books(
            Code::AccountOverdrawn, entry.seq,
            fmt::format("{} goes below zero: {}", entry.debit, available(entry.debit)));
    }
    return std::nullopt;
}

std::optional<Refusal> Recount::finish() const {
    if (posted(std::string(kClear)) != 0) {
        return wrong_books(Code::ChainBroken, last_seq_,
                           fmt::format("clear has {} at the end", posted(std::string(kClear))));
    }
    std::int64_t sum = 0;
    for (const auto& [account, amount] : posted_) {
        sum += amount;
    }
    if (sum != 0) {
        return wrong_books(Code::ChainBroken, last_seq_,
                           fmt::format("debits and credits differ by {}", sum));
    }
    return std::nullopt;
}

std::int64_t Recount::posted(const std::string& account) const {
    return find_amount(posted_, account);
}

std::int64_t Recount::pending(const std::string& account) const {
    return find_amount(pending_, account);
}

/// What can be said of an entry without its holds.
std::optional<Refusal> Recount::alone(const Entry& entry) const {
    std::string why;
    if (!is_known_kind(entry.kind)) {
        why = fmt::format("unknown kind {}", entry.kind);
    } else if (entry.amount < 0 || entry.debit == entry.credit) {
        why = fmt::format("{} from {} to {}", entry.amount, entry.debit, entry.credit);
    } else if (is_money(entry.debit) != is_money(entry.credit)) {
        why = fmt::format("{} is of hours and {} of money, or the other way round", entry.debit,
                          entry.credit);
    } else if (!belongs_to_a_settlement(entry.kind) && posted(std::string(kClear)) != 0) {
        why = fmt::format("clear has {} between transactions", posted(std::string(kClear)));
    } else {
        return std::nullopt;
    }
    return wrong_books(Code::ChainBroken, entry.seq, std::move(why));
}

std::optional<Refusal> Recount::hold(const Entry& entry) {
    if (!open_.emplace(entry.id, Open{.account = entry.debit, .amount = entry.amount}).second) {
        return wrong_books(Code::ChainBroken, entry.seq,
                           fmt::format("hold {} is open already", entry.id));
    }
    pending_[entry.debit] += entry.amount;
    return std::nullopt;
}

std::optional<Refusal> Recount::resolve(const Entry& entry) {
    const auto found = open_.find(entry.ref);
    if (found == open_.end()) {
        return wrong_books(Code::HoldNotOpen, entry.seq,
                           fmt::format("{} of {}, which is not open", entry.kind, entry.ref));
    }
    const Open open = found->second;
    open_.erase(found);
    if (open.account != entry.debit) {
        return wrong_books(
            Code::HoldNotOpen, entry.seq,
            fmt::format("hold {} is of {}, not {}", entry.ref, open.account, entry.debit));
    }
    if (entry.amount > open.amount) {
        return wrong_books(
            Code::SettledAboveHold, entry.seq,
            fmt::format("{} {} above hold {}", entry.kind, entry.amount, open.amount));
    }
    pending_[entry.debit] -= open.amount;
    return std::nullopt;
}

void Recount::move(const Entry& entry) {
    posted_[entry.debit] -= entry.amount;
    posted_[entry.credit] += entry.amount;
}

}  // namespace khu
