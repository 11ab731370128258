#!/usr/bin/env bash
# Khu beside Slurm over thousands of emulated nodes; see benchmarks/emulated.py --help.
exec /usr/bin/python3 "$(dirname "$0")/emulated.py" "$@"
