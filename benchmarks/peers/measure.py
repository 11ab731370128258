"""What the measurements of every scheduler share: timing, percentiles, loops of commands.

A side (slurm_side.py, khu_side.py) offers the same methods, and side_by_side.py puts them through
the same procedures; so a number of one side always means the same as that of the other.
"""
import json
import os
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../.."))
HOSTS = os.path.join(ROOT, "tools/lib/hosts.sh")
now = time.perf_counter


class Impossible(Exception):
    """This side cannot be measured here; the text says why."""


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def run(command, check=True, timeout=600, **how):
    """Runs a command quietly; returns its output. With `check`, raises what it said on failing."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, **how)
    if check and done.returncode:
        said = done.stderr.strip()[-800:]
        raise RuntimeError(f"{command[:8]} failed ({done.returncode}): {said}")
    return done.stdout


def run_json(command, **how):
    return json.loads(run(command, **how))


def wait_for(condition, seconds, what, every=0.005):
    """Waits until condition() is true and returns how long that took."""
    began = now()
    while not condition():
        if now() - began > seconds:
            raise RuntimeError(f"waited {seconds} s in vain for {what}")
        time.sleep(every)
    return now() - began


LOOP = 'left=$1; shift; while [ $left -gt 0 ]; do "$@" >/dev/null || exit 1; left=$((left-1)); done'


def shell_loops(clients, enter, argv, count, env):
    """`clients` shell loops at the same time on the host that `enter` enters, `count` runs of argv
    in all; runs a second. Entering is part of no run."""
    each = count // clients
    command = [*enter, "/bin/sh", "-c", LOOP, "loop", str(each), *argv]
    began = now()
    loops = [subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
             for _ in range(clients)]
    said = [loop.communicate()[1] for loop in loops]
    took = now() - began
    if any(loop.returncode for loop in loops):
        raise RuntimeError(f"a loop of {argv[:2]} failed: {said}")
    return each * clients / took


def rss_bytes(pid):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


def alive(pid):
    """True while a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
