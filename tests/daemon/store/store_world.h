#pragma once

/// \file
/// A directory of a test's own, and batches as the engine makes them: facts without gaps, entries
/// of a real ledger, usage rows of real bills.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/ledger/ledger.h"
#include "core/ledger/usage.h"
#include "daemon/store/store.h"

namespace khu::daemon {

/// Made in the system's temporary directory, removed with all it holds.
class TempDir {
public:
    TempDir() {
        std::string name = std::filesystem::temp_directory_path() / "khu-store-XXXXXX";
        KHU_CHECK(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

inline const ZoneId the_zone{"dn-cvpm2"};
inline constexpr Moment morning{1'772'413'200'000};

inline StoreOptions options_of(const std::string& directory) {
    return StoreOptions{.directory = directory, .zone = the_zone};
}

/// The code of the refusal, for EXPECT_EQ.
template <class T>
Code code_of(const Expected<T, Refusal>& answer) {
    KHU_CHECK(!answer.has_value());
    return answer.error().code;
}

template <class T>
std::string words_of(const Expected<T, Refusal>& answer) {
    return answer ? std::string("no refusal") : text(answer.error(), Language::English);
}

inline std::unique_ptr<Store> must_open(const std::string& directory) {
    Expected<std::unique_ptr<Store>, Refusal> store = open_store(options_of(directory));
    KHU_CHECK(store.has_value(), "{}", words_of(store));
    return std::move(store).value();
}

/// The json of fact `seq`, so that a test can tell that it came back as it was.
inline std::string json_of_fact(std::uint64_t seq) {
    return "{\"fact\":" + std::to_string(seq) + ",\"pad\":\"" + std::string(seq % 300, 'x') + "\"}";
}

inline StoredFact fact(std::uint64_t seq) {
    return StoredFact{.seq = EventSeq{seq},
                      .at = morning + seconds(static_cast<std::int64_t>(seq)),
                      .json = json_of_fact(seq)};
}

inline Batch facts(std::uint64_t first, std::uint64_t last) {
    Batch batch;
    for (std::uint64_t seq = first; seq <= last; ++seq) {
        batch.facts.push_back(fact(seq));
    }
    return batch;
}

/// A zone's books: each call runs one job from hold to settlement.
class Books {
public:
    Books() {
        opened_ = ledger_.open(GrantOffer{.id = GrantId{"g"},
                                          .enterprise = EnterpriseId{"0401000001"},
                                          .programme = ProgrammeId{"kn-80"},
                                          .amount = gpu_hours(1'000'000),
                                          .from = morning,
                                          .to = morning + days(365)},
                               morning, PolicyId{"p"});
    }

    /// Adds the entries and the usage row of job `number`, which ran an hour on a reference GPU.
    void run_job(Batch& batch, std::uint64_t number) {
        append(batch, std::exchange(opened_, {}));
        const AttemptKey key{JobId{number}, AttemptNumber{1}};
        const UsageContext context{.zone = the_zone,
                                   .enterprise = EnterpriseId{"0401000001"},
                                   .key = key,
                                   .job_name = "train",
                                   .partition = PartitionId{"gpu"},
                                   .programme = ProgrammeId{"kn-80"},
                                   .qos = QosId{"thuong"},
                                   .terms = {.billable_milli = 1000,
                                             .rate_vnd_per_gpuh = 27'000,
                                             .payers = {{PayerKind::Zone, FunderId{"z"}, 1000}}},
                                   .policy = PolicyId{"p"}};
        const Atoms need = hold_for(context.terms, hours(2));
        const auto plan = ledger_.can_hold(context.enterprise, context.programme, need, morning);
        append(batch, ledger_.hold(key, plan.value(), morning, context.policy));
        const AttemptEnd end{.taken_at = morning,
                             .released_at = morning + hours(1),
                             .cause = EndCause::Completed,
                             .exit_code = 0,
                             .held = need};
        const SliceBill slice = bill(context.terms, end, 420).front();
        const auto settled = ledger_.settle(
            key, settle_input(slice, context.partition, context.qos), end.released_at, {});
        append(batch, settled);
        batch.usage.push_back(usage_row(context, end, slice, settled));
    }

private:
    static void append(Batch& batch, const std::vector<Entry>& entries) {
        batch.entries.insert(batch.entries.end(), entries.begin(), entries.end());
    }

    Ledger ledger_;
    std::vector<Entry> opened_;
};

/// Everything a store gives back at a restart.
struct Memory {
    std::vector<std::string> chunks;
    std::vector<StoredFact> facts;
    Recovered recovered;
};

inline Expected<Memory, Refusal> remember(Store& store) {
    Memory memory;
    const Expected<Recovered, Refusal> recovered = store.recover(
        {.snapshot_chunk = [&](EventSeq, const std::string& c) { memory.chunks.push_back(c); },
         .fact = [&](const StoredFact& f) { memory.facts.push_back(f); }});
    if (!recovered) {
        return Unexpected{recovered.error()};
    }
    memory.recovered = *recovered;
    return memory;
}

}  // namespace khu::daemon
