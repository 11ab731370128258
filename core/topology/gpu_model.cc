#include "core/topology/gpu_model.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <vector>

namespace khu {
namespace {

/// Models that are sold with two sizes of memory: the smaller one has the bare name.
struct TwoSizes {
    std::string_view model;
    std::int64_t small_gb;
    std::int64_t large_gb;
};
constexpr std::array<TwoSizes, 2> kTwoSizes{{
    {"a100", 40, 80},
    {"v100", 16, 32},
}};

/// Words that say who made it, what family it is of, or how it is built in; never which model.
constexpr std::array<std::string_view, 24> kNoise{
    "nvidia",  "amd",  "intel",  "ati",  "tesla",       "quadro",   "instinct", "radeon",
    "geforce", "data", "center", "gpu",  "accelerator", "graphics", "inc",      "corporation",
    "pcie",    "sxm",  "sxm2",   "sxm3", "sxm4",        "sxm5",     "nvl",      "hbm3"};

bool is_noise(std::string_view word) {
    return std::ranges::find(kNoise, word) != kNoise.end() || word.starts_with("hbm");
}

/// PCI's lists write the chip and then its name in brackets: "GV100GL [Tesla V100 SXM2 16GB]".
std::string_view marketing_name(std::string_view product) {
    const std::size_t open = product.find('[');
    const std::size_t close = product.find(']', open);
    return open == std::string_view::npos || close == std::string_view::npos
               ? product
               : product.substr(open + 1, close - open - 1);
}

std::vector<std::string> words_of(std::string_view product) {
    std::vector<std::string> words(1);
    for (const char c : product) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        } else if (!words.back().empty()) {
            words.emplace_back();
        }
    }
    std::erase_if(words, [](const std::string& word) { return word.empty(); });
    return words;
}

/// "80gb" -> 80.
std::optional<std::int64_t> gigabytes(std::string_view word) {
    if (!word.ends_with("gb") && !word.ends_with("gib")) {
        return std::nullopt;
    }
    std::int64_t number = 0;
    for (const char c : word.substr(0, word.find('g'))) {
        if (std::isdigit(static_cast<unsigned char>(c)) == 0 || number > 100'000) {
            return std::nullopt;
        }
        number = number * 10 + (c - '0');
    }
    return number;
}

/// "a100", "mi250x", "t4", "gh200": letters, then digits.
bool names_a_model(std::string_view word) {
    const bool letter_first = std::isalpha(static_cast<unsigned char>(word.front())) != 0;
    return letter_first &&
           std::ranges::any_of(word, [](unsigned char c) { return std::isdigit(c); });
}

std::string join(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) {
        out += out.empty() ? word : "-" + word;
    }
    return out;
}

std::string with_memory(const std::string& model, std::int64_t gb) {
    for (const TwoSizes& two : kTwoSizes) {
        // Devices report a little less or more than what is on the label.
        if (model == two.model && gb > (two.small_gb + two.large_gb) / 2) {
            return model + "-" + std::to_string(two.large_gb);
        }
    }
    return model;
}

}  // namespace

GpuModel normalise_gpu_model(std::string_view product, Bytes memory) {
    std::vector<std::string> words = words_of(marketing_name(product));
    std::int64_t gb = memory.value / 1'000'000'000;
    std::vector<std::string> kept;
    for (const std::string& word : words) {
        if (const std::optional<std::int64_t> said = gigabytes(word)) {
            gb = *said;
        } else if (!is_noise(word)) {
            kept.push_back(word);
        }
    }
    const auto model = std::ranges::find_if(kept, names_a_model);
    const bool first_word = model == kept.begin();  // "h100", not "rtx 4090" or "gtx 1070"
    if (model != kept.end() && first_word) {
        return GpuModel{with_memory(*model, gb)};
    }
    if (!kept.empty()) {
        return GpuModel{join(kept)};
    }
    return GpuModel{words.empty() ? std::string("unknown") : join(words)};
}

GpuModel slice_model(const GpuModel& gpu, std::string_view profile) {
    std::string name = gpu.value.str() + "-";
    for (const char c : profile) {
        const auto letter = static_cast<unsigned char>(c);
        name += std::isalnum(letter) == 0 ? '-' : static_cast<char>(std::tolower(letter));
    }
    return GpuModel{std::move(name)};
}

bool is_slice_model(const GpuModel& model) {
    const std::vector<std::string> words = words_of(model.value);
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const std::string& part = words[i];
        const bool compute = part.size() > 1 && part.back() == 'g' &&
                             part.find_first_not_of("0123456789") == part.size() - 1;
        if (compute && gigabytes(words[i + 1])) {
            return true;
        }
    }
    return false;
}

}  // namespace khu
