#include "cli/plan/outcome.h"

#include <fmt/format.h>

namespace khu::cli {

std::string format_milli(std::int64_t thousandths) {
    return fmt::format("{}.{:03}", thousandths / 1000, thousandths % 1000);
}

std::string_view hours_key(Counted counted) {
    switch (counted) {
        case Counted::Gpus:
            return "gpu_hours";
        case Counted::Nodes:
            return "node_hours";
        case Counted::Cores:
            return "core_hours";
    }
    return "gpu_hours";
}

}  // namespace khu::cli
