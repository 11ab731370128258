#include "agent/order_book.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "agent/output.h"
#include "agent/spool.h"
#include "wire/json.h"

namespace khu::agent {
namespace {

namespace fs = std::filesystem;

constexpr int kOutputsMax = 50'000;  // 200 bytes each: 10 MB
constexpr int kSweepEvery = 5'000;

bool put(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::trunc | std::ios::binary);
    file << text;
    return static_cast<bool>(file.flush());
}

template <class T>
std::optional<T> get(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return std::nullopt;
    }
    std::ostringstream text;
    text << file.rdbuf();
    auto value = wire::from_json_text<T>(text.str(), wire::Unknown::Ignore);
    return value ? std::optional(std::move(value).value()) : std::nullopt;
}

std::string absolute(const std::string& pattern, const StartAttempt& order,
                     const std::string& node) {
    if (pattern.empty()) {
        return {};
    }
    const std::string name = expand_output(
        pattern, {.job = static_cast<std::int64_t>(order.job.value), .node = node, .rank = 0});
    return name.starts_with('/') ? name : order.payload.chdir + "/" + name;
}

}  // namespace

Expected<OrderBook, Refusal> OrderBook::open(const std::string& directory,
                                             const std::string& node) {
    std::error_code failed;
    for (const char* kind : {"/orders", "/outputs"}) {
        fs::create_directories(directory + kind, failed);
        fs::permissions(directory + kind, fs::perms::owner_all, failed);
        if (failed) {
            return Unexpected{Refusal(Code::SpoolUnusable)
                                  .with("path", directory + kind)
                                  .with("why", failed.message())};
        }
    }
    OrderBook book(directory, node);
    book.sweep();
    return book;
}

Expected<Done, Refusal> OrderBook::write(const StartAttempt& order) {
    const AttemptKey key{order.job, order.attempt};
    const std::string output = order.payload.output.empty() ? "khu-%j.out" : order.payload.output;
    const OutputFiles files{.uid = order.payload.uid,
                            .output = absolute(output, order, node_),
                            .error = absolute(order.payload.error, order, node_)};
    if (!put(path("orders", key), wire::to_json_text(order)) ||
        !put(path("outputs", key), wire::to_json_text(files))) {
        return Unexpected{Refusal(Code::LaunchFailed)
                              .with("node", node_)
                              .with("why", "the agent's state cannot be written")};
    }
    if (++written_ % kSweepEvery == 0) {
        sweep();
    }
    return Done{};
}

std::optional<StartAttempt> OrderBook::read(AttemptKey key) const {
    return get<StartAttempt>(path("orders", key));
}

void OrderBook::forget(AttemptKey key) {
    std::error_code ignored;
    fs::remove(path("orders", key), ignored);
}

std::optional<OutputFiles> OrderBook::outputs(AttemptKey key) const {
    return get<OutputFiles>(path("outputs", key));
}

std::string OrderBook::path(const char* kind, AttemptKey key) const {
    return directory_ + "/" + kind + "/" + name_of(key);
}

/// Keeps the newest kOutputsMax; job ids rise, so the lowest are the oldest.
void OrderBook::sweep() {
    std::vector<AttemptKey> keys;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(directory_ + "/outputs", ignored)) {
        if (const std::optional<AttemptKey> key = key_of(entry.path().filename().string())) {
            keys.push_back(*key);
        }
    }
    if (keys.size() <= kOutputsMax) {
        return;
    }
    std::ranges::sort(keys);
    keys.resize(keys.size() - kOutputsMax);
    for (const AttemptKey key : keys) {
        fs::remove(path("outputs", key), ignored);
    }
}

}  // namespace khu::agent
