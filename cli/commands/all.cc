#include "cli/commands/all.h"

namespace khu::cli {
namespace {

constexpr auto kCommands = std::to_array<const Command*>({
    &kSubmit,
    &kQueue,
    &kShow,
    &kWhy,
    &kCancel,
    &kHold,
    &kRelease,
    &kRequeue,
    &kQuote,
    &kVersion,
});

constexpr auto kLater = std::to_array<std::string_view>(
    {"shell", "update", "top", "plan", "project", "checkpoint", "grant request", "grant transfer",
     "policy plan", "policy rollback", "report statement", "report zone"});

}  // namespace

std::span<const Command* const> all_commands() {
    return kCommands;
}

std::span<const std::string_view> later_commands() {
    return kLater;
}

}  // namespace khu::cli
