#!/usr/bin/env python3
"""purity.py [--nm NM] LIBRARY...: a pure library calls nothing that sees the world.

Reads the undefined symbols of each object file. Of C, only what is listed here as harmless may be
called: memory, strings, arithmetic, the runtime of C++. Of C++, everything but clocks, threads,
files, streams and random devices. One exception: core/base/check.cc prints a broken claim and
aborts.
"""

import argparse
import os
import re
import subprocess
import sys

# C symbols that cannot see the world. A new one is added here on purpose, or not called.
HARMLESS_C = re.compile("^(?:" + "|".join((
    r"mem(?:cmp|cpy|move|set|chr|rchr)", r"str(?:len|nlen|cmp|ncmp|chr|rchr|str)", r"bcmp",
    r"l?l?abs", r"l?l?div", r"ato[il]l?", r"strto[uld]+l?", r"__errno_location",
    r"(?:floor|ceil|round|lround|llround|trunc|rint|nearbyint|sqrt|cbrt|exp|expm1|exp2|log|log2"
    r"|log10|log1p|pow|fmod|ldexp|frexp|modf|fabs|hypot|sin|cos|tan|atan2?|signbit)f?l?",
    r"strncpy", r"strerror_r", r"v?snprintf",
    # Of the locale "C", since none of our programs calls setlocale().
    r"(?:is(?:alnum|alpha|digit|xdigit|space|upper|lower|print|punct|cntrl)|to(?:lower|upper))",
    r"abort", r"__stack_chk_fail", r"__cxa_\w+", r"__gxx_personality_v0", r"__dynamic_cast",
    r"_Unwind_\w+", r"__dso_handle", r"__libc_single_threaded", r"_GLOBAL_OFFSET_TABLE_",
    r"__tls_get_addr", r"__(?:asan|ubsan|tsan|lsan|sanitizer)_\w+", r"__gcov_\w+", r"__popcountdi2",
    r"__(?:add|sub|mul|div|udiv|mod|umod)[dt]i[34]", r"__mulo[dt]i4",
    r"_ITM_\w+", r"__gmon_start__",
)) + ")$")

# C++ symbols that do see the world, by the start of their demangled name.
WORLD_CPP = re.compile("|".join((
    r"std::(?:__1::)?chrono::.*::now\(", r"std::(?:__cxx11::)?random_device\b",
    r"std::(?:jthread|thread|condition_variable|mutex|__future_base|this_thread)\b",
    r"std::(?:__cxx11::)?basic_(?:i|o)?fstream\b", r"std::(?:__cxx11::)?basic_filebuf\b",
    r"std::(?:i|o)?fstream\b", r"std::filesystem\b", r"std::c(?:in|out|err|log)\b",
    r"std::w?c(?:in|out|err|log)\b", r"std::ios_base::Init\b", r"std::locale::global\b",
    r"fmt::v\d+::v?f?print\b", r"fmt::v\d+::detail::(?:vformat_to_file|print|fwrite_fully)\b",
    r"boost::(?:asio|beast|filesystem|process|thread)\b",
)))

# Object file -> the C symbols it may call all the same.
EXCEPTIONS = {"check.cc.o": {"fputs", "fwrite", "fflush", "stderr", "fprintf"}}


def complaint(object_file, symbol):
    """Why `object_file` may not use `symbol`; empty if it may."""
    is_cpp = "::" in symbol or "(" in symbol or symbol.startswith(
        ("operator ", "vtable", "typeinfo", "VTT", "guard variable", "construction vtable"))
    if is_cpp:
        return "sees the world" if WORLD_CPP.search(symbol) else ""
    if HARMLESS_C.match(symbol) or symbol in EXCEPTIONS.get(object_file, ()):
        return ""
    return "is not in the list of harmless C symbols (tests/house/purity.py)"


def undefined_symbols(library, nm):
    """(object file, demangled symbol) of each undefined symbol."""
    listing = subprocess.run([nm, "-C", "-A", "--undefined-only", library], check=True,
                             capture_output=True, text=True).stdout
    for line in listing.splitlines():
        match = re.match(r"^(?P<file>.*?):\s+(?P<type>[Uwv]) (?P<symbol>.*)$", line)
        if match:
            where = os.path.basename(match.group("file").rsplit(":", 1)[-1])
            yield where, match.group("symbol").split("@")[0]


def complaints(library, nm="nm"):
    symbols = list(undefined_symbols(library, nm))
    if not symbols:
        yield f"{os.path.basename(library)}: holds no code, so nothing was checked"
    for where, symbol in sorted(set(symbols)):
        why = complaint(where, symbol)
        if why:
            yield f"{os.path.basename(library)}: {where}: {symbol} {why}"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--nm", default="nm")
    options.add_argument("libraries", nargs="+")
    arguments = options.parse_args()
    found = [text for library in arguments.libraries for text in complaints(library, arguments.nm)]
    summary = f"purity: {len(arguments.libraries)} libraries, {len(found)} findings"
    print("\n".join(found + [summary]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
