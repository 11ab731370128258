#include "cli/failure.h"

namespace khu::cli {
namespace {

constexpr std::string_view kIndent = "     ";

void add_line(std::string& out, std::string_view line) {
    if (!line.empty()) {
        out += kIndent;
        out += line;
        out += '\n';
    }
}

}  // namespace

Failure from_refusal(const Refusal& refusal, Language language) {
    const CodeInfo& about = info(refusal.code);
    const bool fault = about.kind == CodeKind::Fault;
    return Failure{.exit = fault ? ExitCode::Internal : ExitCode::Refused,
                   .text = text(refusal, language),
                   .remedy = remedy(refusal, language),
                   .code = std::string(about.id) + " " + std::string(about.name)};
}

Failure explained(const wire::Explained& why, Language language) {
    if (const CodeInfo* known = find_code(why.code)) {
        Refusal refusal(known->code);
        refusal.data = why.data;
        return from_refusal(refusal, language);
    }
    return Failure{.exit = ExitCode::Refused,
                   .text = why.text,
                   .remedy = why.remedy,
                   .code = why.code + " " + why.name};
}

Failure from_problem(const wire::Problem& problem, Language language) {
    Failure failure = explained({.code = problem.code,
                                 .name = problem.title,
                                 .text = problem.detail.empty() ? problem.title : problem.detail,
                                 .remedy = problem.remedy,
                                 .data = problem.data},
                                language);
    failure.status = problem.status;
    return failure;
}

Failure usage(std::string text, std::string remedy) {
    return {.exit = ExitCode::Usage, .text = std::move(text), .remedy = std::move(remedy)};
}

Failure unreachable(std::string text, std::string remedy) {
    return {.exit = ExitCode::Unreachable, .text = std::move(text), .remedy = std::move(remedy)};
}

Failure internal(std::string text, std::string remedy) {
    return {.exit = ExitCode::Internal, .text = std::move(text), .remedy = std::move(remedy)};
}

std::string format_failure(const Failure& failure, std::string_view prefix) {
    std::string out = "khu: ";
    if (failure.exit == ExitCode::Refused && !prefix.empty()) {
        out += prefix;
        out += ": ";
    }
    out += failure.text;
    out += '\n';
    add_line(out, failure.remedy);
    add_line(out, failure.code);
    return out;
}

}  // namespace khu::cli
