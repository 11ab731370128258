// Runs a fuzz target without libFuzzer: over every file of the folders given, over each file cut
// short at every length (the first 4 KB), and over seeded changes of it. The seed is printed; the
// same one gives the same inputs.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::uint64_t seed = 20260401;
constexpr std::size_t cut_bytes_max = 4096;
constexpr int changes_per_file = 2000;

std::int64_t inputs = 0;

void run(const std::string& bytes) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ++inputs;
}

std::string changed(std::string bytes, khu::Random& random) {
    const std::uint64_t edits = 1 + random.below(4);
    for (std::uint64_t edit = 0; edit < edits; ++edit) {
        const std::size_t at = random.below(bytes.size() + 1);
        switch (random.below(4)) {
            case 0:
                bytes.insert(at, 1, char(random.below(256)));
                break;
            case 1:
                bytes.insert(at, bytes.substr(at / 2, random.below(16)));
                break;
            case 2:
                bytes.erase(at, 1 + random.below(8));
                break;
            case 3:
                if (at < bytes.size()) {
                    bytes[at] = char(random.below(256));
                }
                break;
        }
    }
    return bytes;
}

void run_all_of(const std::filesystem::path& file, khu::Random& random) {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    for (std::size_t size = 0; size < std::min(bytes.size(), cut_bytes_max); ++size) {
        run(bytes.substr(0, size));
    }
    run(bytes);
    for (int change = 0; change < changes_per_file; ++change) {
        run(changed(bytes, random));
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < argc; ++i) {
        for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    khu::Random random(seed);
    for (const std::filesystem::path& file : files) {
        run_all_of(file, random);
    }
    std::printf("%zu files, %lld inputs, seed %llu\n", files.size(), (long long)inputs,
                (unsigned long long)seed);
    return files.empty() ? 1 : 0;
}
