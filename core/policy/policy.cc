#include "core/policy/policy.h"

#include <algorithm>
#include <array>

#include "core/base/limits.h"
#include "core/topology/gpu_model.h"

namespace khu {
namespace {

template <class Row, class Id>
const Row* find_row(const std::vector<Row>& rows, const Id& id) {
    const auto found =
        std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.id == id; });
    return found == rows.end() ? nullptr : &*found;
}

template <class T>
bool has(const std::vector<T>& list, const T& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

bool suits(const Partition& partition, const ChoiceNeeds& needs) {
    if (needs.gpus == 0 && needs.gpu_model.empty()) {
        return true;
    }
    // Who names no model means a whole GPU.
    return needs.gpu_model.empty() ? !partition.gpu.empty() && !is_slice_model(partition.gpu)
                                   : offer_of(partition, needs.gpu_model).has_value();
}

PartitionId choose_partition(const Policy& policy, const Programme& programme,
                             const ChoiceNeeds& needs) {
    const Partition* best = nullptr;
    for (const PartitionId& id : programme.partitions) {
        const Partition* partition = find_partition(policy, id);
        if (partition == nullptr || !suits(*partition, needs)) {
            continue;
        }
        const bool cpu_wins =
            needs.gpus == 0 && partition->gpu.empty() && best != nullptr && !best->gpu.empty();
        if (best == nullptr || cpu_wins) {
            best = partition;
        }
    }
    return best == nullptr ? PartitionId{} : best->id;
}

bool suits(const Policy& policy, const Programme& programme, const Choice& asked,
           const ChoiceNeeds& needs) {
    if (!asked.qos.empty() && !opens(programme, asked.qos)) {
        return false;
    }
    if (!asked.partition.empty()) {
        return opens(programme, asked.partition);
    }
    return !choose_partition(policy, programme, needs).empty();
}

ProgrammeId choose_programme(const Policy& policy, const Choice& asked, const ChoiceNeeds& needs,
                             const std::array<const std::vector<ProgrammeId>*, 2>& preferred) {
    ProgrammeId first;
    for (const std::vector<ProgrammeId>* candidates : preferred) {
        for (const Programme& programme : policy.programmes) {
            if (!has(*candidates, programme.id)) {
                continue;
            }
            if (suits(policy, programme, asked, needs)) {
                return programme.id;
            }
            first = first.empty() ? programme.id : first;
        }
    }
    return first;
}

}  // namespace

bool is_start_policy(const Policy& policy) {
    return policy.id.value == policy.zone.id.value + "-default";
}

const Partition* find_partition(const Policy& policy, const PartitionId& id) {
    return find_row(policy.partitions, id);
}
const Qos* find_qos(const Policy& policy, const QosId& id) {
    return find_row(policy.qos, id);
}
const Meter* find_meter(const Policy& policy, const MeterId& id) {
    return find_row(policy.meters, id);
}

const CountedResource* find_resource(const Policy& policy, const ResourceId& id) {
    return find_row(policy.resources, id);
}

const Funder* find_funder(const Policy& policy, const FunderId& id) {
    return find_row(policy.funders, id);
}
const Programme* find_programme(const Policy& policy, const ProgrammeId& id) {
    return find_row(policy.programmes, id);
}
const Enterprise* find_enterprise(const Policy& policy, const EnterpriseId& id) {
    return find_row(policy.enterprises, id);
}

const Partition* partition_of(const Policy& policy, const NodeName& node) {
    for (const Partition& partition : policy.partitions) {
        if (has(partition.nodes, node)) {
            return &partition;
        }
    }
    return nullptr;
}

namespace {

ModelOffer own_offer(const Partition& partition) {
    return {.model = partition.gpu,
            .per_node = partition.gpus_per_node,
            .cores = partition.share.cores_per_gpu,
            .mem_gib = partition.share.mem_gib_per_gpu};
}

ModelOffer offer_by(const SliceRule& rule) {
    return {.model = rule.id,
            .per_node = rule.per_node,
            .cores = rule.cores_per_slice,
            .mem_gib = rule.mem_gib_per_slice};
}

}  // namespace

std::vector<ModelOffer> offers_of(const Partition& partition) {
    std::vector<ModelOffer> offers;
    if (!partition.gpu.empty()) {
        offers.push_back(own_offer(partition));
    }
    for (const SliceRule& rule : partition.slices) {
        offers.push_back(offer_by(rule));
    }
    return offers;
}

std::optional<ModelOffer> offer_of(const Partition& partition, const GpuModel& model) {
    if (partition.gpu.empty()) {
        return std::nullopt;
    }
    if (model.empty() || model == partition.gpu) {
        return own_offer(partition);
    }
    const SliceRule* rule = find_row(partition.slices, model);
    return rule == nullptr ? std::nullopt : std::optional(offer_by(*rule));
}

int gpus_on_node(const Partition& partition) {
    int gpus = 0;
    for (const ModelOffer& offer : offers_of(partition)) {
        gpus += offer.per_node;
    }
    return gpus;
}

std::int64_t node_weight_milli(const Policy& policy, const Partition& partition) {
    std::int64_t milli = 0;
    for (const ModelOffer& offer : offers_of(partition)) {
        milli += std::int64_t{offer.per_node} * weight_milli(policy, offer.model).value_or(0);
    }
    return milli;
}

std::optional<std::int64_t> rate_vnd_per_gpuh(const Policy& policy, Moment at) {
    const Price* latest = nullptr;
    for (const Price& price : policy.price_list) {
        if (price.from_day <= at && (latest == nullptr || latest->from_day < price.from_day)) {
            latest = &price;
        }
    }
    return latest == nullptr ? std::nullopt : std::optional(latest->vnd_per_gpuh);
}

std::optional<int> weight_milli(const Policy& policy, const GpuModel& model) {
    for (const Weight& weight : policy.weights) {
        if (weight.model == model) {
            return weight.milli;
        }
    }
    return std::nullopt;
}

const Enterprise* enterprise_of(const Policy& policy, const UserId& user) {
    for (const Enterprise& enterprise : policy.enterprises) {
        if (is_member(enterprise, user)) {
            return &enterprise;
        }
    }
    return nullptr;
}

bool is_member(const Enterprise& enterprise, const UserId& user) {
    return has(enterprise.members, user) || is_holder(enterprise, user);
}

bool is_holder(const Enterprise& enterprise, const UserId& user) {
    return has(enterprise.holders, user);
}

std::vector<ProgrammeId> programmes_of(const Policy& policy, const EnterpriseId& enterprise) {
    const Enterprise* found = find_enterprise(policy, enterprise);
    std::vector<ProgrammeId> programmes;
    for (const Programme& programme : policy.programmes) {
        const bool granted =
            found != nullptr &&
            std::any_of(found->grants.begin(), found->grants.end(),
                        [&](const PolicyGrant& grant) { return grant.programme == programme.id; });
        if (granted) {
            programmes.push_back(programme.id);
        }
    }
    return programmes;
}

bool opens(const Programme& programme, const PartitionId& partition) {
    return has(programme.partitions, partition);
}

bool opens(const Programme& programme, const QosId& qos) {
    return has(programme.qos, qos);
}

std::vector<Window> windows_of(const Reservation& reservation) {
    std::vector<Window> windows{reservation.window};
    const auto most = static_cast<std::size_t>(limits::reservation_windows_max);
    while (reservation.every > Span{0} && windows.size() <= most) {
        const Window next{.from = windows.back().from + reservation.every,
                          .to = windows.back().to + reservation.every};
        if (next.from >= reservation.until) {
            break;
        }
        windows.push_back(next);
    }
    return windows;
}

Choice choose(const Policy& policy, const Choice& asked, const ChoiceNeeds& needs,
              const GrantedProgrammes& granted) {
    Choice choice = asked;
    if (choice.programme.empty()) {
        choice.programme = choose_programme(policy, asked, needs, {&granted.live, &granted.any});
    }
    const Programme* programme = find_programme(policy, choice.programme);
    if (programme == nullptr) {
        return choice;
    }
    if (choice.partition.empty()) {
        choice.partition = choose_partition(policy, *programme, needs);
    }
    if (choice.qos.empty() && !programme->qos.empty()) {
        choice.qos = programme->qos.front();
    }
    return choice;
}

}  // namespace khu
