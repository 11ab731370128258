#pragma once

/// \file
/// What is wrong with a text that people wrote: a policy, a job file, a script's header. All
/// complaints of a text are collected and shown at once, each with its code, its key path and its
/// place. The P-codes are those of docs/formats/policy.md.

#include <optional>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/refusal.h"
#include "core/base/rule_source.h"

namespace khu {

enum class Severity { Error, Warning };
KHU_DESCRIBE_ENUM(Severity, Error, Warning)

struct Complaint {
    std::string code;  ///< "P030"
    Severity severity{Severity::Error};
    std::string path;  ///< "programmes.kn-80.split.nat-quy-al"; empty: the whole text
    std::string text_en;
    std::string text_vi;
    std::string file;                   ///< empty where unknown
    int line{0};                        ///< from 1; 0: unknown
    int column{0};                      ///< from 1, in characters; 0: unknown
    std::string limit_key{};            ///< key path of the limit that is passed; empty: none is
    std::optional<RuleSource> limit{};  ///< where that limit stands, once it is known
    bool operator==(const Complaint&) const = default;
};
KHU_DESCRIBE(Complaint, code, severity, path, text_en, text_vi, file, line, column, limit_key,
             limit)

/// True if one of them is an error; with `strict` a warning counts as one.
bool refuses(const std::vector<Complaint>& complaints, bool strict = false);

/// What is wrong, and in brackets where the limit stands that says so, if one does and it is known.
std::string text(const Complaint& complaint, Language language);

/// "policy.yaml:12:5: P030 programmes.kn-80.split.nat-quy-al: ..."; without the place where
/// unknown.
std::string show(const Complaint& complaint, Language language);

}  // namespace khu
