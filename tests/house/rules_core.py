"""Rules about the mind: it cannot see the world, answers the same twice, and counts in integers."""

import re

from source import Finding

_WORLD = (
    (re.compile(r"::\s*now\s*\("), "the clock: take `Moment now` as an argument"),
    (re.compile(r"(?<![\w.>:])(?:std::)?s?rand\s*\("),
     "rand: use core/base/random.h with a seed given"),
    (re.compile(r"\bstd::random_device\b"), "std::random_device: take a seed as an argument"),
    (re.compile(r"(?<![\w.>])(?:std::)?(?:secure_)?getenv\s*\("),
     "the environment: take the value as an argument"),
    (re.compile(r"(?<![\w.>:])(?:std::|::)?(?:time|clock|gettimeofday|clock_gettime)\s*\("),
     "the clock: take `Moment now` as an argument"),
    (re.compile(r"\bstd::(?:thread|jthread|mutex|shared_mutex|condition_variable|future|async)\b"),
     "threads: one thread decides, and the core has no locks"),
)
_WORLD_HEADERS = ("thread", "mutex", "shared_mutex", "condition_variable", "future", "fstream",
                  "filesystem", "random", "ctime", "unistd.h", "fcntl.h", "pthread.h", "time.h",
                  "sys/", "netinet/", "arpa/")
# Programs around the pure simulator: they read options and print.
_PROGRAMS = ("core/sim/main.cc",)
# Where money and shares are counted.
_INTEGERS_ONLY = re.compile(r"^(core/ledger/|core/schedule/[^/]*(fair|share)[^/]*$|daemon/reports)")


def _core(tree):
    return [source for source in tree.under("core") if source.path not in _PROGRAMS]


def world_in_core(tree):
    for source in _core(tree):
        for number, line in enumerate(source.code_lines, 1):
            for pattern, message in _WORLD:
                if pattern.search(line):
                    yield Finding(source.path, number, "world-in-core", message)
        for number, target, is_ours in source.includes:
            if not is_ours and target.startswith(_WORLD_HEADERS) and \
                    (target in _WORLD_HEADERS or "/" in target):
                yield Finding(source.path, number, "world-in-core", f"<{target}> sees the world")


def _unordered_names(code):
    """Names declared here as std::unordered_*, members and functions that return one too."""
    names = set()
    for match in re.finditer(r"\bstd::unordered_(?:map|set|multimap|multiset)\s*<", code):
        depth, position = 1, match.end()
        while depth and position < len(code):
            depth += {"<": 1, ">": -1}.get(code[position], 0)
            position += 1
        declared = re.match(r"[\s&*]*(?:const\s*)?(\w+)\s*[;={(),:]", code[position:])
        if declared:
            names.add(declared.group(1))
    return names


def unordered_iteration(tree):
    """Its order is the allocator's mood: two runs of one seed would differ."""
    for source in _core(tree):
        header = tree.get(source.path[:-3] + ".h") if not source.is_header else None
        names = _unordered_names(source.code) | _unordered_names(header.code if header else "")
        for name in sorted(names):
            loop = re.compile(rf"\bfor\s*\([^;()]*:\s*(?:[\w.>()-]*(?:\.|->))?{name}(?:\(\))?\s*\)"
                              rf"|\b{name}\s*\.\s*c?begin\s*\(")
            for match in loop.finditer(source.code):
                yield Finding(source.path, source.line_at(match.start()), "unordered-iteration",
                              f"{name} is unordered; use std::map, or sort the keys first")


def floating_point_in_books(tree):
    for source in tree.cpp():
        if not _INTEGERS_ONLY.match(source.path):
            continue
        for number, line in enumerate(source.code_lines, 1):
            if re.search(r"\b(?:float|double)\b|\b\d+\.\d", line):
                yield Finding(source.path, number, "floating-point",
                              "amounts and shares are integers: Atoms, Mvnd, parts per million")


RULES = (world_in_core, unordered_iteration, floating_point_in_books)
