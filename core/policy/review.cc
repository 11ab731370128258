#include "core/policy/review.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/base/limits.h"
#include "core/base/nearest.h"
#include "core/policy/findings.h"
#include "core/policy/hostlist.h"
#include "core/policy/schema.h"
#include "core/topology/gpu_model.h"

namespace khu {
namespace reviewing {

Finding& Findings::unknown(std::string path, std::string_view name, const Kind& kind,
                           const std::vector<std::string_view>& known) {
    std::string en = fmt::format("'{}' is not {}", name, kind.en);
    std::string vi = fmt::format("'{}' không phải là {}", name, kind.vi);
    if (const auto near = nearest(name, known)) {
        en += fmt::format("; did you mean '{}'?", *near);
        vi += fmt::format("; có phải bạn muốn '{}'?", *near);
    }
    Finding& finding = error("P030", std::move(path), std::move(en), std::move(vi));
    finding.names_from = {kind.map};
    return finding;
}

std::vector<std::string> sources_of_gpus(const PartitionId& partition) {
    const std::string at = "partitions." + partition.value;
    return {at + ".nodes", at + ".gpu", at + ".gpus_per_node", at + ".slices"};
}

std::int64_t gpus_of(const Partition& partition, const ReviewContext& context) {
    const auto counted = context.installed_gpus.find(partition.id);
    return counted != context.installed_gpus.end()
               ? counted->second
               : static_cast<std::int64_t>(partition.nodes.size()) * partition.gpus_per_node;
}

std::int64_t with_slices(const Partition& partition, const ReviewContext& context) {
    const std::int64_t slices = gpus_on_node(partition) - partition.gpus_per_node;
    return gpus_of(partition, context) + static_cast<std::int64_t>(partition.nodes.size()) * slices;
}

Finding& limited_by(Finding& finding, std::string key) {
    finding.looks_at.push_back(key);
    finding.complaint.limit_key = std::move(key);
    return finding;
}

std::vector<Complaint> complaints_of(std::vector<Finding> findings) {
    std::vector<Complaint> complaints;
    for (Finding& finding : findings) {
        complaints.push_back(std::move(finding.complaint));
    }
    return complaints;
}

namespace {

void review_order(const Policy& policy, const ReviewContext& context, Findings& out) {
    const Policy& running = *context.running;
    if (policy.supersedes != running.id) {
        out.error("P020", "policy.supersedes",
                  fmt::format("the policy in force is {}; somebody applied one in between, or this "
                              "key is out of date",
                              running.id.value),
                  fmt::format("chính sách hiện hành là {}; có người đã áp dụng bản khác, hoặc mục "
                              "này đã cũ",
                              running.id.value));
    }
    const bool past = context.now != Moment{} && policy.effective_from <= context.now;
    if (past || policy.effective_from <= running.effective_from) {
        const std::string least =
            format_local(std::max(context.now, running.effective_from), policy.utc_offset_minutes);
        out.error("P021", "policy.effective_from",
                  fmt::format("must be later than {}; for the past use adjustments", least),
                  fmt::format("phải sau {}; với quá khứ hãy dùng bút toán điều chỉnh", least));
    }
    if (policy.zone.id != running.zone.id) {
        out.error(
            "P030", "zone.id",
            fmt::format("this zone is {}, not {}", running.zone.id.value, policy.zone.id.value),
            fmt::format("khu này là {}, không phải {}", running.zone.id.value,
                        policy.zone.id.value));
    }
}

bool id_was_used(const Policy& policy, const ReviewContext& context) {
    const bool by_running = context.running != nullptr && context.running->id == policy.id;
    return by_running || std::find(context.used_ids.begin(), context.used_ids.end(), policy.id) !=
                             context.used_ids.end();
}

}  // namespace

void review_head(const Policy& policy, const ReviewContext& context, Findings& out) {
    const Currency& money = policy.money;
    if (money.currency != "VND" || money.ledger_scale != 3 || money.statement_scale != 0) {
        const std::string key = money.currency != "VND"   ? "currency"
                                : money.ledger_scale != 3 ? "ledger_scale"
                                                          : "statement_scale";
        out.error("P016", "policy.money." + key,
                  "only VND with ledger_scale 3 and statement_scale 0 is kept",
                  "chỉ hỗ trợ VND với ledger_scale 3 và statement_scale 0");
    }
    if (context.running != nullptr && !is_start_policy(*context.running)) {
        review_order(policy, context, out);
    }
    if (id_was_used(policy, context)) {
        out.error("P022", "policy.id",
                  fmt::format("{} was used already; policy ids are never reused", policy.id.value),
                  fmt::format("{} đã được dùng; mã chính sách không dùng lại", policy.id.value));
    }
}

void review_units(const Policy& policy, Findings& out) {
    for (const Weight& weight : policy.weights) {
        if (weight.milli < 1 || weight.milli > 1'000'000) {
            out.error("P032", "units.weights_milli." + weight.model.value,
                      fmt::format("weight {} is out of range, 1 to 1000000", weight.milli),
                      fmt::format("trọng số {} ngoài phạm vi 1 đến 1000000", weight.milli));
        }
    }
    const std::optional<int> reference = weight_milli(policy, policy.reference_gpu);
    if (reference != 1000) {
        out.error("P032", "units.reference_gpu",
                  fmt::format("{} is the reference, so weights_milli must give it 1000",
                              policy.reference_gpu.value),
                  fmt::format("{} là GPU chuẩn nên weights_milli phải ghi 1000",
                              policy.reference_gpu.value))
            .looks_at = {"units.reference_gpu", "units.weights_milli"};
    }
    const auto day = [&](Moment at) {
        return schema::write(schema::Day{}, at, {policy.utc_offset_minutes});
    };
    std::map<Moment, int> seen;
    for (const Price& price : policy.price_list) {
        if (++seen[price.from_day] > 1) {
            out.error("P033", "units.price_list." + day(price.from_day),
                      fmt::format("two prices begin on {}", day(price.from_day)),
                      fmt::format("có hai giá cùng bắt đầu ngày {}", day(price.from_day)))
                .looks_at = {"units.price_list"};
        }
    }
    if (!rate_vnd_per_gpuh(policy, policy.effective_from)) {
        out.error("P033", "units.price_list",
                  fmt::format("no price on {}, when the policy takes effect",
                              day(policy.effective_from)),
                  fmt::format("không có giá vào ngày {}, khi chính sách có hiệu lực",
                              day(policy.effective_from)))
            .looks_at = {"units.price_list", "policy.effective_from", "policy.utc_offset"};
    }
}

namespace {

void need_weight(const Policy& policy, const GpuModel& model, std::string path, Findings& out) {
    if (!model.empty() && !weight_milli(policy, model)) {
        std::vector<std::string_view> known;
        for (const Weight& weight : policy.weights) {
            known.push_back(weight.model.value);
        }
        const auto near = nearest(model.value, known);
        out.error("P032", std::move(path),
                  fmt::format("units.weights_milli gives no weight to {}{}", model.value,
                              near ? fmt::format("; did you mean '{}'?", *near) : ""),
                  fmt::format("units.weights_milli không có trọng số cho {}{}", model.value,
                              near ? fmt::format("; có phải bạn muốn '{}'?", *near) : ""))
            .names_from = {"units.weights_milli"};
    }
}

/// The most that one job on the whole partition could be charged, in atoms; P052. What could not be
/// read counts as nothing, so an amount that is too large is so in any case.
Wide largest_charge(const Policy& policy, const Partition& partition) {
    Wide billable = 0;
    if (partition.gpu.empty()) {
        const Wide cores = Wide{limits::cores_per_node_max} *
                           weight_milli(policy, partition.share.core).value_or(0);
        const Wide memory = Wide{limits::mem_per_node_max.value >> 30} *
                            weight_milli(policy, partition.share.mem).value_or(0);
        billable = std::max(cores, memory);
    } else {
        billable = node_weight_milli(policy, partition);
    }
    int factor = 1000;
    for (const Qos& qos : policy.qos) {
        factor = std::max(factor, qos.factor_permille);
    }
    return billable * static_cast<Wide>(partition.nodes.size()) *
           whole_seconds_up(partition.time_limit.max) * factor;
}

/// A slice is a model of its own beside the partition's GPUs; a node has no end of neither.
void review_slices(const Policy& policy, const Partition& partition, Findings& out) {
    const std::string at = "partitions." + partition.id.value;
    for (const SliceRule& rule : partition.slices) {
        const std::string path = at + ".slices." + rule.id.value;
        if (!is_slice_model(rule.id) || rule.id == partition.gpu) {
            out.error("P030", path,
                      fmt::format("'{}' is not a model of MIG slices beside gpu; "
                                  "those are named as h100-1g-10gb",
                                  rule.id.value),
                      fmt::format("'{}' không phải là mẫu lát MIG bên cạnh gpu; "
                                  "tên có dạng h100-1g-10gb",
                                  rule.id.value))
                .looks_at = {path, at + ".gpu"};
        }
        need_weight(policy, rule.id, path, out);
    }
    const auto too_many = [&](const std::string& path, std::int64_t count, std::int64_t most) {
        if (count > most) {
            out.error("P011", path, fmt::format("a node has {} GPUs, {} at most", count, most),
                      fmt::format("một nút có {} GPU, tối đa {}", count, most))
                .looks_at = {at + ".gpu", at + ".gpus_per_node", at + ".slices"};
        }
    };
    if (!is_slice_model(partition.gpu)) {
        too_many(at + ".gpus_per_node", partition.gpus_per_node, limits::boards_per_node_max);
    }
    if (!partition.slices.empty()) {
        too_many(at + ".slices", gpus_on_node(partition), limits::gpus_per_node_max);
    }
}

void review_partition(const Policy& policy, const Partition& partition, Findings& out) {
    const std::string at = "partitions." + partition.id.value;
    need_weight(policy, partition.gpu, at + ".gpu", out);
    review_slices(policy, partition, out);
    need_weight(policy, partition.share.core, at + ".share.core", out);
    need_weight(policy, partition.share.mem, at + ".share.mem", out);
    if (partition.gpu.empty() && partition.share.mode != ShareMode::MaxOf) {
        out.error("P004", at + ".share.mode",
                  "a partition without gpu needs share: {mode: max-of, core: ..., mem: ...}",
                  "phân vùng không có gpu cần share: {mode: max-of, core: ..., mem: ...}")
            .looks_at = {at + ".gpu", at + ".share"};
    }
    if (!partition.gpu.empty() && partition.share.mode != ShareMode::PerGpu) {
        out.error("P004", at + ".share.mode",
                  "a partition with gpu needs share: {cores_per_gpu: ..., mem_gib_per_gpu: ...}",
                  "phân vùng có gpu cần share: {cores_per_gpu: ..., mem_gib_per_gpu: ...}")
            .looks_at = {at + ".gpu", at + ".share"};
    }
    if (partition.time_limit.default_limit > partition.time_limit.max) {
        out.error("P014", at + ".time_limit.default", "the default is longer than the maximum",
                  "mặc định dài hơn tối đa")
            .looks_at = {at + ".time_limit"};
    }
    if (largest_charge(policy, partition) >= (Wide{1} << 63)) {
        out.error("P052", at + ".time_limit.max",
                  "nodes x weight x limit x factor is too large for the ledger (2^63)",
                  "nút x trọng số x thời hạn x hệ số vượt giới hạn sổ cái (2^63)");
    }
}

}  // namespace

void review_partitions(const Policy& policy, Findings& out) {
    std::map<NodeName, const Partition*> owner;
    for (const Partition& partition : policy.partitions) {
        for (const NodeName& node : partition.nodes) {
            const auto [at, fresh] = owner.emplace(node, &partition);
            if (!fresh) {
                out.error("P031", fmt::format("partitions.{}.nodes", partition.id.value),
                          fmt::format("node {} is also in {}", node.value, at->second->id.value),
                          fmt::format("nút {} cũng thuộc {}", node.value, at->second->id.value));
                break;  // One line for each pair is enough: ranges overlap by many.
            }
        }
        review_partition(policy, partition, out);
    }
}

void review_topology(const Policy& policy, Findings& out) {
    std::set<NodeName> placed;
    for (const NodePlace& row : policy.topology) {
        const std::string path =
            "topology." + compress_hostlist(row.nodes).substr(0, 60) + ".nodes";
        for (const NodeName& node : row.nodes) {
            if (!placed.insert(node).second) {
                out.error("P031", path,
                          fmt::format("node {} stands in an earlier row too", node.value),
                          fmt::format("nút {} cũng nằm ở dòng trước", node.value));
                break;
            }
        }
    }
}

void review_qos(const Policy& policy, Findings& out) {
    for (const Qos& qos : policy.qos) {
        const std::string at = "qos." + qos.id.value;
        if (is_idle_class(qos) && qos.factor_permille != 0) {
            out.error("P053", at + ".factor", "the idle class (tier 0) is free: factor must be 0%",
                      "lớp nhàn rỗi (tier 0) miễn phí: factor phải là 0%")
                .looks_at = {at + ".factor", at + ".tier"};
        }
        if (is_idle_class(qos) && qos.time_limit == Span{}) {
            out.error("P053", at, "the idle class (tier 0) needs a time_limit",
                      "lớp nhàn rỗi (tier 0) cần time_limit")
                .looks_at = {at + ".time_limit", at + ".tier"};
        }
    }
}

}  // namespace reviewing

std::vector<Finding> review_with_sources(const Policy& policy, const ReviewContext& context) {
    reviewing::Findings out;
    reviewing::review_head(policy, context, out);
    reviewing::review_units(policy, out);
    reviewing::review_partitions(policy, out);
    reviewing::review_topology(policy, out);
    reviewing::review_qos(policy, out);
    reviewing::review_programmes(policy, out);
    reviewing::review_meters(policy, out);
    reviewing::review_resources(policy, context, out);
    reviewing::review_grants(policy, context, out);
    reviewing::review_vouchers(policy, context, out);
    reviewing::review_promises(policy, context, out);
    reviewing::review_money(policy, context, out);
    reviewing::review_gone(policy, context, out);
    reviewing::review_later(policy, context, out);
    reviewing::review_reserved(policy, context, out);
    reviewing::review_layers(policy, context, out);
    return out.take();
}

std::vector<Complaint> review(const Policy& policy, const ReviewContext& context) {
    return reviewing::complaints_of(review_with_sources(policy, context));
}

}  // namespace khu
