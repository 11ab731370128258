#include "config/sbatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/values.h"
#include "core/base/limits.h"
#include "core/base/nearest.h"

namespace khu::config {
namespace {

constexpr auto kValue = SbatchTakes::Value;
constexpr auto kFlag = SbatchTakes::Nothing;
constexpr auto kPerhaps = SbatchTakes::Perhaps;

/// The options of sbatch of Slurm 22.05 to 24.05, so that each is known to take a value or not.
constexpr std::array<SbatchOption, 88> known{{
    {"nodes", 'N', kValue},
    {"ntasks", 'n', kValue},
    {"ntasks-per-node", 0, kValue},
    {"cpus-per-task", 'c', kValue},
    {"gres", 0, kValue},
    {"gpus", 'G', kValue},
    {"gpus-per-node", 0, kValue},
    {"gpus-per-task", 0, kValue},
    {"mem", 0, kValue},
    {"mem-per-cpu", 0, kValue},
    {"mem-per-gpu", 0, kValue},
    {"time", 't', kValue},
    {"partition", 'p', kValue},
    {"qos", 'q', kValue},
    {"job-name", 'J', kValue},
    {"output", 'o', kValue},
    {"error", 'e', kValue},
    {"chdir", 'D', kValue},
    {"workdir", 0, kValue},
    {"requeue", 0, kFlag},
    {"no-requeue", 0, kFlag},
    {"signal", 0, kValue},
    {"hold", 'H', kFlag},
    {"begin", 'b', kValue},
    {"exclusive", 0, kPerhaps},
    {"array", 'a', kValue},
    {"dependency", 'd', kValue},
    {"account", 'A', kValue},
    {"mail-type", 0, kValue},
    {"mail-user", 0, kValue},
    {"nodelist", 'w', kValue},
    {"exclude", 'x', kValue},
    {"constraint", 'C', kValue},
    {"export", 0, kValue},
    {"export-file", 0, kValue},
    {"comment", 0, kValue},
    {"reservation", 0, kValue},
    {"licenses", 'L', kValue},
    {"threads-per-core", 0, kValue},
    {"hint", 0, kValue},
    {"distribution", 'm', kValue},
    {"open-mode", 0, kValue},
    {"get-user-env", 0, kPerhaps},
    {"parsable", 0, kFlag},
    {"wait", 'W', kFlag},
    {"uid", 0, kValue},
    {"gid", 0, kValue},
    {"switches", 0, kValue},
    {"contiguous", 0, kFlag},
    {"ntasks-per-socket", 0, kValue},
    {"ntasks-per-core", 0, kValue},
    {"ntasks-per-gpu", 0, kValue},
    {"sockets-per-node", 0, kValue},
    {"cores-per-socket", 0, kValue},
    {"cpu-freq", 0, kValue},
    {"gpu-bind", 0, kValue},
    {"gpu-freq", 0, kValue},
    {"mem-bind", 0, kValue},
    {"kill-on-invalid-dep", 0, kValue},
    {"no-kill", 'k', kPerhaps},
    {"nice", 0, kPerhaps},
    {"priority", 0, kValue},
    {"profile", 0, kValue},
    {"propagate", 0, kPerhaps},
    {"quiet", 'Q', kFlag},
    {"verbose", 'v', kFlag},
    {"tmp", 0, kValue},
    {"wckey", 0, kValue},
    {"time-min", 0, kValue},
    {"deadline", 0, kValue},
    {"immediate", 'I', kPerhaps},
    {"input", 'i', kValue},
    {"oversubscribe", 's', kFlag},
    {"overcommit", 'O', kFlag},
    {"mincpus", 0, kValue},
    {"core-spec", 'S', kValue},
    {"thread-spec", 0, kValue},
    {"spread-job", 0, kFlag},
    {"use-min-nodes", 0, kFlag},
    {"delay-boot", 0, kValue},
    {"gres-flags", 0, kValue},
    {"gpus-per-socket", 0, kValue},
    {"cpus-per-gpu", 0, kValue},
    {"clusters", 'M', kValue},
    {"extra-node-info", 'B', kValue},
    {"bb", 0, kValue},
    {"wrap", 0, kValue},
    {"prefer", 0, kValue},
}};

std::string written(std::string_view name, const std::string& value) {
    return value.empty() ? fmt::format("--{}", name) : fmt::format("--{}={}", name, value);
}

/// "gpu:h100:8", "gpu:8", "gpu", "h100:8", "8" as GPUs; the "gpu:" is gres' own.
std::optional<GpuRequest> slurm_gpus(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    const std::string_view last = text.substr(colon == std::string_view::npos ? 0 : colon + 1);
    const Value<std::int64_t> count = parse_whole(last, 1, limits::nodes_max * 16);
    const std::string_view model =
        count ? text.substr(0, colon == std::string_view::npos ? 0 : colon) : text;
    if (!model.empty() && !parse_identifier(model)) {
        return std::nullopt;
    }
    return GpuRequest{count ? static_cast<int>(*count) : 1, GpuModel(std::string(model))};
}

/// Slurm's sizes: a bare number is megabytes.
Value<Bytes> slurm_size(const std::string& text) {
    const bool bare = !text.empty() && text.back() >= '0' && text.back() <= '9';
    return parse_size(bare ? text + "M" : text);
}

}  // namespace

const SbatchOption* find_sbatch_option(std::string_view name) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const SbatchOption& option) {
        return option.name == name;
    });
    return found == known.end() ? nullptr : &*found;
}

const SbatchOption* find_sbatch_option(char letter) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const SbatchOption& option) {
        return option.letter != 0 && option.letter == letter;
    });
    return found == known.end() ? nullptr : &*found;
}

std::string nearest_sbatch_option(std::string_view name) {
    std::vector<std::string_view> names;
    for (const SbatchOption& option : known) {
        names.push_back(option.name);
    }
    return std::string(nearest(name, names).value_or(""));
}

void SbatchReader::add(std::string name, std::string value, Place place) {
    options.push_back({std::move(name), std::move(value), place});
}

void SbatchReader::drop(Place place, std::string text, std::string why_en, std::string why_vi) {
    not_honoured.push_back({place.line, std::move(text), std::move(why_en), std::move(why_vi)});
}

void SbatchReader::take(const SbatchOption& option, const std::string& value, Place place) {
    if (take_plain(option, value, place) || take_shape(option, value, place) ||
        take_rules(option, value, place)) {
        return;
    }
    const std::string text = written(option.name, value);
    if (option.name == "account") {
        drop(place, text, "the enterprise comes from your token, the programme from --programme",
             "doanh nghiệp lấy từ mã truy cập, chương trình từ --programme");
    } else {
        drop(place, text, "not honoured", "không áp dụng");
    }
}

/// Those that mean the same here under another name or the same.
bool SbatchReader::take_plain(const SbatchOption& option, const std::string& value, Place place) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 16> same{
        {{"qos", "qos"},
         {"deadline", "deadline"},
         {"array", "array"},
         {"nodelist", "include"},
         {"exclude", "exclude"},
         {"job-name", "name"},
         {"output", "output"},
         {"error", "error"},
         {"chdir", "chdir"},
         {"workdir", "chdir"},
         {"requeue", "requeue"},
         {"no-requeue", "no-requeue"},
         {"hold", "hold"},
         {"begin", "begin"},
         {"partition", "partition"},
         {"exclusive", "exclusive"}}};
    const auto found = std::find_if(same.begin(), same.end(),
                                    [&](const auto& pair) { return pair.first == option.name; });
    const bool unlimited = value == "0" || value == "UNLIMITED" || value == "INFINITE";
    if (option.name == "time" && !unlimited) {
        add("time", value, place);
    } else if (option.name == "signal") {
        const std::size_t colon = value.find(':');  // "B:" and "R:" say whom; ours goes to all.
        add("signal", value.substr(colon == std::string::npos ? 0 : colon + 1), place);
    } else if (found != same.end() && option.name == "partition") {
        add("partition", value.substr(0, value.find(',')), place);
        if (value.find(',') != std::string::npos) {
            drop(place, written("partition", value), "the first of several partitions is taken",
                 "chỉ lấy phân vùng đầu tiên");
        }
    } else if (found != same.end() && option.name == "exclusive" && !value.empty()) {
        return false;  // exclusive=user and the like are of shared nodes.
    } else if (found != same.end()) {
        add(std::string(found->second), value, place);
    } else {
        return false;
    }
    return true;
}

/// Those that say after which jobs, on what kind of nodes, and with which licences.
bool SbatchReader::take_rules(const SbatchOption& option, const std::string& value, Place place) {
    if (option.name == "dependency") {
        take_dependencies(value, place);
    } else if (option.name == "constraint" && value.find_first_of("|*[]()!") == std::string::npos) {
        std::string features = value;
        std::ranges::replace(features, '&', ',');
        add("features", features, place);
    } else if (option.name == "licenses" && value.find_first_of("|@") == std::string::npos) {
        std::string resources = value;  // "name:2", in newer ones "name=2"
        std::ranges::replace(resources, ':', '=');
        add("resource", resources, place);
    } else {
        return false;
    }
    return true;
}

/// "afterok:12:13,singleton": all of them; Slurm's "?" (any of them) is not honoured.
void SbatchReader::take_dependencies(const std::string& value, Place place) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kinds{
        {{"after", "after-start"},
         {"afterany", "after-any"},
         {"afterok", "after"},
         {"afternotok", "after-notok"}}};
    std::string rest = value;
    while (!rest.empty()) {
        const std::string item = rest.substr(0, rest.find(','));
        rest = item.size() == rest.size() ? "" : rest.substr(item.size() + 1);
        const std::string kind = item.substr(0, item.find(':'));
        const auto found = std::find_if(kinds.begin(), kinds.end(),
                                        [&](const auto& pair) { return pair.first == kind; });
        if (item == "singleton") {
            add("singleton", "", place);
        } else if (found != kinds.end() && item.size() > kind.size() + 1 &&
                   item.find_first_of("?+_") == std::string::npos) {
            std::string jobs = item.substr(kind.size() + 1);
            std::ranges::replace(jobs, ':', ',');
            add(std::string(found->second), jobs, place);
        } else {
            drop(place, written("dependency", item), "not honoured", "không áp dụng");
        }
    }
}

std::optional<SbatchReader::Kept> SbatchReader::counted(const SbatchOption& option,
                                                        const std::string& value, Place place) {
    const Value<std::int64_t> count = parse_whole(value, 1, 10'000'000);
    if (!count) {
        drop(place, written(option.name, value), count.error().why_en, count.error().why_vi);
        return std::nullopt;
    }
    return Kept{*count, written(option.name, value), place, {}};
}

std::optional<SbatchReader::Kept> SbatchReader::sized(const SbatchOption& option,
                                                      const std::string& value, Place place) {
    const Value<Bytes> size = slurm_size(value);
    if (!size || *size > limits::mem_per_node_max) {
        drop(place, written(option.name, value), "not a size", "không phải kích thước");
        return std::nullopt;
    }
    return Kept{size->value, written(option.name, value), place, {}};
}

/// Those that count nodes, tasks, cores, GPUs or memory.
bool SbatchReader::take_shape(const SbatchOption& option, const std::string& value, Place place) {
    if (option.name == "nodes") {
        const std::string least = value.substr(0, value.find('-'));
        if (const auto kept = counted(option, least, place)) {
            nodes_ = kept->count;
            add("nodes", least, place);
        }
        if (least != value) {
            drop(place, written("nodes", value), "of a range the least is taken",
                 "trong một khoảng chỉ lấy số nhỏ nhất");
        }
    } else if (option.name == "ntasks-per-node") {
        if (const auto kept = counted(option, value, place)) {
            tasks_per_node_ = kept->count;
            has_tasks_per_node_ = true;
            add("tasks-per-node", value, place);
        }
    } else if (option.name == "cpus-per-task") {
        if (const auto kept = counted(option, value, place)) {
            cores_per_task_ = kept->count;
            add("cores-per-task", value, place);
        }
    } else if (option.name == "ntasks") {
        tasks_ = counted(option, value, place);
    } else if (option.name == "gpus-per-task") {
        take_gpus(option, value, place, gpus_per_task_);
    } else if (option.name == "gpus") {
        take_gpus(option, value, place, gpus_);
    } else if (option.name == "gpus-per-node" || option.name == "gres") {
        take_gres(option, value, place);
    } else if (option.name == "mem") {
        take_mem(value, place);
    } else if (option.name == "mem-per-cpu") {
        mem_per_cpu_ = sized(option, value, place);
    } else if (option.name == "mem-per-gpu") {
        mem_per_gpu_ = sized(option, value, place);
    } else {
        return false;
    }
    return true;
}

void SbatchReader::take_gpus(const SbatchOption& option, const std::string& value, Place place,
                             std::optional<Kept>& into) {
    const std::optional<GpuRequest> gpus = slurm_gpus(value);
    if (gpus) {
        into = Kept{gpus->count, written(option.name, value), place, gpus->model.value};
    } else {
        drop(place, written(option.name, value), "not a number of GPUs", "không phải số GPU");
    }
}

/// "gpu:8", "gpu:h100:8", "gpu"; of several kinds only GPUs are honoured.
void SbatchReader::take_gres(const SbatchOption& option, const std::string& value, Place place) {
    const bool gres = option.name == "gres";
    std::string rest = value;
    while (!rest.empty()) {
        const std::string item = rest.substr(0, rest.find(','));
        rest = item.size() == rest.size() ? "" : rest.substr(item.size() + 1);
        const bool is_gpu = !gres || item == "gpu" || item.substr(0, 4) == "gpu:";
        const std::string_view count = item == "gpu" ? "1" : std::string_view(item);
        const auto gpus =
            is_gpu ? slurm_gpus(count.substr(gres && item != "gpu" ? 4 : 0)) : std::nullopt;
        if (gpus) {
            set_gpus(gpus->count, Kept{0, {}, place, gpus->model.value});
        } else {
            drop(place, written(option.name, item), "only GPUs are given out this way",
                 "chỉ cấp GPU theo cách này");
        }
    }
}

void SbatchReader::take_mem(const std::string& value, Place place) {
    const Value<Bytes> size = slurm_size(value);
    if (size) {
        add("mem", value.back() >= '0' && value.back() <= '9' ? value + "M" : value, place);
    } else if (value == "0") {
        drop(place, "--mem=0", "say how much, or --exclusive for the whole node",
             "hãy ghi dung lượng, hoặc --exclusive để lấy cả nút");
    } else {
        drop(place, written("mem", value), size.error().why_en, size.error().why_vi);
    }
}

void SbatchReader::set_gpus(std::int64_t per_node, const Kept& kept) {
    gpus_per_node_ = per_node;
    add("gpus-per-node",
        kept.model.empty() ? fmt::format("{}", per_node)
                           : fmt::format("{}:{}", per_node, kept.model),
        kept.place);
}

void SbatchReader::finish_tasks() {
    if (!tasks_ || has_tasks_per_node_) {
        return;
    }
    if (tasks_->count % nodes_ != 0) {
        drop(tasks_->place, tasks_->text, "does not divide by --nodes; use --ntasks-per-node",
             "không chia hết cho --nodes; hãy dùng --ntasks-per-node");
        return;
    }
    tasks_per_node_ = tasks_->count / nodes_;
    add("tasks-per-node", fmt::format("{}", tasks_per_node_), tasks_->place);
}

void SbatchReader::finish_gpus() {
    if (gpus_ && gpus_->count % nodes_ != 0) {
        drop(gpus_->place, gpus_->text, "does not divide by --nodes; use --gpus-per-node",
             "không chia hết cho --nodes; hãy dùng --gpus-per-node");
    } else if (gpus_) {
        set_gpus(gpus_->count / nodes_, *gpus_);
    }
    if (gpus_per_task_) {
        set_gpus(gpus_per_task_->count * tasks_per_node_, *gpus_per_task_);
    }
}

void SbatchReader::finish_memory() {
    const auto set = [&](const Kept& per_one, std::int64_t times) {
        std::int64_t bytes = 0;
        const bool over = __builtin_mul_overflow(per_one.count, times, &bytes) ||
                          bytes > limits::mem_per_node_max.value;
        if (times == 0 || over) {
            drop(per_one.place, per_one.text, "use --mem for the memory of a node",
                 "hãy dùng --mem cho bộ nhớ của một nút");
        } else {
            add("mem", fmt::format("{}K", (bytes + 1023) / 1024), per_one.place);
        }
    };
    if (mem_per_cpu_) {
        set(*mem_per_cpu_, cores_per_task_ * tasks_per_node_);
    }
    if (mem_per_gpu_) {
        set(*mem_per_gpu_, gpus_per_node_);
    }
}

void SbatchReader::finish() {
    finish_tasks();
    finish_gpus();
    finish_memory();
}

}  // namespace khu::config
