"""Breaks comment lines that are too long. clang-format would, but it takes tables and lists in
comments apart; here a line's overflow goes to the front of the next line only if that line goes on
with the same sentence, and else to a line of its own.
"""

import re

COLUMNS = 100
_COMMENT = re.compile(r"^(?P<indent>\s*//+!?)(?P<space> *)(?P<text>.*)$")
_RULER = re.compile(r"^(\s*// ?-+ .*? )-{5,}$")
# What begins something of its own: an item, a field of the comment, code or a table, a ruler.
_OWN = re.compile(r"^(?:[-*+|\\@]|\d{1,2}(?:[.)]|  )|[A-Z]\w*:|---)|  +")
_TABLE = re.compile(r"[^\s.] {2,}\S")   # columns: no program knows where such a line may be broken


def _goes_on(line, prefix):
    """Whether `line` is prose that continues a comment with this prefix."""
    match = _COMMENT.match(line)
    return bool(match) and match.group("indent") + match.group("space") == prefix and \
        bool(match.group("text")) and not _OWN.match(match.group("text"))


def _split(line, match):
    """The line up to the last blank that fits, and the words behind it; None if there is none."""
    begin = match.start("text")
    at = line.rfind(" ", begin + 1, COLUMNS + 1)
    return (line[:at].rstrip(), line[at + 1:]) if at > begin else None


def reflow(text):
    lines, done = text.split("\n"), []
    while lines:
        line = lines.pop(0)
        ruler = _RULER.match(line)
        if ruler:
            line = ruler.group(1) + "-" * min(COLUMNS - len(ruler.group(1)), 70)
        match = _COMMENT.match(line)
        halves = None
        if len(line) > COLUMNS and match and not _TABLE.search(match.group("text")[3:]):
            halves = _split(line, match)
        if not halves:
            done.append(line)
            continue
        line, rest = halves
        prefix = match.group("indent") + match.group("space")
        item = re.match(r"(?:[-*+]|\d{1,2}[.)]| ?\d{1,2} ) +", match.group("text"))
        if item:
            prefix += " " * len(item.group())   # an item's second line stands under its text
        done.append(line)
        if lines and _goes_on(lines[0], prefix):
            lines[0] = f"{prefix}{rest} {lines[0][len(prefix):]}"
        else:
            lines.insert(0, prefix + rest)
    return "\n".join(done)
