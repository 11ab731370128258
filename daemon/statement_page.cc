// The printed page of a statement: one HTML file with its style and charts inside.

#include <algorithm>

#include "daemon/statements.h"

namespace khu::daemon {
namespace {

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

/// 1.234.567 in Vietnamese, 1,234,567 in English.
std::string grouped(std::int64_t number, Language language) {
    std::string digits = std::to_string(number < 0 ? -number : number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
        digits.insert(static_cast<std::size_t>(at), language == Language::Vietnamese ? "." : ",");
    }
    return (number < 0 ? "-" : "") + digits;
}

class Page {
public:
    Page(const Statement& statement, Language language) : s_(statement), language_(language) {}

    std::string take() {
        head();
        money();
        usage();
        grants();
        corrections();
        services();
        duties();
        foot();
        return std::move(out_);
    }

private:
    [[nodiscard]] const char* say(const char* en, const char* vi) const {
        return language_ == Language::Vietnamese ? vi : en;
    }
    [[nodiscard]] std::string dong(Mvnd amount) const {
        const std::int64_t rest = (amount.value < 0 ? -amount.value : amount.value) % 1000;
        const char point = language_ == Language::Vietnamese ? ',' : '.';
        std::string sign = amount.value < 0 && amount.value > -1000 ? "-" : "";
        return sign + grouped(amount.value / 1000, language_) +
               (rest == 0 ? "" : fmt::format("{}{:03}", point, rest)) + " đ";
    }
    /// Two decimals, rounded half up from whole hundredths: for the eye, as every figure of hours.
    [[nodiscard]] std::string hours(Atoms amount) const {
        const bool below = amount < Atoms{0};
        const std::int64_t atoms = below ? -amount.value : amount.value;
        const std::int64_t hundredths = (atoms + 18'000'000) / 36'000'000;
        return (below ? "-" : "") + grouped(hundredths / 100, language_) +
               fmt::format("{}{:02}", language_ == Language::Vietnamese ? ',' : '.',
                           hundredths % 100);
    }
    void row(const std::vector<std::string>& cells, const char* tag = "td") {
        out_ += "<tr>";
        for (std::size_t i = 0; i < cells.size(); ++i) {
            out_ += fmt::format("<{}{}>{}</{}>", tag, i == 0 ? " class=\"n\"" : "", cells[i], tag);
        }
        out_ += "</tr>\n";
    }

    void head() {
        out_ += fmt::format(
            "<!doctype html>\n<html lang=\"{}\">\n<head><meta "
            "charset=\"utf-8\">\n<title>{}</title>\n",
            language_ == Language::Vietnamese ? "vi" : "en", escaped(s_.statement_id));
        out_ +=
            "<style>\n@page{size:A4;margin:18mm}\nbody{font:11pt/1.4 \"Noto Sans\",\"DejaVu Sans\","
            "sans-serif;max-width:180mm;margin:8mm auto;color:#111}\nh1{font-size:17pt;margin:0}\n"
            "h2{font-size:12pt;margin:7mm 0 2mm}\ntable{border-collapse:collapse;width:100%}\n"
            "td,th{border-bottom:1px solid #bbb;padding:1mm 2mm;text-align:right;"
            "font-variant-numeric:tabular-nums}\nth{font-weight:600}\n.n{text-align:left}\n"
            ".sum td{font-weight:600;border-top:2px solid #111}\nsmall{color:#444;"
            "overflow-wrap:anywhere}\nsvg{width:100%;height:auto}\n"
            "tr,svg{break-inside:avoid}\n</style></head>\n<body>\n";
        out_ += fmt::format("<h1>{} {}</h1>\n",
                            say("Statement of GPU use,", "Bảng kê sử dụng GPU,"), s_.period);
        out_ += fmt::format(
            "<p><strong>{}</strong><br>{} {}<br>{} {} ({} {})<br>{}</p>\n", escaped(s_.name),
            say("Tax code", "Mã số thuế"), escaped(s_.enterprise_id.value.str()),
            say("Zone", "Khu"), escaped(s_.zone_id.value.str()), say("province", "tỉnh"),
            escaped(s_.province_code),
            s_.is_final
                ? say("Final: this month is closed.", "Bản chính thức: tháng này đã khoá sổ.")
                : say("Not final: this month is still open.", "Bản tạm: tháng này chưa khoá sổ."));
    }

    struct Part {
        const char* name;
        Mvnd amount;
        const char* colour;
    };
    [[nodiscard]] std::vector<Part> payers() const {
        const StatementMoney& m = s_.money;
        return {{say("National funds", "Ngân sách trung ương"), m.paid_national_mvnd, "#8c2d04"},
                {say("Provincial funds", "Ngân sách tỉnh"), m.paid_provincial_mvnd, "#d94801"},
                {say("The zone", "Khu"), m.paid_zone_mvnd, "#fd8d3c"},
                {say("Donors", "Nhà tài trợ"), m.paid_donor_mvnd, "#fdbe85"},
                {say("The enterprise", "Doanh nghiệp"), m.paid_enterprise_mvnd, "#08519c"}};
    }

    /// Who paid, as one bar; widths are thousandths of the list price.
    void chart(const std::vector<Part>& parts) {
        if (s_.money.list_mvnd <= Mvnd{0}) {
            return;
        }
        __extension__ using Wide = __int128;
        out_ += fmt::format("<svg viewBox=\"0 0 1000 60\" role=\"img\" aria-label=\"{}\">\n",
                            say("Who paid", "Ai chi trả"));
        std::int64_t x = 0;
        for (const Part& part : parts) {
            const auto width = static_cast<std::int64_t>(
                Wide{std::max(part.amount, Mvnd{0}).value} * 1000 / s_.money.list_mvnd.value);
            if (width > 0) {
                out_ += fmt::format(
                    "<rect x=\"{}\" y=\"8\" width=\"{}\" height=\"44\" fill=\"{}\"><title>{}: "
                    "{}</title></rect>\n",
                    x, width, part.colour, part.name, dong(part.amount));
            }
            x += width;
        }
        out_ += "</svg>\n";
    }

    void money() {
        const StatementMoney& m = s_.money;
        const std::vector<Part> parts = payers();
        out_ += fmt::format("<h2>{}</h2>\n", say("Who pays", "Ai chi trả"));
        chart(parts);
        out_ += "<table>\n";
        for (const Part& part : parts) {
            const std::string swatch = fmt::format(
                "<svg viewBox=\"0 0 10 10\" style=\"width:3mm;height:3mm\"><rect width=\"10\" "
                "height=\"10\" fill=\"{}\"/></svg> {}",
                part.colour, part.name);
            row({swatch, dong(part.amount)});
        }
        out_ += "<tr class=\"sum\"><td class=\"n\">" +
                std::string(say("List price", "Giá niêm yết")) + "</td><td>" + dong(m.list_mvnd) +
                "</td></tr>\n";
        row({say("Borne by the zone: failures (list price)", "Khu chịu do sự cố (giá niêm yết)"),
             dong(m.waived_list_mvnd)});
        row({say("Rounding to whole đồng", "Làm tròn đến đồng"), dong(m.rounding_mvnd)});
        out_ += "<tr class=\"sum\"><td class=\"n\">" +
                std::string(say("Part of the enterprise", "Phần doanh nghiệp trả")) + "</td><td>" +
                grouped(m.payable_vnd, language_) + " đ</td></tr>\n</table>\n";
        wallet();
    }

    void wallet() {
        const StatementMoney& m = s_.money;
        if (m.wallet_opening_mvnd == Mvnd{0} && m.wallet_paid_in_mvnd == Mvnd{0} &&
            m.wallet_closing_mvnd == Mvnd{0}) {
            return;
        }
        out_ += fmt::format("<h2>{}</h2>\n<table>\n", say("Wallet", "Ví"));
        row({say("At the beginning", "Đầu kỳ"), dong(m.wallet_opening_mvnd)});
        row({say("Paid in and given back", "Nộp vào và hoàn lại"), dong(m.wallet_paid_in_mvnd)});
        row({say("Spent", "Đã chi"), dong(-m.wallet_spent_mvnd)});
        row({say("At the end", "Cuối kỳ"), dong(m.wallet_closing_mvnd)});
        row({say("Credit limit", "Hạn mức nợ"), dong(m.wallet_credit_limit_mvnd)});
        out_ += "</table>\n";
    }

    /// What was used, a bar for each line, against the longest.
    void use_chart() {
        Atoms most{1};
        for (const StatementUse& use : s_.usage) {
            most = std::max(most, use.metered_ugs);
        }
        __extension__ using Wide = __int128;
        out_ += fmt::format("<svg viewBox=\"0 0 1000 {}\" role=\"img\" aria-label=\"{}\">\n",
                            s_.usage.size() * 34, say("Use", "Sử dụng"));
        for (std::size_t i = 0; i < s_.usage.size(); ++i) {
            const StatementUse& use = s_.usage[i];
            const auto width = static_cast<std::int64_t>(
                Wide{std::max(use.metered_ugs, Atoms{0}).value} * 560 / most.value);
            out_ += fmt::format(
                "<text x=\"0\" y=\"{}\" font-size=\"20\">{} · {}</text><rect x=\"420\" y=\"{}\" "
                "width=\"{}\" height=\"22\" fill=\"#6baed6\"><title>{}</title></rect>\n",
                i * 34 + 23, escaped(use.programme.value.str()), escaped(use.partition.value.str()),
                i * 34 + 6, width, hours(use.metered_ugs));
        }
        out_ += "</svg>\n";
    }

    void usage() {
        out_ += fmt::format("<h2>{}</h2>\n",
                            say("Use, in reference GPU-hours", "Sử dụng, theo giờ GPU quy đổi"));
        if (s_.usage.empty()) {
            out_ += fmt::format("<p>{}</p>\n",
                                say("Nothing was used.", "Không có sử dụng trong tháng."));
            return;
        }
        use_chart();
        out_ += "<table>\n";
        row({say("Programme", "Chương trình"), say("Partition", "Phân vùng"), "QOS",
             say("Jobs", "Tác vụ"), say("Occupied", "Chiếm dụng"),
             say("Borne by the zone", "Khu chịu"), say("Charged", "Tính phí"),
             say("List price", "Giá niêm yết")},
            "th");
        for (const StatementUse& use : s_.usage) {
            row({escaped(use.programme.value.str()), escaped(use.partition.value.str()),
                 escaped(use.qos.value.str()), grouped(use.jobs, language_), hours(use.metered_ugs),
                 hours(use.waived_ugs + use.discount_ugs), hours(use.charged_ugs),
                 dong(use.list_mvnd)});
        }
        out_ += "</table>\n";
    }

    void grants() {
        out_ += fmt::format("<h2>{}</h2>\n<table>\n", say("Grants at the month's end, in GPU-hours",
                                                          "Hạn mức cuối tháng, theo giờ GPU"));
        row({say("Grant", "Hạn mức"), say("Programme", "Chương trình"), say("Granted", "Được cấp"),
             say("Charged", "Tính phí"), say("Given back", "Hoàn lại"), say("Expired", "Hết hạn"),
             say("Held", "Đang giữ"), say("Left", "Còn lại")},
            "th");
        for (const StatementGrant& grant : s_.grants) {
            const std::string voucher =
                grant.voucher.empty()
                    ? ""
                    : fmt::format("<br><small>{} {}</small>", say("voucher", "phiếu"),
                                  escaped(grant.voucher));
            const std::string window =
                fmt::format("<br><small>{} – {}, {} {}</small>", grant.from, grant.to,
                            grouped(grant.days_left, language_), say("days left", "ngày còn lại"));
            row({escaped(grant.grant_id.value.str()) + window + voucher,
                 escaped(grant.programme.value.str()), hours(grant.granted_ugs),
                 hours(grant.charged_ugs), hours(grant.refunded_ugs), hours(grant.expired_ugs),
                 hours(grant.held_ugs), hours(grant.available_ugs)});
        }
        out_ += "</table>\n";
    }

    void corrections() {
        if (s_.corrections.empty()) {
            return;
        }
        out_ += fmt::format("<h2>{}</h2>\n<table>\n", say("Corrections", "Điều chỉnh"));
        for (const StatementCorrection& each : s_.corrections) {
            const bool metered = each.quantity_micro != 0;
            const std::string why =
                metered ? fmt::format("<br><small>{} ({})</small>", escaped(each.reason),
                                      escaped(each.decision_ref))
                        : "";
            row({escaped(each.corrects) + why,
                 metered ? quantity_text(each.quantity_micro) : hours(each.charged_ugs),
                 dong(each.list_mvnd)});
        }
        out_ += "</table>\n";
    }

    void duties() {
        if (s_.duties.empty()) {
            return;
        }
        out_ += fmt::format("<h2>{}</h2>\n<table>\n",
                            say("Reports owed for grants", "Báo cáo phải nộp cho hạn mức"));
        row({say("Grant", "Hạn mức"), say("State", "Tình trạng"), say("Due before", "Hạn nộp"),
             say("Report", "Báo cáo"), say("Open output", "Kết quả mở")},
            "th");
        for (const StatementDuty& each : s_.duties) {
            const std::string state = each.state == "late"  ? say("late", "trễ")
                                      : each.state == "due" ? say("due", "chưa nộp")
                                                            : say("delivered", "đã nộp");
            row({escaped(each.grant_id.value.str()), state, each.due_at, escaped(each.report),
                 escaped(each.output)});
        }
        out_ += "</table>\n";
    }

    void services() {
        if (s_.services.empty()) {
            return;
        }
        out_ += fmt::format("<h2>{}</h2>\n<table>\n",
                            say("Other services of the zone", "Các dịch vụ khác của khu"));
        row({say("Service", "Dịch vụ"), say("Meter", "Đồng hồ"), say("Quantity", "Số lượng"),
             say("Unit", "Đơn vị"), say("List price", "Giá niêm yết"),
             say("Own part", "Phần doanh nghiệp trả")},
            "th");
        for (const StatementService& each : s_.services) {
            row({escaped(each.service), escaped(each.meter.value.str()), each.quantity,
                 escaped(each.unit), dong(each.list_mvnd), dong(each.paid_enterprise_mvnd)});
        }
        out_ += "</table>\n";
    }

    void foot() {
        std::string policies;
        for (const std::string& policy : s_.policy_ids) {
            policies += (policies.empty() ? "" : ", ") + policy;
        }
        out_ += fmt::format(
            "<p><small>{} · {} {} – {} · {} {} · {} {}, {} {} · {}</small></p>\n</body></html>\n",
            escaped(s_.statement_id), say("period", "kỳ"), s_.period_start, s_.period_end,
            say("policies", "chính sách"), escaped(policies), say("ledger entry", "bút toán"),
            s_.ledger_last.value, say("hash", "mã băm"), s_.ledger_head,
            say("anyone may check this file: khu report verify FILE",
                "ai cũng có thể kiểm tra tệp này: khu report verify TỆP"));
    }

    const Statement& s_;
    Language language_;
    std::string out_;
};

}  // namespace

std::string statement_page(const Statement& statement, Language language) {
    return Page(statement, language).take();
}

}  // namespace khu::daemon
