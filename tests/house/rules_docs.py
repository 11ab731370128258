"""Every code that a user can meet has its page: docs/refusals and docs/reasons."""

import re

from source import Finding

_CODES = "core/base/codes.def"
_ENTRY = re.compile(r'KHU_CODE\(\s*\w+\s*,\s*"(\w+)"\s*,\s*"(\w+)"\s*,\s*(\w+)')
_PLACES = {"Reason": "docs/reasons", "Refusal": "docs/refusals", "Fault": "docs/refusals"}
_POLICY_PAGE = "docs/refusals/policy.md"
_POLICY_FORMAT = "docs/formats/policy.md"
_POLICY_SCHEMA = "core/policy/schema.h"
_HEADING = re.compile(r"^## (\w\d+) (\w+)\s*$", re.MULTILINE)


def _headings(tree, folder):
    """id -> (path, line, name, text below the heading)"""
    found = {}
    for path in tree.list(folder, ".md"):
        text = tree.read(path)
        for match in _HEADING.finditer(text):
            following = re.search(r"^## ", text[match.end():], re.MULTILINE)
            body = text[match.end():match.end() + following.start() if following else None]
            found[match.group(1)] = (path, text.count("\n", 0, match.start()) + 1,
                                     match.group(2), body)
    return found


def codes_have_pages(tree):
    text = tree.read(_CODES)
    headings = {folder: _headings(tree, folder) for folder in set(_PLACES.values())}
    known = {}
    for match in _ENTRY.finditer(text):
        code, name, kind = match.groups()
        folder = _PLACES[kind]
        known.setdefault(folder, set()).add(code)
        page = headings[folder].get(code)
        line = text.count("\n", 0, match.start()) + 1
        if page is None:
            yield Finding(_CODES, line, "no-page",
                          f"{code} has no page; write `## {code} {name}` in {folder}/*.md: "
                          "what happened, what the numbers mean, what to do")
        elif page[2] != name:
            yield Finding(page[0], page[1], "no-page", f"{code} is called {name} in codes.def")
        elif len(page[3].split()) < 25:
            yield Finding(page[0], page[1], "no-page", f"the page of {code} says too little")
    for folder, pages in headings.items():
        for code, (path, line, _, _) in pages.items():
            if code[0] != "P" and code not in known.get(folder, set()):
                yield Finding(path, line, "no-page", f"{code} is not a code of this kind any more")


def policy_codes_have_pages(tree):
    page = tree.read(_POLICY_PAGE)
    for source in tree.under("core/policy", "config"):
        for number, line in enumerate(source.without_comments.split("\n"), 1):
            for code in re.findall(r'"(P\d{3})"', line):
                if not re.search(rf"^## {code} \w", page, re.MULTILINE):
                    yield Finding(source.path, number, "no-page",
                                  f"{code} has no page; write `## {code} ...` in {_POLICY_PAGE}")


def policy_keys_are_documented(tree):
    page = tree.read(_POLICY_FORMAT)
    known = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", page))))
    source = tree.get(_POLICY_SCHEMA)
    for number, line in enumerate(source.without_comments.split("\n") if source else [], 1):
        for key in re.findall(r'\bio\.\w+\("(\w+)"', line):
            if key not in known:
                yield Finding(_POLICY_SCHEMA, number, "no-page",
                              f"the key {key} is not in {_POLICY_FORMAT}")


def links_lead_somewhere(tree):
    """Relative links of the project's own documents."""
    documents = ["README.md", "CONTRIBUTING.md"]
    for folder in ("docs", "docs/guides", "docs/refusals", "docs/reasons", "docs/formats",
                   "docs/rfc", "plugins", "tests", "benchmarks", "core/sim"):
        documents += tree.list(folder, ".md")
    for path in documents:
        folder = path.rpartition("/")[0]
        for number, line in enumerate(tree.read(path).split("\n"), 1):
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
                if "://" in target or target.startswith("mailto:"):
                    continue
                if not tree.exists(f"{folder}/{target}" if folder else target):
                    yield Finding(path, number, "dead-link", f"{target} is not there")


def named_documents_exist(tree):
    """A comment that sends its reader to a document which is not there is worse than none."""
    name = re.compile(r"(?<![\w/{}-])([\w./-]+\.(?:md|yaml))\b")
    texts = [(source.path, source.lines) for source in tree.sources.values()
             if source.folder != "tests/house"]
    texts.append((_CODES, tree.read(_CODES).split("\n")))
    for path, lines in texts:
        folder = path.rpartition("/")[0]
        for number, line in enumerate(lines, 1):
            for target in name.findall(line):
                is_ours = target.startswith("docs/") or target.endswith(".md")
                if is_ours and not any(tree.exists(where + target)
                                       for where in ("", folder + "/", "docs/")):
                    yield Finding(path, number, "no-document", f"there is no {target}")


RULES = (codes_have_pages, policy_codes_have_pages, policy_keys_are_documented,
         links_lead_somewhere, named_documents_exist)
