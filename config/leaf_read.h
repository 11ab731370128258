#pragma once

/// \file
/// Inside the policy reader: how each kind of core/policy/kinds.h is read from a scalar's text.

#include <string>

#include "config/values.h"
#include "config/yaml_tree.h"
#include "core/base/nearest.h"
#include "core/policy/kinds.h"

namespace khu::config {

Value<std::string> read_leaf(schema::Text kind, const Node& node, int offset);
Value<std::string> read_leaf(schema::Identifier kind, const Node& node, int offset);
Value<std::string> read_leaf(schema::ZoneOrAny kind, const Node& node, int offset);
Value<std::string> read_leaf(schema::Reference kind, const Node& node, int offset);
Value<std::string> read_leaf(schema::TaxCode kind, const Node& node, int offset);
Value<std::int64_t> read_leaf(schema::Whole kind, const Node& node, int offset);
Value<bool> read_leaf(schema::Flag kind, const Node& node, int offset);
Value<Atoms> read_leaf(schema::GpuHours kind, const Node& node, int offset);
Value<Mvnd> read_leaf(schema::Dong kind, const Node& node, int offset);
Value<std::int64_t> read_leaf(schema::DongPerGpuHour kind, const Node& node, int offset);
Value<int> read_leaf(schema::Percent kind, const Node& node, int offset);
Value<Span> read_leaf(schema::Duration kind, const Node& node, int offset);
Value<int> read_leaf(schema::Months kind, const Node& node, int offset);
Value<Moment> read_leaf(schema::Day kind, const Node& node, int offset);
Value<Moment> read_leaf(schema::Instant kind, const Node& node, int offset);
Value<int> read_leaf(schema::Offset kind, const Node& node, int offset);
Value<std::vector<NodeName>> read_leaf(schema::Hostlist kind, const Node& node, int offset);

/// A tax code as a key or as a value; P009.
Value<std::string> read_tax_code(const std::string& text, bool quoted);

/// P018 with the words there are, and the nearest.
BadValue not_a_word(const std::string& text, const std::vector<std::string_view>& words);

template <class E>
Value<E> read_leaf(schema::Word<E>, const Node& node, int) {
    const auto words = schema::words_of<E>();
    std::vector<std::string_view> names;
    for (const auto& word : words) {
        if (word.name == node.text) {
            return word.value;
        }
        names.push_back(word.name);
    }
    return Unexpected{not_a_word(node.text, names)};
}

/// Names take what the kind gives; numbers fit by the kind's bounds.
template <class T>
void assign(T& to, T value) {
    to = std::move(value);
}
template <class Tag>
void assign(Name<Tag>& to, std::string value) {
    to = Name<Tag>(std::move(value));
}
/// A name that breaks the rules stays as it was written, so that it is still known what it names.
template <class T>
void keep_text(T&, const std::string&) {}
template <class Tag>
void keep_text(Name<Tag>& to, const std::string& text) {
    to = Name<Tag>(text.substr(0, 60));
}
inline void assign(int& to, std::int64_t value) {
    to = static_cast<int>(value);
}

}  // namespace khu::config
