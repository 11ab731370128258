#include "daemon/ledger_report.h"

#include "core/ledger/purse.h"
#include "core/ledger/usage.h"
#include "daemon/row_writer.h"

namespace khu::daemon {
namespace {

struct Line {
    std::uint64_t seq{0};
    Moment time;
    std::string kind, id, ledger, debit, credit;
    std::int64_t amount{0};
    std::string ref;
    PolicyId policy_id;
    std::string hash;
};
KHU_DESCRIBE(Line, seq, time, kind, id, ledger, debit, credit, amount, ref, policy_id, hash)

Line line_of(const Entry& entry, const std::string& hash) {
    return {.seq = entry.seq.value,
            .time = entry.at,
            .kind = entry.kind,
            .id = entry.id,
            .ledger = is_money(entry.debit) ? "MONEY" : "COMPUTE",
            .debit = entry.debit,
            .credit = entry.credit,
            .amount = entry.amount,
            .ref = entry.ref,
            .policy_id = entry.policy,
            .hash = hash};
}

}  // namespace

Expected<Report, Refusal> make_ledger_report(Store& store, const LedgerRequest& request,
                                             const ReportZone& zone) {
    const bool all = request.period.empty();
    const int offset = zone.utc_offset_minutes;
    if (auto checked = check_period(request.period, zone.now, offset); !all && !checked) {
        return Unexpected{std::move(checked).error()};
    }
    Report report;
    wire::ManifestAnswer& manifest = report.manifest;
    manifest.report = "ledger";
    manifest.period = request.period;
    manifest.format = format_name(request.format);
    manifest.file = "khu-ledger" + (all ? "" : "-" + request.period) + "." + manifest.format;
    // Entries are made now, never in the past: a month that is over gets no more.
    manifest.is_final = !all && request.period < period_of(zone.now, offset);
    RowWriter<Line> writer(report, request.format);
    EntryQuery query;
    if (!all) {
        query.from = start_of(request.period, offset);
        query.to = month_end(query.from, offset);
    }
    auto read = store.entries(query, [&](const Entry& entry, const std::string& hash) {
        writer.add(line_of(entry, hash));
        manifest.ledger_last = entry.seq;
        manifest.ledger_first =
            manifest.ledger_first.value == 0 ? entry.seq : manifest.ledger_first;
    });
    if (!read) {
        return Unexpected{std::move(read).error()};
    }
    writer.finish();
    if (auto sealed = seal(report, store, zone.now); !sealed) {
        return Unexpected{std::move(sealed).error()};
    }
    return report;
}

}  // namespace khu::daemon
