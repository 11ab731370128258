#include "cli/top/screen.h"

#include <algorithm>
#include <map>

#include "cli/jobs.h"
#include "cli/views.h"

namespace khu::cli {
namespace {

constexpr int kBar = 8;
constexpr int kHeadLines = 2;
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kPlain = "\x1b[0m";

/// "######.." of 6 of 8.
std::string bar(std::int64_t used, std::int64_t all) {
    const std::int64_t full = all == 0 ? 0 : (used * kBar + all / 2) / all;
    return std::string(static_cast<std::size_t>(full), '#') +
           std::string(static_cast<std::size_t>(kBar - full), '.');
}

std::string part(std::int64_t used, std::int64_t all) {
    return std::to_string(used) + "/" + std::to_string(all);
}

Table nodes_of(const TopPicture& picture) {
    Table table{.columns = {{"NODE", "", Align::Left, true},
                            {"STATE", ""},
                            {"GPUS USED", ""},
                            {"", "", Align::Right},
                            {"CORES USED", "", Align::Right},
                            {"JOBS", "", Align::Right},
                            {"REASON", "", Align::Left, true}},
                .rows = {}};
    for (const wire::NodeView& node : picture.nodes) {
        const std::int64_t used = node.gpus - node.gpus_free;
        table.rows.push_back({node.name, node.state, bar(used, node.gpus), part(used, node.gpus),
                              part(node.cores - node.cores_free, node.cores),
                              static_cast<std::int64_t>(node.jobs.size()), node.reason});
    }
    return table;
}

std::string where(const wire::JobView& job) {
    std::string text;
    for (const wire::AllocationView& each : job.nodes) {
        text += (text.empty() ? "" : ",") + each.node;
    }
    return text;
}

std::string left(const wire::JobView& job, Moment now) {
    const Moment deadline = job.deadline_at;
    return deadline == Moment{0} ? "" : format_span(seconds((deadline - now).value / 1000));
}

Table running_of(const TopPicture& picture) {
    Table table{.columns = {{"RUNS", "", Align::Right},
                            {"NAME", "", Align::Left, true},
                            {"USER", "", Align::Left, true},
                            {"PHASE", ""},
                            {"GPUS", "", Align::Right},
                            {"LEFT", "", Align::Right},
                            {"WHERE", "", Align::Left, true}},
                .rows = {}};
    for (const wire::JobView& job : picture.running) {
        table.rows.push_back({label_of(job), job.spec.name, job.spec.user.value, job.phase,
                              std::int64_t{job.spec.nodes} * job.spec.gpus_per_node,
                              left(job, picture.now), where(job)});
    }
    return table;
}

Table waiting_of(const TopPicture& picture) {
    Table table{.columns = {{"WAITS", "", Align::Right},
                            {"NAME", "", Align::Left, true},
                            {"USER", "", Align::Left, true},
                            {"GPUS", "", Align::Right},
                            {"STARTS IN", "", Align::Right},
                            {"WHY", "", Align::Left, true}},
                .rows = {}};
    for (const wire::JobView& job : picture.waiting) {
        table.rows.push_back({label_of(job), job.spec.name, job.spec.user.value,
                              std::int64_t{job.spec.nodes} * job.spec.gpus_per_node,
                              starts_in(job, picture.now),
                              job.reason ? job.reason->code + " " + job.reason->text : ""});
    }
    return table;
}

std::string head(const Session& session, const TopPicture& picture) {
    std::map<std::string, std::int64_t> states;
    std::int64_t gpus = 0;
    std::int64_t used = 0;
    for (const wire::NodeView& node : picture.nodes) {
        ++states[node.state];
        gpus += node.gpus;
        used += node.gpus - node.gpus_free;
    }
    std::string nodes;
    for (const auto& [state, count] : states) {
        nodes += (nodes.empty() ? "" : ", ") + std::to_string(count) + " " + state;
    }
    return session.say(Message::TopHead, {session.when(picture.now).shown, nodes, part(used, gpus),
                                          bar(used, gpus), std::to_string(picture.jobs)});
}

/// As many rows as fit in `lines`, the last line for how many are missing. Colours what is amiss.
std::string list(const Session& session, Table table, int lines, const TopSize& size) {
    const auto rows = static_cast<int>(table.rows.size());
    const bool all = size.height == 0 || rows + 1 <= lines;
    if (!all && lines < 2) {
        return {};
    }
    const int kept = all ? rows : lines - 2;
    table.rows.resize(static_cast<std::size_t>(kept), {});
    std::vector<std::string> states;
    for (const std::vector<Cell>& row : table.rows) {
        states.push_back(row.at(1).shown);
    }
    std::string text = format_table(table, {.width = size.width});
    if (size.colour) {
        std::string coloured;
        std::size_t begin = 0;
        for (std::size_t row = 0; begin < text.size(); ++row) {
            const std::size_t end = text.find('\n', begin) + 1;
            const std::string state = row == 0 ? "" : states.at(row - 1);
            const bool bad = state == "lost" || state == "mismatch";
            const bool aside = state == "drained" || state == "draining";
            const std::string_view colour = row == 0 ? kBold
                                            : bad    ? kRed
                                            : aside  ? kYellow
                                                     : std::string_view{};
            coloured += std::string(colour) + text.substr(begin, end - 1 - begin) +
                        (colour.empty() ? "" : std::string(kPlain)) + "\n";
            begin = end;
        }
        text = std::move(coloured);
    }
    return text + (all ? "" : session.say(Message::TopMore, {std::to_string(rows - kept)}) + "\n");
}

}  // namespace

std::vector<int> shared_lines(const std::vector<int>& wanted, int all) {
    std::vector<int> given;
    const int third = all / static_cast<int>(wanted.size());
    int left = all;
    for (const int each : wanted) {
        given.push_back(std::min(each, third));
        left -= given.back();
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const int more = std::min(left, wanted[i] - given[i]);
        given[i] += more;
        left -= more;
    }
    return given;
}

std::string top_screen(const Session& session, const TopPicture& picture, const TopSize& size) {
    const std::vector<Table> tables{nodes_of(picture), running_of(picture), waiting_of(picture)};
    std::vector<int> wanted;
    for (const Table& table : tables) {
        wanted.push_back(static_cast<int>(table.rows.size()) + 1);
    }
    const int below = size.height - kHeadLines - static_cast<int>(tables.size()) + 1;
    const std::vector<int> lines = shared_lines(wanted, std::max(0, below));
    const std::string first = head(session, picture);
    std::string text = size.width > 0 ? cut(first, size.width) : first;
    text = size.colour ? std::string(kBold) + text + std::string(kPlain) : text;
    text += "\n";
    for (std::size_t i = 0; i < tables.size(); ++i) {
        const std::string rows = list(session, tables[i], lines[i], size);
        text += rows.empty() ? "" : "\n" + rows;
    }
    return text;
}

}  // namespace khu::cli
