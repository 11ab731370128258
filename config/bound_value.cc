#include "config/bound_value.h"

#include <algorithm>

#include "config/leaf_read.h"
#include "core/policy/number_of.h"
#include "core/policy/path_walk.h"

namespace khu::config {
namespace {

const char* const kAny = "*";

template <class Kind>
constexpr bool kSaysHowMuch =
    !std::is_same_v<Kind, schema::Text> && !std::is_same_v<Kind, schema::Reference> &&
    !std::is_same_v<Kind, schema::TaxCode> && !std::is_same_v<Kind, schema::Day> &&
    !std::is_same_v<Kind, schema::Instant> && !std::is_same_v<Kind, schema::Offset> &&
    !std::is_same_v<Kind, schema::Hostlist>;

/// A policy with one of everything, each named "*": its key paths are those that can be bounded.
Policy one_of_everything() {
    Policy any;
    any.weights.emplace_back().model = GpuModel{kAny};
    any.price_list.emplace_back();
    Partition& partition = any.partitions.emplace_back();
    partition.id = PartitionId{kAny};
    partition.gpu = GpuModel{kAny};
    partition.slices.emplace_back().id = GpuModel{kAny};
    any.qos.emplace_back().id = QosId{kAny};
    any.funders.emplace_back().id = FunderId{kAny};
    Programme& programme = any.programmes.emplace_back();
    programme.id = ProgrammeId{kAny};
    programme.split.emplace_back().payer = FunderId{kAny};
    programme.pullback.emplace_back();
    programme.qos.emplace_back();
    programme.partitions.emplace_back();
    programme.eligible.classes.emplace_back();
    programme.eligible.zones.emplace_back();
    Enterprise& enterprise = any.enterprises.emplace_back();
    enterprise.id = EnterpriseId{kAny};
    enterprise.grants.emplace_back();
    Meter& meter = any.meters.emplace_back();
    meter.id = MeterId{kAny};
    meter.split.emplace_back().payer = FunderId{kAny};
    CountedResource& resource = any.resources.emplace_back();
    resource.id = ResourceId{kAny};
    resource.programmes.emplace_back();
    resource.enterprises.emplace_back();
    any.fairshare.tree.emplace_back();
    any.priority.over_grant.emplace_back();
    Borrowing& borrowing = any.borrowing.emplace_back();
    borrowing.partition = PartitionId{kAny};
    borrowing.rules.emplace_back();
    any.preemption.order.emplace_back();
    return any;
}

/// Finds the one key, and reads a node as its kind if there is one.
class KeyFinder : public PathWalk<KeyFinder> {
public:
    KeyFinder(const std::vector<std::string>& names, const Node* node, int utc_offset_minutes)
        : PathWalk(utc_offset_minutes), names_(names), node_(node) {}

    std::optional<BoundedKey> found;
    std::optional<Value<BoundValue>> value;

    template <class Kind, class T>
    void leaf(std::string_view key, Kind kind, T& place, const T*) {
        if constexpr (kSaysHowMuch<Kind>) {
            if (is_wanted(key)) {
                take(kind, place);
            }
        }
    }
    template <class Kind, class T>
    void words(std::string_view key, Kind kind, std::vector<T>& values) {
        leaf(key, kind, values.front(), static_cast<const T*>(nullptr));
    }
    void span(std::string_view, schema::Day, const Window&) {}
    template <class Row>
    std::string row_name(const Row&, const char*) const {
        return kAny;
    }

private:
    bool is_wanted(std::string_view key) const {
        return names_.size() == way().size() + 1 && may_mean(key, names_.back()) &&
               std::equal(way().begin(), way().end(), names_.begin(), may_mean);
    }
    static bool may_mean(std::string_view of_schema, std::string_view name) {
        return of_schema == name || (of_schema == kAny && !name.empty());
    }
    template <class Kind, class T>
    void take(Kind kind, T& place) {
        found = BoundedKey{.is_number = AnyNumber<T>};
        if (node_ == nullptr) {
            return;
        }
        auto read = read_leaf(kind, *node_, how_.utc_offset_minutes);
        if (!read) {
            value = Unexpected{std::move(read).error()};
            return;
        }
        assign(place, std::move(*read));
        BoundValue made{.number = 0, .written = schema::write(kind, place, how_)};
        if constexpr (AnyNumber<T>) {
            made.number = number_of(place);
        }
        value = std::move(made);
    }

    const std::vector<std::string>& names_;
    const Node* node_;
};

KeyFinder look_for(const std::vector<std::string>& names, const Node* node, int offset) {
    Policy any = one_of_everything();
    KeyFinder finder(names, node, offset);
    schema::fields(finder, any);
    return finder;
}

}  // namespace

std::optional<BoundedKey> find_key(const std::vector<std::string>& names) {
    return look_for(names, nullptr, 0).found;
}

Value<BoundValue> read_bound(const std::vector<std::string>& names, const Node& node,
                             int utc_offset_minutes) {
    KeyFinder finder = look_for(names, &node, utc_offset_minutes);
    KHU_CHECK(finder.value, "a key that was found");
    return *std::move(finder.value);
}

}  // namespace khu::config
