#!/usr/bin/env python3
"""format.py [--fix] [ROOT]: every C++ file is as clang-format-19 writes it.

Prints file:line of the first difference; --fix rewrites the files, long comments too. Exit code 77
(skipped, for ctest) where clang-format-19 is missing: another version writes other lines.
"""

import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys

import source
from reflow import reflow

TOOL = "clang-format-19"


def formatted(text, path):
    return subprocess.run([TOOL, f"--assume-filename={path}"], check=True, input=text,
                          capture_output=True).stdout


def first_difference(before, after):
    """The line, from 1, at which the two texts begin to differ; 0 if they do not."""
    if before == after:
        return 0
    pairs = zip(before.split(b"\n"), after.split(b"\n"))
    return next((n for n, (a, b) in enumerate(pairs, 1) if a != b), before.count(b"\n") + 1)


def check(path, fix):
    with open(path, "rb") as file:
        before = file.read()
    after = formatted(before, path)
    if fix:
        after = formatted(reflow(after.decode()).encode(), path)
        with open(path, "wb") as file:
            file.write(after)
    return first_difference(before, after)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--fix", action="store_true")
    options.add_argument("root", nargs="?",
                         default=os.path.join(os.path.dirname(__file__), "..", ".."))
    arguments = options.parse_args()
    if not shutil.which(TOOL):
        print(f"format: skipped, {TOOL} is not installed (tools/deps)")
        return 77
    root = os.path.abspath(arguments.root)
    paths = [text.path for text in source.load(root).cpp()]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        lines = workers.map(lambda path: check(os.path.join(root, path), arguments.fix), paths)
    wrong = [(path, line) for path, line in zip(paths, lines) if line]
    for path, line in wrong:
        print(f"{path}:{line}: " + ("rewritten" if arguments.fix else
                                    f"not as {TOOL} writes it; tools/check --fix"))
    verb = "rewritten" if arguments.fix else "findings"
    print(f"format: {len(paths)} files, {len(wrong)} {verb}")
    return 1 if wrong and not arguments.fix or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
