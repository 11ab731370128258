// The books as they lie in the store: streaming them, and proving them.

#include <fmt/format.h>

#include "core/ledger/recount.h"
#include "daemon/store/entry_columns.h"
#include "daemon/store/sqlite_store.h"

namespace khu::daemon {
namespace {

constexpr const char* select_entries =
    "SELECT " KHU_ENTRY_COLUMNS ", hash FROM entries WHERE seq >= ? ORDER BY seq";

Refusal broken(LedgerSeq seq, const std::string& why) {
    return Refusal(Code::ChainBroken)
        .with("seq", static_cast<std::int64_t>(seq.value))
        .with("why", why);
}

}  // namespace

Expected<Done, Refusal> SqliteStore::entries(
    LedgerSeq first, const std::function<void(const Entry&, const std::string& hash)>& each) {
    const Connection from = own_connection();
    Statement rows(from, select_entries);
    rows.with(first);
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
    rows.with(LedgerSeq{});
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
        if (const std::optional<std::string> wrong = books.add(entry)) {
            return Unexpected{broken(wanted, *wrong)};
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
    if (const std::optional<std::string> wrong = books.finish()) {
        return Unexpected{broken(head.seq, *wrong)};
    }
    return head;
}

}  // namespace khu::daemon
