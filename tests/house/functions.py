"""Finds function bodies by their braces. A reader of C++ layout, not a compiler; the self-test
says what it must see through: constructors with braced members, lambdas, initialisers, macros that
look like functions.
"""

import re
from dataclasses import dataclass

_SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
_INIT_LIST = re.compile(r"\)\s*(?:noexcept\s*(?:\([^()]*\))?\s*)?:(?!:)")
_ASSIGNMENT = re.compile(r"(?<!operator)(?<![=!<>+\-*/%&|^])=(?!=)")
_NOISE = re.compile(r"^(?:\s|;|\b(?:public|private|protected)\s*:(?!:))*")


@dataclass(frozen=True)
class Function:
    name: str
    first_line: int
    last_line: int

    @property
    def length(self):
        return self.last_line - self.first_line + 1


def _matching_brace(code, opening):
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.start()
    return len(code) - 1


def _outside_parentheses(header):
    """The header with what stands in parentheses or angle brackets taken out."""
    previous = None
    while previous != header:
        previous = header
        header = re.sub(r"\([^()]*\)", "()", header.replace("(())", "()"))
        header = re.sub(r"<[^<>]*>", "", header)
        if header == previous:
            return header
    return header


def _kind(header):
    """What a brace opens at namespace or class scope: scope, member, value or function."""
    outside = _outside_parentheses(header)
    if _INIT_LIST.search(outside) and re.search(r"[\w>]\s*$", header):
        return "member"
    if _ASSIGNMENT.search(re.sub(r"operator\s*[=!<>+\-*/%&|^]+", "operator", outside)):
        return "value"
    if "()" in outside and not re.match(r"\s*(?:template\s*)?(?:class|struct|enum|union)\b[^()]*$",
                                        outside):
        return "function"
    return "scope" if _SCOPE.search(outside) else "value"


def _name(header):
    match = re.search(r"((?:[\w:]*operator\s*[^\s(\w]+)|[\w:~]+)\s*\(([^()]*)", header)
    if not match:
        return header.strip()[:40]
    if match.group(1) in ("TEST", "TEST_F", "TEST_P", "RC_GTEST_PROP"):
        return f"{match.group(1)}({match.group(2).strip()})"
    return match.group(1)


def functions(source):
    """Every function body at namespace or class scope of a C++ file, signature included."""
    code = source.code
    found = []
    start = 0
    for_next = re.compile(r"[{};]")
    position = 0
    while True:
        match = for_next.search(code, position)
        if not match:
            return found
        position = match.end()
        if match.group() != "{":
            start = position
            continue
        header = code[start:match.start()]
        kind = _kind(header)
        if kind == "scope":
            start = position
            continue
        closing = _matching_brace(code, match.start())
        position = closing + 1
        if kind == "function":
            first = start + _NOISE.match(header).end()
            found.append(Function(_name(header), source.line_at(first), source.line_at(closing)))
        if kind != "member":
            start = position
