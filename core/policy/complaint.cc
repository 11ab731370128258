#include "core/policy/complaint.h"

#include <fmt/format.h>

#include <algorithm>

namespace khu {

bool refuses(const std::vector<Complaint>& complaints, bool strict) {
    return std::any_of(complaints.begin(), complaints.end(), [&](const Complaint& complaint) {
        return strict || complaint.severity == Severity::Error;
    });
}

std::string text(const Complaint& complaint, Language language) {
    const std::string& wrong =
        language == Language::English ? complaint.text_en : complaint.text_vi;
    return complaint.limit ? wrong + " (" + show(*complaint.limit, language) + ")" : wrong;
}

std::string show(const Complaint& complaint, Language language) {
    const bool vietnamese = language == Language::Vietnamese;
    std::string out;
    if (!complaint.file.empty()) {
        out = complaint.file + ":";
    }
    if (complaint.line > 0) {
        out += fmt::format("{}:{}:", complaint.line, complaint.column);
    }
    out += (out.empty() ? "" : " ") + complaint.code;
    if (complaint.severity == Severity::Warning) {
        out += vietnamese ? " cảnh báo" : " warning";
    }
    if (!complaint.path.empty()) {
        out += " " + complaint.path;
    }
    return out + ": " + text(complaint, language);
}

}  // namespace khu
