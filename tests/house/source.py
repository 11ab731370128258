"""What the house checks read: the project's files, and C++ text without comments and strings.

Everything keeps its line structure, so that a finding's line is the line in the file.
"""

import os
import re
from dataclasses import dataclass
from functools import cached_property

# Folders that hold the project's own C++ (each a library, a namespace and a room).
CODE_FOLDERS = ("core", "wire", "config", "plugins", "daemon", "agent", "cli", "tests",
                "benchmarks")
SCRIPT_FOLDERS = ("tools", ".ci", "tests", "benchmarks", "plugins", "cmake")
CPP_ENDINGS = (".h", ".cc")

_TOKEN = re.compile(
    r'//(?:[^\n\\]|\\.)*'                                   # comment to the end of the line
    r'|/\*.*?\*/'                                           # block comment
    r'|R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"'        # raw string
    r'|"(?:\\.|[^"\\\n])*"'                                 # string
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",                # character (a digit separator is none)
    re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """One broken rule: where, what is wrong, and what to do about it."""
    path: str
    line: int
    rule: str
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


def _blank(text):
    """As many lines as `text`, and as many columns, with nothing in them."""
    return re.sub(r"[^\n]", " ", text)


def strip_comments(text):
    def replace(match):
        token = match.group()
        return _blank(token) if token.startswith(("//", "/*")) else token
    return _TOKEN.sub(replace, text)


def strip_comments_and_strings(text):
    def replace(match):
        token = match.group()
        if token.startswith(("//", "/*")):
            return _blank(token)
        quote = token[-1]
        return quote + _blank(token[1:-1]) + quote
    return _TOKEN.sub(replace, text)


def strip_directives(text):
    """Takes out preprocessor lines, with the lines that continue them."""
    def replace(match):
        return _blank(match.group())
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", replace, text, flags=re.MULTILINE)


class Source:
    """One file of the project. `path` is relative to the root, with forward slashes."""

    def __init__(self, path, text):
        self.path = path
        self.text = text

    @property
    def folder(self):
        return os.path.dirname(self.path)

    @property
    def is_cpp(self):
        return self.path.endswith(CPP_ENDINGS)

    @property
    def is_header(self):
        return self.path.endswith(".h")

    @property
    def is_test(self):
        return self.path.startswith("tests/")

    @cached_property
    def lines(self):
        return self.text.split("\n")

    @cached_property
    def without_comments(self):
        return strip_comments(self.text)

    @cached_property
    def code(self):
        """No comments, no text in strings, no preprocessor lines."""
        return strip_directives(strip_comments_and_strings(self.text))

    @cached_property
    def code_lines(self):
        return self.code.split("\n")

    @cached_property
    def includes(self):
        """(line, path, is_ours) of each #include."""
        found = []
        pattern = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]')
        for number, line in enumerate(self.without_comments.split("\n"), 1):
            match = pattern.match(line)
            if match:
                found.append((number, match.group(2), match.group(1) == '"'))
        return found

    def line_at(self, offset):
        return self.text.count("\n", 0, offset) + 1


class Tree:
    """The files of the project, by path."""

    def __init__(self, root, sources):
        self.root = root
        self.sources = {source.path: source for source in sources}

    def cpp(self):
        return [source for source in self.sources.values() if source.is_cpp]

    def scripts(self):
        return [source for source in self.sources.values() if not source.is_cpp]

    def under(self, *folders):
        return [source for source in self.cpp()
                if any(source.path.startswith(folder + "/") for folder in folders)]

    def get(self, path):
        return self.sources.get(path)

    def read(self, path):
        """Any other file's text; empty if there is none."""
        try:
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))

    def list(self, folder, ending):
        full = os.path.join(self.root, folder)
        if not os.path.isdir(full):
            return []
        return sorted(f"{folder}/{name}" for name in os.listdir(full) if name.endswith(ending))


def _is_script(root, path):
    if path.endswith((".py", ".sh")):
        return True
    if "." in os.path.basename(path):
        return False
    with open(os.path.join(root, path), "rb") as file:
        return file.read(2) == b"#!"


def _walk(root, folders):
    for folder in folders:
        for where, subfolders, names in os.walk(os.path.join(root, folder)):
            subfolders[:] = sorted(name for name in subfolders
                                   if name not in ("__pycache__", "fixtures", "build"))
            for name in sorted(names):
                yield os.path.relpath(os.path.join(where, name), root)


def load(root):
    """Reads the tree at `root`. Folders called fixtures are data of tests, not code."""
    paths = {path for path in _walk(root, CODE_FOLDERS) if path.endswith(CPP_ENDINGS)}
    paths |= {path for path in _walk(root, SCRIPT_FOLDERS) if _is_script(root, path)}
    sources = []
    for path in sorted(paths):
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            sources.append(Source(path, file.read()))
    return Tree(root, sources)
