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

/// What a name should be the name of, and the map of the policy that has these names.
struct Kind {
    const char* map;
    const char* en;
    const char* vi;
};
inline constexpr Kind kAPartition{"partitions", "a partition", "phân vùng"};
inline constexpr Kind kAQos{"qos", "a QOS", "QOS"};
inline constexpr Kind kAFunder{"funders", "a funder", "bên tài trợ"};
inline constexpr Kind kAProgramme{"programmes", "a programme", "chương trình"};
inline constexpr Kind kAnEnterprise{"enterprises", "an enterprise", "doanh nghiệp"};

class Findings {
public:
    /// What an error or a warning was made from, to be completed by the caller; at first it is the
    /// value at `path` and all below.
    Finding& error(std::string code, std::string path, std::string en, std::string vi) {
        return add(Severity::Error, std::move(code), std::move(path),
                   {std::move(en), std::move(vi)});
    }
    Finding& warning(std::string code, std::string path, std::string en, std::string vi) {
        return add(Severity::Warning, std::move(code), std::move(path),
                   {std::move(en), std::move(vi)});
    }
    /// P030: `name` is not one of `known`; names the nearest.
    Finding& unknown(std::string path, std::string_view name, const Kind& kind,
                     const std::vector<std::string_view>& known);

    std::vector<Finding> take() { return std::move(found_); }

private:
    Finding& add(Severity severity, std::string code, std::string path,
                 std::pair<std::string, std::string> text) {
        Finding& finding = found_.emplace_back();
        finding.looks_at = {path};
        finding.complaint = {.code = std::move(code),
                             .severity = severity,
                             .path = std::move(path),
                             .text_en = std::move(text.first),
                             .text_vi = std::move(text.second),
                             .file = {}};
        return finding;
    }
    std::vector<Finding> found_;
};

/// The finding is about passing the limit that stands at `key`, which it was made from too.
Finding& limited_by(Finding& finding, std::string key);

std::vector<Complaint> complaints_of(std::vector<Finding> findings);

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

/// The key paths from which gpus_of() and the weight of the partition's GPUs come.
std::vector<std::string> sources_of_gpus(const PartitionId& partition);

/// P042: `permille` of a split, at `path`, is more than the funder gives of any.
void review_share(const Funder& funder, int permille, const std::string& path, Findings& out);

/// GPUs of a partition: as counted, else nodes x gpus_per_node.
std::int64_t gpus_of(const Partition& partition, const ReviewContext& context);
/// Those and the MIG slices that the partition offers beside them.
std::int64_t with_slices(const Partition& partition, const ReviewContext& context);

// The groups of checks, in the order of the file.
void review_head(const Policy& policy, const ReviewContext& context, Findings& out);
void review_units(const Policy& policy, Findings& out);
void review_partitions(const Policy& policy, Findings& out);
void review_topology(const Policy& policy, Findings& out);
void review_qos(const Policy& policy, Findings& out);
void review_programmes(const Policy& policy, Findings& out);
void review_meters(const Policy& policy, Findings& out);
void review_resources(const Policy& policy, const ReviewContext& context, Findings& out);
void review_grants(const Policy& policy, const ReviewContext& context, Findings& out);
void review_promises(const Policy& policy, const ReviewContext& context, Findings& out);
void review_money(const Policy& policy, const ReviewContext& context, Findings& out);
void review_gone(const Policy& policy, const ReviewContext& context, Findings& out);
void review_later(const Policy& policy, const ReviewContext& context, Findings& out);
void review_reserved(const Policy& policy, const ReviewContext& context, Findings& out);
void review_layers(const Policy& policy, const ReviewContext& context, Findings& out);
void review_vouchers(const Policy& policy, const ReviewContext& context, Findings& out);

/// Those of `context.firm` that the policy does not have and that can be given up no more.
std::vector<Reservation> kept_windows(const Policy& policy, const ReviewContext& context);

}  // namespace khu::reviewing
