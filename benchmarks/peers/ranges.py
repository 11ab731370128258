"""benchmarks/ranges.yaml: the lowest and highest figure seen of each measure, and in how many runs.

One measure a line, so that it reads and merges well:

    khu.trivial_jobs: {low: 810.0, high: 934.2, runs: 4}

A figure without its run's peers says little: ratios within a run are what the table prints.
"""
import os
import re

HEAD = """# What was seen so far: lowest, highest and number of runs of each measure, as written by
# benchmarks/side_by_side.sh --record. Rates are per second unless the name ends in its unit. All on
# one two-core virtual machine that other work shared: compare ratios within a run, not these.
"""
LINE = re.compile(r"^([\w.]+): \{low: ([-\d.]+), high: ([-\d.]+), runs: (\d+)\}$")


def read(path):
    found = {}
    if os.path.exists(path):
        with open(path) as file:
            for line in file:
                match = LINE.match(line.strip())
                if match:
                    found[match[1]] = (float(match[2]), float(match[3]), int(match[4]))
    return found


def widen(path, results, limits):
    """Adds one run's figures to the file."""
    seen = read(path)
    figures = {f"{side}.{name}": value
               for side, values in results.items() for name, value in values.items()}
    figures.update({f"machine.{name}": probe["per_s"] for name, probe in limits.items()})
    for name, value in figures.items():
        low, high, runs = seen.get(name, (value, value, 0))
        seen[name] = (min(low, value), max(high, value), runs + 1)
    with open(path, "w") as file:
        file.write(HEAD)
        for name in sorted(seen):
            low, high, runs = seen[name]
            file.write(f"{name}: {{low: {low:g}, high: {high:g}, runs: {runs}}}\n")
