"""What the measurements of every scheduler share: timing, percentiles, loops of commands.

A side (slurm_side.py, khu_side.py) offers the same methods, and side_by_side.py puts them through
the same procedures; so a number of one side always means the same as that of the other.
"""
import json
import os
import subprocess
import threading
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


def spawn_loop(argv, count, env):
    """Runs a command `count` times, one after another; returns (seconds, failures)."""
    null = os.open(os.devnull, os.O_RDWR)
    quiet = [(os.POSIX_SPAWN_DUP2, null, stream) for stream in (0, 1, 2)]
    failures = 0
    began = now()
    for _ in range(count):
        child = os.posix_spawnp(argv[0], argv, env, file_actions=quiet)
        failures += os.waitpid(child, 0)[1] != 0
    seconds = now() - began
    os.close(null)
    return seconds, failures


def spawn_loops(clients, argv, count, env):
    """`clients` loops at the same time, `count` runs in all; returns runs that succeeded a second.

    Waiting for a child releases Python's lock, so threads do not slow one another down here.
    """
    results = []

    def loop():
        results.append(spawn_loop(argv, count // clients, env))

    threads = [threading.Thread(target=loop) for _ in range(clients)]
    began = now()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failures = sum(failed for _, failed in results)
    if failures:
        raise RuntimeError(f"{failures} of {count} runs of {argv[0]} failed")
    return count // clients * clients / (now() - began)


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
