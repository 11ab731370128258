#pragma once

/// \file
/// Every refusal (we say no) and every reason (why a job waits) has a code, a name, data and a
/// page. The list is codes.def: the only place where a code, its English and its Vietnamese text
/// stand. `khu why`, the API, the documentation and the tests use the same names.
///
/// A Refusal is a value: the code and the numbers. Text is made from the data when it is shown, in
/// the reader's language; a placeholder {needed_ugs} is printed by its unit, which its last word
/// names: _ugs GPU-hours, _mvnd dong, _s a duration in seconds, _ms a Span, _bytes, _at a Moment
/// (ms). A refusal of one of a job's alternatives (--any-of) has its number as `alternative`, and
/// its text begins with it. One that comes from a limit has the limit's key path as `limit_key`;
/// once it is cited also `layer`, `policy` and `line`, and its text ends with them:
/// "... is 64 (zone dn-cvpm2-2026.2, line 88)". What somebody set without a text has `set_by` and
/// `set_at` in place of the line.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/describe.h"
#include "core/base/rule_source.h"
#include "core/base/units.h"

namespace khu {

enum class Code {
#define KHU_CODE(Enumerator, id, name, kind, http, en, remedy_en, vi, remedy_vi) Enumerator,
#include "core/base/codes.def"
#undef KHU_CODE
};

/// Refusal: the answer is no. Reason: a job waits. Fault: the world failed.
enum class CodeKind { Refusal, Reason, Fault };

struct CodeInfo {
    Code code;
    std::string_view id;    ///< "A104"
    std::string_view name;  ///< "grant_too_small"
    CodeKind kind;
    int http_status;
    std::string_view text_en, remedy_en, text_vi, remedy_vi;
};

const CodeInfo& info(Code code);
const std::vector<CodeInfo>& all_codes();
/// By id ("A104"); null if there is none.
const CodeInfo* find_code(std::string_view id);

struct Datum {
    std::string key;
    std::variant<std::int64_t, std::string> value;
    bool operator==(const Datum&) const = default;
};
KHU_DESCRIBE(Datum, key, value)

struct Refusal {
    Code code{};
    std::vector<Datum> data;
    bool operator==(const Refusal&) const = default;

    Refusal() = default;
    explicit Refusal(Code c) : code(c) {}
    /// Adds a number or a text; chains: Refusal(Code::X).with("gpus", 8).with("node", "gn01").
    Refusal&& with(std::string key, std::int64_t number) &&;
    Refusal&& with(std::string key, std::string text) &&;
    /// It is a limit of the policy that says no: the one at this key path ("qos.gap.time_limit").
    Refusal&& limited_by(std::string key_path) &&;
    /// Where that limit stands.
    Refusal&& citing(const RuleSource& source) &&;
};
KHU_DESCRIBE(Refusal, code, data)

/// Why a job waits: the same shape, another kind of code.
using Reason = Refusal;

/// The key path given to limited_by(); null if there is none.
const std::string* limit_key(const Refusal& refusal);
/// What was given to citing().
std::optional<RuleSource> cited_source(const Refusal& refusal);

/// What happened, with the numbers: "grant DN-2026-0107 has 40.0 GPU-hours and ...".
std::string text(const Refusal& refusal, Language language);
/// What to do about it; empty where nothing can be done.
std::string remedy(const Refusal& refusal, Language language);

}  // namespace khu
