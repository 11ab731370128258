// The books as they lie in the store: streaming them, and proving them.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/ledger/recount.h"
#include "daemon/store/entry_columns.h"
#include "daemon/store/schema.h"
#include "daemon/store/sqlite_store.h"

namespace khu::daemon {
namespace {

constexpr const char* select_entries =
    "SELECT " KHU_ENTRY_COLUMNS ", hash FROM entries WHERE seq BETWEEN ? AND ? ORDER BY seq";

/// By the indexes of accounts (schema.cc); an entry between two of them is one row.
std::string select_of_accounts() {
    const auto side = [](std::string_view column) {
        return fmt::format(
            "SELECT entries.seq FROM json_each(?3) AS account CROSS JOIN entries "
            "ON {0} = account.value WHERE {1}",
            column, indexed_accounts(column));
    };
    return fmt::format("SELECT " KHU_ENTRY_COLUMNS
                       ", hash FROM entries WHERE seq IN ({} UNION {}) "
                       "AND seq BETWEEN ?1 AND ?2 ORDER BY seq",
                       side("debit"), side("credit"));
}

std::string json_list(const std::vector<std::string>& texts) {
    std::string out = "[";
    for (const std::string& text : texts) {
        out += (out.size() > 1 ? ",\"" : "\"");
        for (const char c : text) {
            const bool plain = c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20;
            out +=
                plain ? std::string(1, c) : fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        }
        out += '"';
    }
    return out + "]";
}

Refusal broken(LedgerSeq seq, std::string why) {
    return wrong_books(Code::ChainBroken, seq, std::move(why));
}

}  // namespace

/// Entries are made one after the other, so that the first of a moment is found by halving.
LedgerSeq SqliteStore::first_entry_at(const Connection& from, Moment at) const {
    Statement row(from, "SELECT at FROM entries WHERE seq = ?");
    std::uint64_t low = 1;
    std::uint64_t high = ledger_head().seq.value + 1;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        const bool before =
            row.with(LedgerSeq{middle}).step() == SQLITE_ROW && row.integer(0) < at.value;
        (before ? low : high) = before ? middle + 1 : middle;
    }
    return LedgerSeq{low};
}

Expected<Done, Refusal> SqliteStore::entries(
    const EntryQuery& query,
    const std::function<void(const Entry&, const std::string& hash)>& each) {
    const Connection from = own_connection();
    LedgerSeq first = query.first;
    LedgerSeq last = query.last;
    if (query.from > Moment{0}) {
        first = std::max(first, first_entry_at(from, query.from));
    }
    if (query.to < kNever) {
        last = std::min(last, LedgerSeq{first_entry_at(from, query.to).value - 1});
    }
    const bool all = query.accounts.empty();
    const std::string accounts = json_list(query.accounts);
    Statement rows(from, all ? select_entries : select_of_accounts());
    if (all) {
        rows.with(first, last);
    } else {
        rows.with(first, last, accounts);
    }
    int result = rows.step();
    for (; result == SQLITE_ROW; result = rows.step()) {
        const Entry entry = entry_of(rows);
        if (rows.bytes(9).size() != sizeof(ChainHash)) {
            return Unexpected{broken(entry.seq, "its hash is not 32 bytes long")};
        }
        each(entry, hex(hash_of(rows.bytes(9))));
    }
    if (result != SQLITE_DONE) {
        return Unexpected{refused(result, "entries")};
    }
    return Done{};
}

Expected<LedgerHead, Refusal> SqliteStore::verify_ledger() {
    const LedgerHead head = ledger_head();
    const Connection from = own_connection();
    Statement rows(from, select_entries);
    rows.with(LedgerSeq{}, LedgerSeq{INT64_MAX});
    Chain chain;
    ChainHash hash{};
    Recount books;
    int result = rows.step();
    for (; result == SQLITE_ROW && books.last_seq() < head.seq; result = rows.step()) {
        const Entry entry = entry_of(rows);
        const LedgerSeq wanted{books.last_seq().value + 1};
        if (entry.seq != wanted) {
            return Unexpected{broken(wanted, "it is missing")};
        }
        hash = chain.next(hash, entry);
        if (rows.bytes(9) != bytes_of(hash)) {
            return Unexpected{broken(wanted, "its hash is not that of its line")};
        }
        if (std::optional<Refusal> wrong = books.add(entry)) {
            return Unexpected{*std::move(wrong)};
        }
    }
    if (result != SQLITE_DONE && result != SQLITE_ROW) {
        return Unexpected{refused(result, fmt::format("entries after {}", books.last_seq().value))};
    }
    if (books.last_seq() != head.seq) {
        return Unexpected{broken(LedgerSeq{books.last_seq().value + 1}, "it is missing")};
    }
    if (hex(hash) != head.hash) {
        return Unexpected{broken(head.seq, "its hash is not the one of the head")};
    }
    if (std::optional<Refusal> wrong = books.finish()) {
        return Unexpected{*std::move(wrong)};
    }
    return head;
}

}  // namespace khu::daemon
