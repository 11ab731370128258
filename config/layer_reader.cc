#include "config/layer_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "config/bound_value.h"
#include "config/schema_reader.h"
#include "core/base/limits.h"

namespace khu::config {
namespace {

constexpr std::array<std::pair<std::string_view, BoundKind>, 4> kBounds{
    {{"max", BoundKind::AtMost},
     {"min", BoundKind::AtLeast},
     {"is", BoundKind::Exactly},
     {"one_of", BoundKind::OneOf}}};

std::vector<std::string> names_of(std::string_view key) {
    std::vector<std::string> names;
    while (true) {
        const std::size_t dot = key.find('.');
        names.emplace_back(key.substr(0, dot));
        if (dot == std::string_view::npos) {
            return names;
        }
        key.remove_prefix(dot + 1);
    }
}

class Bounds {
public:
    Bounds(const std::string& file, const LayerRules& rules, std::vector<Complaint>& complaints)
        : file_(file),
          offset_(rules.utc_offset_minutes),
          of_enterprise_(rules.layer == Layer::Enterprise),
          complaints_(complaints) {}

    std::vector<Bound> take() { return std::move(bounds_); }

    /// `entry`: "programmes.*.grant.max": {max: "20000 GPUh"}
    void read(const Entry& entry, const std::string& path) {
        const std::optional<BoundedKey> key = find_key(names_of(entry.key));
        if (!key) {
            complain({"P075", "no key of a policy that can be bounded",
                      "không phải khoá của chính sách có thể giới hạn", 0},
                     path, entry.key_place);
            return;
        }
        if (of_enterprise_ && !enterprise_may_bound(names_of(entry.key))) {
            const std::string keys = fmt::format("{}", fmt::join(keys_of_enterprises(), ", "));
            complain({"P075", "an enterprise may bound " + keys,
                      "doanh nghiệp chỉ được giới hạn " + keys, 0},
                     path, entry.key_place);
            return;
        }
        if (entry.value.kind != NodeKind::Map || entry.value.entries.empty()) {
            complain(
                {"P017", "{max: ...}, {min: ...}, {is: ...} or {one_of: [...]} is expected here",
                 "ở đây cần {max: ...}, {min: ...}, {is: ...} hoặc {one_of: [...]}", 0},
                path, entry.value.place);
            return;
        }
        for (const Entry& each : entry.value.entries) {
            read_one(*key, entry.key, each, path + "." + each.key.substr(0, 60));
        }
    }

private:
    void complain(BadValue bad, const std::string& path, Place at) {
        complaints_.push_back({std::move(bad.code), Severity::Error, path, std::move(bad.why_en),
                               std::move(bad.why_vi), file_, at.line, at.column});
    }

    void read_one(const BoundedKey& key, const std::string& name, const Entry& entry,
                  const std::string& path) {
        const auto word = std::ranges::find(kBounds, std::string_view(entry.key),
                                            [](const auto& each) { return each.first; });
        if (word == kBounds.end()) {
            complain({"P007", "unknown key; a bound is max, min, is or one_of",
                      "khoá không tồn tại; giới hạn là max, min, is hoặc one_of", 0},
                     path, entry.key_place);
            return;
        }
        if (of_enterprise_ && !only_tightens(word->second)) {
            complain({"P075", "an enterprise may only tighten: max or one_of",
                      "doanh nghiệp chỉ được siết thêm: max hoặc one_of", 0},
                     path, entry.key_place);
            return;
        }
        const bool wants_words = word->second == BoundKind::OneOf;
        if (wants_words == key.is_number) {
            complain({"P075",
                      key.is_number ? "this key is a number: max, min or is"
                                    : "this key is no number: one_of",
                      key.is_number ? "khoá này là số: max, min hoặc is"
                                    : "khoá này không phải số: one_of",
                      0},
                     path, entry.key_place);
            return;
        }
        Bound bound{.key = names_of(name), .kind = word->second, .line = entry.value.place.line};
        const bool good = wants_words ? read_words(entry.value, bound, path)
                                      : read_scalar(entry.value, bound, path);
        if (good) {
            bounds_.push_back(std::move(bound));
        }
    }

    bool read_scalar(const Node& node, Bound& bound, const std::string& path) {
        if (node.kind != NodeKind::Scalar) {
            complain({"P017", "one value is expected here", "ở đây cần một giá trị", 0}, path,
                     node.place);
            return false;
        }
        Value<BoundValue> value = read_bound(bound.key, node, offset_);
        if (!value) {
            complain(std::move(value).error(), path, node.place);
            return false;
        }
        bound.number = value->number;
        bound.written = value->written;
        return true;
    }

    bool read_words(const Node& node, Bound& bound, const std::string& path) {
        if (node.kind != NodeKind::Sequence || node.items.empty()) {
            complain({"P017", "a list like [a, b] is expected here",
                      "ở đây cần một danh sách như [a, b]", 0},
                     path, node.place);
            return false;
        }
        for (const Node& item : node.items) {
            Bound one{.key = bound.key};
            if (!read_scalar(item, one, path)) {
                return false;
            }
            bound.written += (bound.written.empty() ? "" : ", ") + one.written;
            bound.words.push_back(std::move(one.written));
        }
        bound.written = "[" + bound.written + "]";
        return true;
    }

    const std::string& file_;
    int offset_;
    bool of_enterprise_;
    std::vector<Complaint>& complaints_;
    std::vector<Bound> bounds_;
};

void read_head(SchemaReader& reader, LayerRules& rules) {
    reader.group("layer", [&] {
        reader.offset("utc_offset", rules.utc_offset_minutes);
        reader.must("id", schema::Reference{}, rules.id);
        reader.must("level", schema::Word<Layer>{}, rules.layer);
        reader.may("province", schema::Text{20}, rules.province, std::string{});
        reader.may("enterprise", schema::TaxCode{}, rules.enterprise, EnterpriseId{});
        reader.may("supersedes", schema::Reference{}, rules.supersedes, PolicyId{});
        reader.must("effective_from", schema::Instant{}, rules.effective_from);
        reader.must("decision_ref", schema::Text{}, rules.decision_ref);
    });
}

using Places = std::map<std::string, Place>;
enum class Levels { All, AboveZone };

/// Complaints about the head as a whole.
class Head {
public:
    Head(const LayerRules& rules, const Places& places, const std::string& file,
         std::vector<Complaint>& complaints)
        : rules_(rules), places_(places), file_(file), complaints_(complaints) {}

    void review(Levels levels) {
        if (rules_.layer == Layer::Zone) {
            complain("P018", "layer.level", "what a zone says is its policy",
                     "quy định của khu là chính sách của khu");
        } else if (rules_.layer == Layer::Enterprise && levels == Levels::AboveZone) {
            complain("P018", "layer.level", "rules from above are national or province",
                     "quy định cấp trên là national hoặc province");
        } else if (rules_.layer == Layer::Enterprise) {
            of_enterprise();
        } else if (!rules_.enterprise.empty()) {
            complain("P075", "layer.enterprise", "rules of this level bind all enterprises",
                     "quy định cấp này áp dụng cho mọi doanh nghiệp");
        }
    }

private:
    void complain(const char* code, const std::string& key, std::string en, std::string vi) {
        const auto at = places_.find(key);
        const Place place = at == places_.end() ? Place{} : at->second;
        complaints_.push_back({code, Severity::Error, key, std::move(en), std::move(vi), file_,
                               place.line, place.column});
    }
    /// Its ids begin with its tax code, so that no two enterprises ever use the same.
    void of_enterprise() {
        const std::string& code = rules_.enterprise.value.str();
        if (code.empty()) {
            complain("P004", "layer.level", "layer.enterprise is missing: whose rules they are",
                     "thiếu layer.enterprise: quy định của doanh nghiệp nào");
            return;
        }
        const auto bounds = static_cast<std::int64_t>(rules_.bounds.size());
        if (bounds > limits::own_bounds_max) {
            complain("P006", "bounds",
                     fmt::format("{} bounds, an enterprise has at most {}", bounds,
                                 limits::own_bounds_max),
                     fmt::format("{} giới hạn, doanh nghiệp có tối đa {}", bounds,
                                 limits::own_bounds_max));
        }
        if (!rules_.id.value.str().starts_with(code + "-")) {
            complain("P075", "layer.id",
                     "the id of an enterprise's rules begins with " + code + "-",
                     "mã quy định của doanh nghiệp bắt đầu bằng " + code + "-");
        }
        if (!rules_.province.empty()) {
            complain("P075", "layer.province", "an enterprise's rules are of no province",
                     "quy định của doanh nghiệp không thuộc tỉnh nào");
        }
    }

    const LayerRules& rules_;
    const Places& places_;
    const std::string& file_;
    std::vector<Complaint>& complaints_;
};

Expected<LayerRules, std::vector<Complaint>> read(std::string_view text,
                                                  const std::string& file_name, Levels levels) {
    Tree tree = read_tree(text, file_name, policy_limits());
    std::vector<Complaint> complaints = std::move(tree.complaints);
    LayerRules rules;
    auto other = tree.readable ? other_schema(tree.root, "khu_layer", file_name) : std::nullopt;
    if (other) {
        complaints.push_back(*std::move(other));
    } else if (tree.readable && tree.root.kind != NodeKind::Map) {
        complaints.push_back({"P017", Severity::Error, "", "keys with values are expected here",
                              "ở đây cần các khoá và giá trị", file_name, tree.root.place.line,
                              tree.root.place.column});
    } else if (tree.readable) {
        SchemaReader reader(tree.root, file_name, complaints);
        int version = 1;
        reader.must("khu_layer", schema::Whole{1, 1}, version);
        read_head(reader, rules);
        Bounds bounds(file_name, rules, complaints);
        reader.entries("bounds", [&](const Entry& entry, const std::string& path) {
            bounds.read(entry, path);
        });
        reader.finish();
        rules.bounds = bounds.take();
        Head(rules, reader.take_places(), file_name, complaints).review(levels);
    }
    if (complaints.empty()) {
        return rules;
    }
    std::ranges::stable_sort(
        complaints, {}, [](const Complaint& each) { return std::pair(each.line, each.column); });
    return Unexpected{std::move(complaints)};
}

}  // namespace

Expected<LayerRules, std::vector<Complaint>> read_layer(std::string_view text,
                                                        const std::string& file_name) {
    return read(text, file_name, Levels::All);
}

Expected<LayerRules, std::vector<Complaint>> read_layer_above(std::string_view text,
                                                              const std::string& file_name) {
    return read(text, file_name, Levels::AboveZone);
}

}  // namespace khu::config
