#pragma once

/// \file
/// Inside review: the collector of complaints, and the few sentences that many checks share.

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/policy/complaint.h"
#include "core/policy/policy.h"
#include "core/policy/review.h"

namespace khu::reviewing {

class Findings {
public:
    void error(std::string code, std::string path, std::string en, std::string vi) {
        add(Severity::Error, std::move(code), std::move(path), std::move(en), std::move(vi));
    }
    void warning(std::string code, std::string path, std::string en, std::string vi) {
        add(Severity::Warning, std::move(code), std::move(path), std::move(en), std::move(vi));
    }
    /// P030: `name` is not one of `known`; names the nearest.
    void unknown(std::string path, std::string_view name, std::string_view what_en,
                 std::string_view what_vi, const std::vector<std::string_view>& known);

    std::vector<Complaint> take() { return std::move(complaints_); }

private:
    void add(Severity severity, std::string code, std::string path, std::string en,
             std::string vi) {
        complaints_.push_back(
            {std::move(code), severity, std::move(path), std::move(en), std::move(vi), {}, 0, 0});
    }
    std::vector<Complaint> complaints_;
};

__extension__ using Wide = __int128;

/// Ids of `rows`, for unknown().
template <class Row>
std::vector<std::string_view> ids_of(const std::vector<Row>& rows) {
    std::vector<std::string_view> ids;
    for (const Row& row : rows) {
        ids.push_back(row.id.value);
    }
    return ids;
}

/// GPUs of a partition: as counted, else nodes x gpus_per_node.
std::int64_t gpus_of(const Partition& partition, const ReviewContext& context);

// The groups of checks, in the order of the file.
void review_head(const Policy& policy, const ReviewContext& context, Findings& out);
void review_units(const Policy& policy, Findings& out);
void review_partitions(const Policy& policy, Findings& out);
void review_qos(const Policy& policy, Findings& out);
void review_programmes(const Policy& policy, Findings& out);
void review_grants(const Policy& policy, const ReviewContext& context, Findings& out);
void review_promises(const Policy& policy, const ReviewContext& context, Findings& out);
void review_gone(const Policy& policy, const ReviewContext& context, Findings& out);
void review_later(const Policy& policy, const ReviewContext& context, Findings& out);

}  // namespace khu::reviewing
