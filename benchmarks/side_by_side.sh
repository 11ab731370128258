#!/usr/bin/env bash
# Khu beside Slurm and the bare machine; see benchmarks/side_by_side.py --help.
exec /usr/bin/python3 "$(dirname "$0")/side_by_side.py" "$@"
