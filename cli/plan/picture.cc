#include "cli/plan/picture.h"

#include <algorithm>

#include <fmt/format.h>

namespace khu::cli {
namespace {

constexpr int kWidth = 960;
constexpr int kHeight = 560;
constexpr int kLeft = 70;
constexpr int kRight = 930;
constexpr int kPanelHeight = 190;
constexpr int kUseTop = 82;
constexpr int kQueueTop = 318;
constexpr std::int64_t kDay = 86'400;
constexpr int kTicks = 5;
constexpr int kDayTicks = 14;

/// Colours of Okabe and Ito, which people who do not tell red from green can tell apart; lighter
/// ones on a dark ground.
constexpr std::string_view kStyle =
    "<style>"
    "text{font:13px sans-serif;fill:#222}"
    ".title{font-size:16px;font-weight:bold}"
    ".ground{fill:#fff}.grid{stroke:#ddd}.axis{stroke:#222}"
    "polyline{fill:none;stroke-width:1.6}"
    ".r0{stroke:#0072b2}.r1{stroke:#d55e00;stroke-dasharray:6 3}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.ground{fill:#16181c}"
    ".grid{stroke:#3a3d44}.axis{stroke:#ddd}.r0{stroke:#56b4e9}.r1{stroke:#e69f00}}"
    "</style>\n";

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
    }
    return out;
}

std::string label(int x, int y, std::string_view anchor, std::string_view words,
                  std::string_view style = "") {
    return fmt::format(R"(<text x="{}" y="{}" text-anchor="{}"{}>{}</text>)"
                       "\n",
                       x, y, anchor, style.empty() ? "" : fmt::format(" class=\"{}\"", style),
                       escaped(words));
}

std::string line(int x1, int y1, int x2, int y2, std::string_view style) {
    return fmt::format(R"(<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>)"
                       "\n",
                       x1, y1, x2, y2, style);
}

/// The least of 1, 2, 5, 10, 20, 50, ... of which `ticks` reach `value`.
std::int64_t tick_step(std::int64_t value, int ticks) {
    for (std::int64_t decade = 1;; decade *= 10) {
        for (const std::int64_t factor : {1, 2, 5}) {
            if (factor * decade * ticks >= value) {
                return factor * decade;
            }
        }
    }
}

/// One of the two: what it shows, over the same time.
struct Panel {
    int top{0};
    std::string title;
    std::int64_t high{1};  ///< what the top edge stands for
    std::int64_t step{1};  ///< between grid lines
    std::int64_t (*of)(const plan::Sample&){nullptr};
};

class Picture {
public:
    Picture(const Session& session, const PlanReport& report) : session_(session), report_(report) {
        for (const PlanOutcome& outcome : report.outcomes) {
            seconds_ = std::max(seconds_, outcome.measures.makespan_s);
            for (const plan::Sample& sample : outcome.samples) {
                waiting_ = std::max(waiting_, sample.waiting);
            }
        }
    }

    std::string draw() {
        out_ = fmt::format(R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" )"
                           "width=\"{0}\" height=\"{1}\" role=\"img\">\n",
                           kWidth, kHeight);
        out_ += kStyle;
        out_ += fmt::format("<title>{}</title>\n", escaped(report_.trace));
        out_ += fmt::format(R"(<rect class="ground" width="{}" height="{}"/>)"
                            "\n",
                            kWidth, kHeight);
        out_ += label(kLeft, 26, "start", report_.trace, "title");
        legend();
        const std::int64_t queue_step = tick_step(waiting_, kTicks);
        panel({.top = kUseTop,
               .title = session_.say(Message::PlanPictureUse),
               .high = 100,
               .step = 20,
               .of = [](const plan::Sample& sample) { return sample.used_permille / 10; }});
        panel({.top = kQueueTop,
               .title = session_.say(Message::PlanPictureQueue),
               .high = (waiting_ + queue_step - 1) / queue_step * queue_step,
               .step = queue_step,
               .of = [](const plan::Sample& sample) { return sample.waiting; }});
        out_ += label((kLeft + kRight) / 2, kHeight - 12, "middle",
                      session_.say(Message::PlanPictureDays));
        return out_ + "</svg>\n";
    }

private:
    void legend() {
        int x = kLeft;
        for (std::size_t i = 0; i < report_.outcomes.size(); ++i) {
            const std::string& name = report_.outcomes[i].name;
            out_ += line(x, 42, x + 30, 42, fmt::format("r{}", i));
            out_ += label(x + 36, 46, "start", name);
            x += (kRight - kLeft) / 2;
        }
    }

    [[nodiscard]] int x_of(std::int64_t at_s) const {
        return kLeft +
               static_cast<int>((kRight - kLeft) * at_s / std::max<std::int64_t>(seconds_, 1));
    }
    static int y_of(const Panel& panel, std::int64_t value) {
        const std::int64_t shown = std::clamp<std::int64_t>(value, 0, panel.high);
        return panel.top + kPanelHeight - static_cast<int>(kPanelHeight * shown / panel.high);
    }

    void panel(const Panel& panel) {
        const int bottom = panel.top + kPanelHeight;
        out_ += label(kLeft, panel.top - 8, "start", panel.title);
        for (std::int64_t value = 0; value <= panel.high; value += panel.step) {
            const int y = y_of(panel, value);
            out_ += line(kLeft, y, kRight, y, "grid");
            out_ += label(kLeft - 8, y + 4, "end", std::to_string(value));
        }
        days(bottom);
        out_ += line(kLeft, panel.top, kLeft, bottom, "axis");
        out_ += line(kLeft, bottom, kRight, bottom, "axis");
        for (std::size_t i = 0; i < report_.outcomes.size(); ++i) {
            curve(panel, report_.outcomes[i], i);
        }
    }

    /// Whole days below; hours would not fit a trace of a month.
    void days(int bottom) {
        const std::int64_t step = tick_step((seconds_ + kDay - 1) / kDay, kDayTicks) * kDay;
        for (std::int64_t at = 0; at <= seconds_; at += step) {
            out_ += line(x_of(at), bottom, x_of(at), bottom + 5, "axis");
            out_ += label(x_of(at), bottom + 20, "middle", std::to_string(at / kDay));
        }
    }

    void curve(const Panel& panel, const PlanOutcome& outcome, std::size_t number) {
        std::string points;
        for (const plan::Sample& sample : outcome.samples) {
            points += fmt::format("{}{},{}", points.empty() ? "" : " ", x_of(sample.at_s),
                                  y_of(panel, panel.of(sample)));
        }
        out_ += fmt::format(R"(<polyline class="r{}" points="{}"/>)"
                            "\n",
                            number, points);
    }

    const Session& session_;
    const PlanReport& report_;
    std::string out_;
    std::int64_t seconds_{1};
    std::int64_t waiting_{1};
};

}  // namespace

std::string plan_picture(const Session& session, const PlanReport& report) {
    return Picture(session, report).draw();
}

}  // namespace khu::cli
