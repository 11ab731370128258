#!/usr/bin/env python3
"""house.py [ROOT]: the rules of the house, held over the whole tree. Prints file:line and remedy.

Exit code 0: the house is in order. 1: findings. What each rule is for stands in CONTRIBUTING.md.
"""

import os
import sys

import rules_arrows
import rules_core
import rules_docs
import rules_text
import source

RULES = rules_text.RULES + rules_arrows.RULES + rules_core.RULES + rules_docs.RULES


def findings(tree, rules=RULES):
    found = [finding for rule in rules for finding in rule(tree)]
    return sorted(found, key=lambda finding: (finding.path, finding.line, finding.rule))


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..")
    tree = source.load(os.path.abspath(root))
    found = findings(tree)
    for finding in found:
        print(finding)
    print(f"house: {len(tree.sources)} files, {len(RULES)} rules, {len(found)} findings")
    return 1 if found or not tree.sources else 0


if __name__ == "__main__":
    sys.exit(main())
