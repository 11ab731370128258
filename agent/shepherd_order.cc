#include "agent/shepherd_order.h"

#include <array>
#include <utility>

#include "agent/shepherd_records.h"

namespace khu::agent {
namespace {

using Order = ShepherdOrder;

// One row for each member, so that writer and reader cannot disagree.
constexpr std::array numbers{
    std::pair{"job", &Order::job},
    std::pair{"attempt", &Order::attempt},
    std::pair{"array_index", &Order::array_index},
    std::pair{"uid", &Order::uid},
    std::pair{"gid", &Order::gid},
    std::pair{"umask", &Order::umask},
    std::pair{"output_truncate", &Order::output_truncate},
    std::pair{"capture_bytes_max", &Order::capture_bytes_max},
    std::pair{"notice_children", &Order::notice_children},
    std::pair{"accepts_steps", &Order::accepts_steps},
    std::pair{"kill_siblings", &Order::kill_siblings},
    std::pair{"leftover_grace_ms", &Order::leftover_grace_ms},
    std::pair{"hold", &Order::hold},
    std::pair{"processes_max", &Order::processes_max},
    std::pair{"group_processes", &Order::group_processes},
};
constexpr std::array texts{
    std::pair{"node", &Order::node},
    std::pair{"chdir", &Order::chdir},
    std::pair{"output", &Order::output},
    std::pair{"error", &Order::error},
    std::pair{"group_kill", &Order::group_kill},
    std::pair{"group_memory", &Order::group_memory},
    std::pair{"group_standby", &Order::group_standby},
    std::pair{"start", &Order::start},
};
constexpr std::array lists{
    std::pair{"arg", &Order::argv},
    std::pair{"env", &Order::env},
    std::pair{"private_dir", &Order::private_dirs},
    std::pair{"group_join", &Order::group_join},
};

std::string encode_file(const OrderFile& file) {
    std::string text;
    add_record(text, "path", file.path);
    add_record(text, "mode", file.mode);
    add_record(text, "content", file.content);
    return text;
}

std::string encode_task(const OrderTask& task) {
    std::string text;
    add_record(text, "rank", task.rank);
    for (const std::string& variable : task.env) {
        add_record(text, "env", variable);
    }
    for (const int core : task.cores) {
        add_record(text, "core", std::int64_t{core});
    }
    return text;
}

bool read_number(std::string_view text, std::int64_t& into) {
    const std::optional<std::int64_t> number = parse_number(text);
    into = number.value_or(0);
    return number.has_value();
}

bool read_core(std::string_view text, std::vector<int>& into) {
    constexpr std::int64_t core_max = 1 << 20;
    const std::optional<std::int64_t> number = parse_number(text);
    if (!number || *number < 0 || *number > core_max) {
        return false;
    }
    into.push_back(static_cast<int>(*number));
    return true;
}

bool read_file(std::string_view text, Order& order) {
    const auto records = parse_records(text);
    OrderFile file;
    for (const Record& record : records ? *records : std::vector<Record>{}) {
        if (record.key == "path") {
            file.path = record.value;
        } else if (record.key == "content") {
            file.content = record.value;
        } else if (record.key != "mode" || !read_number(record.value, file.mode)) {
            return false;
        }
    }
    order.files.push_back(std::move(file));
    return records.has_value();
}

bool read_task(std::string_view text, Order& order) {
    const auto records = parse_records(text);
    OrderTask task;
    for (const Record& record : records ? *records : std::vector<Record>{}) {
        if (record.key == "env") {
            task.env.emplace_back(record.value);
        } else if (record.key == "core") {
            if (!read_core(record.value, task.cores)) {
                return false;
            }
        } else if (record.key != "rank" || !read_number(record.value, task.rank)) {
            return false;
        }
    }
    order.tasks.push_back(std::move(task));
    return records.has_value();
}

bool read_special(const Record& record, Order& order) {
    if (record.key == "file") {
        return read_file(record.value, order);
    }
    if (record.key == "task") {
        return read_task(record.value, order);
    }
    if (record.key == "core") {
        return read_core(record.value, order.cores);
    }
    if (record.key == "group") {
        order.groups.push_back(0);
        return read_number(record.value, order.groups.back());
    }
    return false;
}

bool read_record(const Record& record, Order& order) {
    for (const auto& [key, member] : lists) {
        if (record.key == key) {
            (order.*member).emplace_back(record.value);
            return true;
        }
    }
    for (const auto& [key, member] : numbers) {
        if (record.key == key) {
            return read_number(record.value, order.*member);
        }
    }
    for (const auto& [key, member] : texts) {
        if (record.key == key) {
            order.*member = record.value;
            return true;
        }
    }
    return read_special(record, order);
}

}  // namespace

std::string encode_order(const ShepherdOrder& order) {
    std::string text;
    for (const auto& [key, member] : numbers) {
        add_record(text, key, order.*member);
    }
    for (const auto& [key, member] : texts) {
        add_record(text, key, order.*member);
    }
    for (const auto& [key, member] : lists) {
        for (const std::string& value : order.*member) {
            add_record(text, key, value);
        }
    }
    for (const OrderFile& file : order.files) {
        add_record(text, "file", encode_file(file));
    }
    for (const OrderTask& task : order.tasks) {
        add_record(text, "task", encode_task(task));
    }
    for (const int core : order.cores) {
        add_record(text, "core", std::int64_t{core});
    }
    for (const std::int64_t group : order.groups) {
        add_record(text, "group", group);
    }
    return text;
}

std::optional<ShepherdOrder> decode_order(std::string_view text) {
    const auto records = parse_records(text);
    if (!records) {
        return std::nullopt;
    }
    ShepherdOrder order;
    for (const Record& record : *records) {
        if (!read_record(record, order)) {
            return std::nullopt;
        }
    }
    return order;
}

std::string attempt_name(std::int64_t job, std::int64_t attempt) {
    return std::to_string(job) + "." + std::to_string(attempt);
}

}  // namespace khu::agent
