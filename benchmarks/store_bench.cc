/// \file
/// Commits per second of the embedded store, beside what the disk itself can do: a bare append with
/// fdatasync on a file in the same directory. The two take turns, so that a disk which other work
/// makes slow is slow for both. Facts are 200 bytes.
///
///     store_bench                            in the system's temporary directory
///     KHU_BENCH_DIR=/var/tmp store_bench     on another disk
///
/// "ratio" is the time of the bare appends divided by that of the commits: 1 means as fast as the
/// disk can promise anything.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "daemon/store/store.h"

namespace khu::daemon {
namespace {

class BenchDir {
public:
    BenchDir() {
        const char* base = ::getenv("KHU_BENCH_DIR");
        std::string name = base == nullptr ? std::filesystem::temp_directory_path().string() : base;
        name += "/khu-bench-XXXXXX";
        KHU_CHECK(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    BenchDir(const BenchDir&) = delete;
    BenchDir& operator=(const BenchDir&) = delete;
    ~BenchDir() { std::filesystem::remove_all(path_); }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

const std::string fact_json(200, 'x');

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Appends and waits for the disk: the least that durability costs.
class BareFile {
public:
    explicit BareFile(const std::string& path)
        : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)) {}
    BareFile(const BareFile&) = delete;
    BareFile& operator=(const BareFile&) = delete;
    ~BareFile() { ::close(fd_); }

    void append(const std::string& bytes) const {
        KHU_CHECK(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
        KHU_CHECK(::fdatasync(fd_) == 0);
    }

private:
    int fd_;
};

void StoreCommit(benchmark::State& state) {
    const BenchDir dir;
    const BareFile bare(dir.path() + "/bare");
    auto store = open_store({.directory = dir.path(), .zone = ZoneId{"bench"}});
    std::string bytes;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        bytes += fact_json;
    }
    std::uint64_t seq = 0;
    double bare_seconds = 0;
    double store_seconds = 0;
    for (auto _ : state) {
        const auto bare_start = std::chrono::steady_clock::now();
        bare.append(bytes);
        bare_seconds += seconds_since(bare_start);

        const auto store_start = std::chrono::steady_clock::now();
        Batch batch;
        for (std::int64_t i = 0; i < state.range(0); ++i) {
            batch.facts.push_back({.seq = EventSeq{++seq}, .at = Moment{1}, .json = fact_json});
        }
        KHU_CHECK((*store)->commit(batch).has_value());
        const double each = seconds_since(store_start);
        state.SetIterationTime(each);
        store_seconds += each;
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
    state.counters["commits_per_second"] = static_cast<double>(state.iterations()) / store_seconds;
    state.counters["bare_per_second"] = static_cast<double>(state.iterations()) / bare_seconds;
    state.counters["ratio"] = bare_seconds / store_seconds;
}

/// A restart: reading `range` facts back, checksums and all.
void Recover(benchmark::State& state) {
    const BenchDir dir;
    auto store = open_store({.directory = dir.path(), .zone = ZoneId{"bench"}});
    Batch batch;
    for (std::int64_t i = 1; i <= state.range(0); ++i) {
        batch.facts.push_back({.seq = EventSeq{static_cast<std::uint64_t>(i)}, .json = fact_json});
    }
    KHU_CHECK((*store)->commit(batch).has_value());
    std::size_t bytes = 0;
    for (auto _ : state) {
        const auto recovered =
            (*store)->recover({.snapshot_chunk = [](EventSeq, const std::string&) {},
                               .fact = [&](const StoredFact& fact) { bytes += fact.json.size(); }});
        KHU_CHECK(recovered.has_value());
    }
    benchmark::DoNotOptimize(bytes);
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(StoreCommit)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->UseManualTime();
BENCHMARK(Recover)->Arg(100'000)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace khu::daemon

BENCHMARK_MAIN();
