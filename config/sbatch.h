#pragma once

/// \file
/// Inside the script header: what Slurm's options of sbatch mean here. Those that count tasks, GPUs
/// or memory in another way (per job, per CPU, per GPU) are kept until the last line and then
/// turned into what a node gets.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/script_header.h"

namespace khu::config {

enum class SbatchTakes { Value, Nothing, Perhaps };

struct SbatchOption {
    std::string_view name;
    char letter{0};
    SbatchTakes takes{SbatchTakes::Value};
};

/// Null if sbatch has no such option.
const SbatchOption* find_sbatch_option(std::string_view name);
const SbatchOption* find_sbatch_option(char letter);
/// The nearest name; empty if none is near.
std::string nearest_sbatch_option(std::string_view name);

class SbatchReader {
public:
    /// One option as written on `place.line`.
    void take(const SbatchOption& option, const std::string& value, Place place);
    /// After the last: the options of khu, and what is not honoured.
    void finish();

    std::vector<JobOption> options;
    std::vector<NotHonoured> not_honoured;

private:
    struct Kept {
        std::int64_t count{0};
        std::string text;  ///< as written, for the list of what is not honoured
        Place place;
        std::string model;
    };

    void add(std::string name, std::string value, Place place);
    void drop(Place place, std::string text, std::string why_en, std::string why_vi);
    bool take_plain(const SbatchOption& option, const std::string& value, Place place);
    bool take_rules(const SbatchOption& option, const std::string& value, Place place);
    void take_dependencies(const std::string& value, Place place);
    bool take_shape(const SbatchOption& option, const std::string& value, Place place);
    void take_mem(const std::string& value, Place place);
    void take_gres(const SbatchOption& option, const std::string& value, Place place);
    void take_gpus(const SbatchOption& option, const std::string& value, Place place,
                   std::optional<Kept>& into);
    std::optional<Kept> counted(const SbatchOption& option, const std::string& value, Place place);
    std::optional<Kept> sized(const SbatchOption& option, const std::string& value, Place place);
    void finish_tasks();
    void finish_gpus();
    void finish_memory();
    void set_gpus(std::int64_t per_node, const Kept& kept);

    std::int64_t nodes_{1};
    std::int64_t tasks_per_node_{1};
    std::int64_t cores_per_task_{1};
    std::int64_t gpus_per_node_{0};
    bool has_tasks_per_node_{false};
    std::optional<Kept> tasks_, gpus_, gpus_per_task_, mem_per_cpu_, mem_per_gpu_;
};

}  // namespace khu::config
