#pragma once

/// \file
/// Why a command failed, in the reader's language and ready to be printed, with the exit code that
/// it gives. Printed as the house prints every error (docs/refusals/README.md):
///
///     khu: job refused: grant DN-2026-0107 is 40.0 GPU-hours in all and this job holds 64.0
///          Ask for a shorter --time or fewer GPUs
///          A104 grant_too_small

#include <string>
#include <string_view>

#include "cli/exit_code.h"
#include "cli/messages.h"
#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "wire/api.h"

namespace khu::cli {

struct Failure {
    ExitCode exit{ExitCode::Internal};
    std::string text{};      ///< what happened, with the numbers
    std::string remedy{};    ///< what to do; empty where nothing can be done
    std::string code{};      ///< "A104 grant_too_small"; empty where no code stands for it
    int status{0};           ///< HTTP status of the answer; 0 if there was none
    bool maybe_done{false};  ///< sent, and no answer came: khud may have done it
};

/// khud said no. Text by our own catalogue if the code is known to us, else khud's words.
Failure from_problem(const wire::Problem& problem, Language language);
/// A reason or refusal inside another answer.
Failure explained(const wire::Explained& why, Language language);
/// We say no ourselves, before anything is sent.
Failure from_refusal(const Refusal& refusal, Language language);
Failure usage(std::string text, std::string remedy);
Failure unreachable(std::string text, std::string remedy);
Failure internal(std::string text, std::string remedy);

/// The lines above. `prefix` is "job refused" or so; it stands only before refusals.
std::string format_failure(const Failure& failure, std::string_view prefix);

}  // namespace khu::cli
