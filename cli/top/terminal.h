#pragma once

/// \file
/// The terminal while `khu top` has it: another screen, no cursor, keys as they are pressed. It
/// becomes as it was when this goes. Plain ANSI (ECMA-48) and termios(3), nothing else.

#include <termios.h>

#include <string>

#include "cli/top/screen.h"

namespace khu::cli {

class Terminal {
public:
    Terminal();
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    /// As it is now. No colours with NO_COLOR (no-color.org).
    [[nodiscard]] static TopSize size();
    /// In place of what was there.
    static void show(const std::string& text);

    enum class Woken { Time, Key, Event, Resized, Signal };
    struct Wake {
        Woken by{Woken::Time};
        char key{0};
    };
    /// Until a key, a byte in `events` (which is taken), a new size, SIGINT or SIGTERM, or so long.
    [[nodiscard]] static Wake wait(int events, int milliseconds);

private:
    termios before_{};
};

}  // namespace khu::cli
