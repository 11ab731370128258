#include "daemon/statements.h"

#include <algorithm>
#include <boost/mp11.hpp>

#include "core/base/enum_name.h"
#include "core/machine/events.h"
#include "daemon/meter_rows.h"
#include "daemon/row_writer.h"
#include "wire/json.h"

namespace khu::daemon {
namespace {

/// CSV, one measure a line.
class Lines {
public:
    explicit Lines(const Statement& statement) : statement_(statement) {}
    template <class Block>
    void block(const std::string& section, const std::vector<std::string>& dims, const Block& row) {
        using Members = boost::describe::describe_members<Block, boost::describe::mod_public>;
        boost::mp11::mp_for_each<Members>([&](auto member) {
            const auto& value = row.*member.pointer;
            using Value = std::remove_cvref_t<decltype(value)>;
            if constexpr (std::is_same_v<Value, Atoms> || std::is_same_v<Value, Mvnd>) {
                line(section, dims, member.name, std::to_string(value.value));
            } else if constexpr (std::is_integral_v<Value>) {
                line(section, dims, member.name, std::to_string(value));
            }
        });
    }
    /// What people wrote; nothing where it is empty.
    void words(const std::string& section, const std::vector<std::string>& dims,
               const std::string& measure, const std::string& value) {
        if (!value.empty()) {
            line(section, dims, measure, escape_cell(value));
        }
    }
    void line(const std::string& section, const std::vector<std::string>& dims,
              const std::string& measure, const std::string& value) {
        text_ += std::to_string(statement_.schema_version) + "," + statement_.statement_id + "," +
                 section;
        for (std::size_t i = 0; i < 3; ++i) {
            text_ += "," + (i < dims.size() ? dims[i] : std::string());
        }
        text_ += "," + measure + "," + value + "\n";
    }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    const Statement& statement_;
    std::string text_;
};

/// What the fact says that cut the month.
Expected<MonthWords, Refusal> words_in(Store& store, EventSeq seq) {
    const auto facts = store.facts(seq, 1);
    if (!facts) {
        return Unexpected{facts.error()};
    }
    MonthWords words;
    if (facts->empty()) {
        return words;
    }
    const auto fact = wire::from_json_text<Fact>(facts->front().json, wire::Unknown::Ignore);
    if (const auto* cut = fact ? std::get_if<MonthCut>(&*fact) : nullptr; cut != nullptr) {
        for (const NamedEnterprise& each : cut->names) {
            words.enterprises[each.id] = named(each);
        }
        for (const ProgrammeTier& each : cut->tiers) {
            words.tiers[each.programme] = enum_name(each.tier);
        }
    }
    return words;
}

/// Where anything of the enterprise moves.
std::vector<std::string> accounts_of(const StatementAsked& asked) {
    std::vector<std::string> accounts{wallet_account(asked.enterprise)};
    for (const auto& [grant, frame] : asked.grants) {
        accounts.push_back(grant_account(grant));
    }
    return accounts;
}

std::string text_of(const Statement& statement, const StatementRequest& request) {
    switch (request.format) {
        case StatementFormat::Json:
            return wire::to_json_text(statement) + "\n";
        case StatementFormat::Csv:
            return kStatementCsvHeader + statement_csv(statement);
        case StatementFormat::Html:
            return statement_page(statement, request.language);
    }
    KHU_CHECK(false);
}

}  // namespace

const char* format_name(StatementFormat format) {
    switch (format) {
        case StatementFormat::Json:
            return "json";
        case StatementFormat::Csv:
            return "csv";
        case StatementFormat::Html:
            return "html";
    }
    KHU_CHECK(false);
}

std::string statement_csv(const Statement& statement) {
    Lines lines(statement);
    lines.line("head", {}, "revision", std::to_string(statement.revision));
    lines.words("head", {}, "class", statement.class_);
    lines.line("head", {}, "period_start", statement.period_start);
    lines.line("head", {}, "period_end", statement.period_end);
    lines.line("head", {}, "is_final", statement.is_final ? "true" : "false");
    lines.line("head", {}, "ledger_first", std::to_string(statement.ledger_first.value));
    lines.line("head", {}, "ledger_last", std::to_string(statement.ledger_last.value));
    lines.line("head", {}, "ledger_head", statement.ledger_head);
    for (const StatementGrant& grant : statement.grants) {
        const std::vector<std::string> dims{grant.grant_id.value, grant.programme.value};
        lines.block("grant", dims, grant);
        lines.words("grant", dims, "tier", grant.tier);
        lines.line("grant", dims, "from", grant.from);
        lines.line("grant", dims, "to", grant.to);
        lines.line("grant", dims, "available_gpuh", grant.available_gpuh);
        lines.words("grant", dims, "voucher", grant.voucher);
        lines.words("grant", dims, "decision_ref", grant.decision_ref);
    }
    for (const StatementUse& use : statement.usage) {
        lines.block("usage", {use.programme.value, use.partition.value, use.qos.value}, use);
    }
    lines.block("money", {}, statement.money);
    for (const StatementCorrection& correction : statement.corrections) {
        lines.block("correction", {correction.corrects}, correction);
        lines.words("correction", {correction.corrects}, "reason", correction.reason);
        lines.words("correction", {correction.corrects}, "decision_ref", correction.decision_ref);
    }
    lines.block("reconcile", {}, statement.reconcile);
    for (const StatementService& service : statement.services) {
        lines.block("service", {service.service, service.meter.value, service.unit}, service);
    }
    for (const StatementDuty& duty : statement.duties) {
        const std::vector<std::string> dims{duty.grant_id.value, duty.what, duty.state};
        lines.line("duty", dims, "due_at", duty.due_at);
    }
    return lines.take();
}

Expected<Done, Refusal> reconciled(const Statement& statement) {
    Atoms books;
    for (const StatementGrant& grant : statement.grants) {
        books += grant.charged_ugs - grant.refunded_ugs;
    }
    if (books == statement.reconcile.charged_ugs) {
        return Done{};
    }
    return Unexpected{Refusal(Code::ReconcileFailed)
                          .with("enterprise", statement.enterprise_id.value)
                          .with("period", statement.period)
                          .with("rows_ugs", statement.reconcile.charged_ugs.value)
                          .with("books_ugs", books.value)};
}

Expected<Statement, Refusal> read_statement(Store& store, const StatementAsked& asked) {
    StatementMaker maker(asked);
    const UsageQuery query{
        .period_from = asked.period, .period_to = asked.period, .enterprise = asked.enterprise};
    if (auto read = store.usage(query, [&](const UsageRow& row) { maker.add(row); }); !read) {
        return Unexpected{std::move(read).error()};
    }
    auto metered = each_reading(store, asked.period, asked.enterprise,
                                [&](const MeterRow& row) { maker.add(row); });
    if (!metered) {
        return Unexpected{std::move(metered).error()};
    }
    const auto add = [&](const Entry& entry, const std::string& hash) { maker.add(entry, hash); };
    auto read = store.entries({.last = asked.last, .accounts = accounts_of(asked)}, add);
    if (!read) {
        return Unexpected{std::move(read).error()};
    }
    // The head's hash is of whatever entry came last in the zone.
    read = store.entries({.first = asked.last, .last = asked.last},
                         [&](const Entry&, const std::string& hash) { maker.head(hash); });
    if (!read) {
        return Unexpected{std::move(read).error()};
    }
    return maker.finish();
}

EnterpriseWords named(const NamedEnterprise& enterprise) {
    return {.name = enterprise.name,
            .kind = enterprise.kind ? enum_name(*enterprise.kind) : std::string()};
}

Expected<MonthWords, Refusal> prepare(Store& store, StatementRequest& request,
                                      const ReportZone& zone) {
    StatementAsked& asked = request.asked;
    if (auto checked = check_period(asked.period, zone.now, zone.utc_offset_minutes); !checked) {
        return Unexpected{std::move(checked).error()};
    }
    asked.start = start_of(asked.period, zone.utc_offset_minutes);
    asked.end = month_end(asked.start, zone.utc_offset_minutes);
    asked.is_final = asked.period <= zone.closed_period;
    if (request.words_in == EventSeq{}) {
        return MonthWords{};
    }
    auto words = words_in(store, request.words_in);
    if (words) {
        asked.tiers = words->tiers;
    }
    return words;
}

Expected<Report, Refusal> make_statement(Store& store, StatementRequest request,
                                         const ReportZone& zone) {
    auto words = prepare(store, request, zone);
    if (!words) {
        return Unexpected{std::move(words).error()};
    }
    StatementAsked& asked = request.asked;
    if (request.words_in != EventSeq{}) {
        asked.words = words->enterprises[asked.enterprise];
    }
    auto statement = read_statement(store, asked);
    if (!statement) {
        return Unexpected{std::move(statement).error()};
    }
    if (request.cut_alone) {
        if (auto sums = reconciled(*statement); !sums) {
            return Unexpected{std::move(sums).error()};
        }
    }
    Report report;
    const std::string text = text_of(*statement, request);
    report.text->add(text);
    if (auto whole = report.text->finish(); !whole) {
        return Unexpected{std::move(whole).error()};
    }
    wire::ManifestAnswer& manifest = report.manifest;
    manifest.report = "statement";
    manifest.period = asked.period;
    manifest.enterprise = asked.enterprise.value;
    manifest.format = format_name(request.format);
    manifest.language = request.language == Language::Vietnamese ? "vi" : "en";
    manifest.file =
        "khu-statement-" + asked.period + "-" + asked.enterprise.value + "." + manifest.format;
    manifest.rows =
        std::ranges::count(text, '\n') - (request.format == StatementFormat::Csv ? 1 : 0);
    manifest.control_totals = {{"charged_ugs", statement->reconcile.charged_ugs.value},
                               {"list_mvnd", statement->reconcile.list_mvnd.value},
                               {"metered_ugs", statement->reconcile.metered_ugs.value},
                               {"rows", statement->reconcile.rows}};
    manifest.policy_ids = statement->policy_ids;
    manifest.ledger_first = LedgerSeq{asked.before.value + 1};
    manifest.ledger_last = asked.last;
    manifest.ledger_head = statement->ledger_head;
    manifest.bytes = report.text->bytes();
    manifest.sha256 = report.text->sha256();
    manifest.is_final = asked.is_final;
    manifest.generated_at = format_utc(zone.now);
    return report;
}

}  // namespace khu::daemon
