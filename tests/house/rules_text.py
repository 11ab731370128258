"""Rules about size and form, which any file can break."""

import re

from functions import functions
from source import Finding

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
TEST_FILE_LINES_MAX = 900
COLUMNS_MAX = 100


def long_functions(tree):
    for source in tree.cpp():
        for function in functions(source):
            if function.length > FUNCTION_LINES_MAX:
                yield Finding(source.path, function.first_line, "long-function",
                              f"{function.name} has {function.length} lines, the wall is "
                              f"{FUNCTION_LINES_MAX}; move loops and arithmetic into leaves")


def long_files(tree):
    for source in tree.sources.values():
        limit = TEST_FILE_LINES_MAX if source.is_test else FILE_LINES_MAX
        count = source.text.count("\n")
        if count > limit:
            yield Finding(source.path, limit + 1, "long-file",
                          f"{count} lines, the wall is {limit}; split it by what it is about")


def long_lines(tree):
    for source in tree.sources.values():
        for number, line in enumerate(source.lines, 1):
            if len(line) > COLUMNS_MAX:
                yield Finding(source.path, number, "long-line",
                              f"{len(line)} columns, the wall is {COLUMNS_MAX}"
                              + ("; tools/check --fix" if source.is_cpp else ""))


def headers_say_what_they_are(tree):
    for source in tree.cpp():
        if not source.is_header:
            continue
        if not source.text.startswith("#pragma once\n"):
            yield Finding(source.path, 1, "header-start", "a header starts with #pragma once")
        if "\\file" not in "\n".join(source.lines[:8]):
            yield Finding(source.path, 1, "header-file-comment",
                          "say in a \\file paragraph right below #pragma once what this is, "
                          "its invariant, its unit, where the idea comes from")


def using_namespace_in_headers(tree):
    for source in tree.cpp():
        if not source.is_header:
            continue
        for number, line in enumerate(source.code_lines, 1):
            if re.search(r"\busing\s+namespace\b", line):
                yield Finding(source.path, number, "using-namespace",
                              "whoever includes this header gets it too; name what you use")


def reasons_for_what_is_left(tree):
    pattern = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\s*\([^()\s][^()]*\))")
    for source in tree.sources.values():
        if source.folder == "tests/house":
            continue  # These files speak about the words.
        for number, line in enumerate(source.lines, 1):
            match = pattern.search(line)
            if match:
                yield Finding(source.path, number, "no-reason",
                              f"{match.group(1)} needs its reason in parentheses behind it")


def _opens_a_value(code, brace):
    """Whether the brace at this place holds a value (`T{...}`), not statements."""
    start = max(code.rfind(mark, 0, brace) for mark in ";{}") + 1
    before = code[start:brace].rstrip()
    if re.search(r"[=,(]$|\breturn$", before):
        return True
    if "->" in before or re.search(r"\b(?:else|do|try|const|noexcept|override|mutable)$", before):
        return False
    return bool(re.search(r"[\w>]$", before))


def one_await_a_statement(tree):
    """GCC 12 miscompiles coroutines whose awaits stand inside other expressions."""
    result = re.compile(r"^\s*(?:\[\[[^\]]*\]\]\s*)?(?:[^=;{}()]*=)?\s*$")
    for source in tree.cpp():
        for match in re.finditer(r"\bco_await\b", source.code):
            start = max(source.code.rfind(mark, 0, match.start()) for mark in ";{}") + 1
            before = re.sub(r"^\s*(?:else\b\s*)?(?:case\b[^:]*:|default\s*:)?", "",
                            source.code[start:match.start()])
            end = source.code.find(";", match.end())
            after = source.code[match.end():end if end >= 0 else None]
            line = source.line_at(match.start())
            if "co_await" in after.split("{")[0]:
                yield Finding(source.path, line, "co-await", "two co_await in a statement; "
                              "give each its own statement and its result a name")
            elif not result.match(before) or (source.code[start - 1:start] == "{" and
                                              _opens_a_value(source.code, start - 1)):
                yield Finding(source.path, line, "co-await", "a co_await inside another "
                              "expression; name its result in a statement of its own")
            elif "{" in after:
                yield Finding(source.path, line, "co-await", "braces among the arguments of a "
                              "co_await; name the argument in a statement before it")


RULES = (long_functions, long_files, long_lines, headers_say_what_they_are,
         using_namespace_in_headers, reasons_for_what_is_left, one_await_a_statement)
