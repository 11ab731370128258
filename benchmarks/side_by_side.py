#!/usr/bin/python3
"""Khu beside Slurm and beside the bare machine, in one run.

    benchmarks/side_by_side.sh              everything, as a table of ratios (some ten minutes)
    benchmarks/side_by_side.sh --quick      small counts, to see that it works (a minute or two)
    benchmarks/side_by_side.sh --only trivial_jobs,mpi_hello --sides khu
    benchmarks/side_by_side.sh --json results.jsonl --record

Each side gets a controller host and four nodes of 16 claimed cores, made of namespaces, and goes
through the same procedures (function names below are the measures' names). --record widens the
ranges in benchmarks/ranges.yaml by what was seen. Slurm is installed from Debian's packages when it
is first measured. Needs root; says so where it is not.
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "peers"))

import ranges  # noqa: E402
from khu_side import KhuSide  # noqa: E402
from measure import (Impossible, ROOT, now, percentile, rss_bytes, run, wait_for)  # noqa: E402
from slurm_side import SlurmSide  # noqa: E402

# Counts for a full and a quick run: (Khu, Slurm) where they differ by an order of magnitude.
FULL = {"loop": (800, 400), "api": (20000, 1500), "jobs": (4000, 1000), "starts": (100, 20),
        "hellos": 10, "pending": 50000, "crashes": (10, 3), "seconds": 300}
QUICK = {"loop": (100, 100), "api": (2000, 300), "jobs": (400, 200), "starts": (10, 5),
         "hellos": 3, "pending": 2000, "crashes": (2, 1), "seconds": 60}


class Run:
    """One side, and what has been measured of it."""

    def __init__(self, side, sizes, folder):
        self.side, self.sizes, self.folder = side, sizes, folder
        self.results = {}

    def size(self, name):
        value = self.sizes[name]
        return value if isinstance(value, int) else value[0 if self.side.name == "khu" else 1]

    def put(self, name, value, digits=1):
        self.results[name] = round(value, digits)


# --- the procedures -------------------------------------------------------------------------

def submit_loop(of):
    """Durable submissions a second by the command in a loop, one and four loops at a time."""
    for clients in (1, 4):
        of.side.reset(starting=False)
        of.put(f"submit_loop_{clients}", of.side.submit_loop(clients, of.size("loop")))


def submit_api(of):
    """Durable submissions a second over the API, by clients that wait for each answer."""
    for clients in (1, 4, 64):
        of.side.reset(starting=False)
        got = of.side.submit_api(of.size("api"), clients)
        of.put(f"submit_api_{clients}", got["per_s"])
        of.put(f"submit_api_{clients}_p99_ms", got["p99_ms"], 2)


def trivial_jobs(of):
    """Jobs a second, from the first submission of many to the end of the last being on record."""
    of.side.reset()
    count = of.size("jobs")
    began = now()
    of.side.submit_api(count, 4)
    wait_for(lambda: of.side.completed() >= count, of.size("seconds"), "all to end", every=0.02)
    of.put("trivial_jobs", count / (now() - began))


def start_latency(of):
    """From before the submitting command starts until the job's script runs, on an idle zone."""
    of.side.reset()
    path = os.path.join(of.folder, "started")
    latencies = []
    for _ in range(of.size("starts")):
        began = time.time()
        of.side.start_job_writing_time(path)
        wait_for(lambda: os.path.exists(path), 60, "the job to start", every=0.002)
        with open(path) as file:
            latencies.append((float(file.read()) - began) * 1e3)
        os.unlink(path)
        time.sleep(0.3)
    of.put("start_p50_ms", percentile(latencies, 0.5))
    of.put("start_p99_ms", percentile(latencies, 0.99))


def mpi_hello(of):
    """Four nodes, one rank each: from the command's start to its end."""
    of.side.reset()
    of.side.mpi_hello()
    times = [of.side.mpi_hello() for _ in range(of.size("hellos"))]
    of.put("mpi_hello_ms", statistics.median(times) * 1e3)


def pending(of):
    """Many pending jobs: memory each, the rate of further submissions, restart after kill -9."""
    of.side.reset(starting=False)
    empty = of.side.submit_api(of.size("api") // 4, 4)["per_s"]
    of.side.reset(starting=False)
    before = rss_bytes(of.side.controller_pid())
    of.side.submit_api(of.size("pending"), 4, seconds=of.size("seconds"))
    wait_for_calm(of.side.controller_pid())
    count = of.side.pending()
    of.put("pending_jobs", count, 0)
    of.put("pending_bytes", (rss_bytes(of.side.controller_pid()) - before) / count, 0)
    loaded = of.side.submit_api(max(100, of.size("api") // 4 if of.side.name == "khu" else 100), 4)
    of.put("pending_submit_share", loaded["per_s"] / empty, 3)
    wait_for_calm(of.side.controller_pid())
    of.side.kill_controller()
    of.put("restart_s", of.side.start_controller(), 3)


def wait_for_calm(pid):
    """Until a process has used less than a tenth of a CPU for a second (or for at most 20 s)."""
    def used():
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    for _ in range(20):
        before = used()
        time.sleep(1)
        if used() - before < 0.1:
            return


def crash(of):
    """kill -9 of the controller while submitting: acknowledged jobs it does not know afterwards."""
    acknowledged = lost = reused = 0
    for round_number in range(of.size("crashes")):
        of.side.reset(starting=False)
        log = os.path.join(of.folder, f"acknowledged.{round_number}")
        client = of.side.submitting(log)
        time.sleep(8 + 1.37 * round_number if of.side.name == "slurm" else 0.5 + 0.1 * round_number)
        of.side.kill_controller()
        client.kill()
        client.wait()
        of.side.start_controller()
        with open(log) as file:
            given = {int(line) for line in file.read().split("\n")[:-1]}
        known = of.side.known(given)
        acknowledged += len(given)
        lost += len(given - known)
        reused += of.side.next_id() in given
    of.put("crash_acknowledged", acknowledged, 0)
    of.put("crash_lost", lost, 0)
    of.put("crash_ids_reused", reused, 0)


def round_trip(of):
    """A trivial answer over one kept connection."""
    of.side.reset()
    took = of.side.round_trip_ms(5000)
    if took is not None:
        of.put("round_trip_us", took * 1e3)


MEASURES = [submit_loop, submit_api, trivial_jobs, start_latency, mpi_hello, pending, crash,
            round_trip]


def machine_limits(folder, seconds):
    limits = {}
    for line in run([os.path.join(BIN, "machine_limits"), seconds, folder]).splitlines():
        probe = json.loads(line)
        limits[f"{probe['limit']}_{probe['threads']}"] = probe
    return limits


# --- the table ------------------------------------------------------------------------------
# (measure, unit, peer, aim, met): peer is the other side's measure or a limit of the machine;
# "high" ratios are Khu/peer, so are "low" ones; aims are those of the zone's first issue.

def rows(khu, slurm, limits):
    """Yields (what, unit, khu, peer's name, peer's value, aim in words, met or None)."""
    def pair(name, unit, aim="", ok=None, peer="slurm"):
        mine, other = khu.get(name), slurm.get(name)
        good = None if ok is None or mine is None else ok(mine, other)
        return (name, unit, mine, peer, other, aim, good)

    def limit(name, unit, mine, key, value, aim="", ok=None):
        good = None if ok is None or mine is None or value is None else ok(mine, value)
        return (name, unit, mine, key, value, aim, good)

    per_s = {key: probe["per_s"] for key, probe in limits.items()}
    yield pair("submit_loop_1", "/s", ">= 2 x sbatch", lambda a, b: b and a >= 2 * b)
    yield pair("submit_loop_4", "/s", ">= 2 x sbatch", lambda a, b: b and a >= 2 * b)
    yield pair("submit_api_1", "/s")
    yield pair("submit_api_4", "/s")
    yield pair("submit_api_64", "/s", ">= 5000/s", lambda a, b: a >= 5000)
    yield pair("submit_api_64_p99_ms", "ms")
    yield pair("trivial_jobs", "/s", ">= 12 x Slurm", lambda a, b: b and a >= 12 * b)
    yield pair("start_p50_ms", "ms", "< 20 ms", lambda a, b: a < 20)
    yield pair("start_p99_ms", "ms")
    yield pair("mpi_hello_ms", "ms", "<= 0.8 x Slurm", lambda a, b: b and a <= 0.8 * b)
    yield pair("pending_jobs", "")
    yield pair("pending_bytes", "B/job", "<= 1024", lambda a, b: a <= 1024)
    yield pair("pending_submit_share", "of empty", ">= 0.8", lambda a, b: a >= 0.8)
    yield pair("restart_s", "s", "<= 0.5 s", lambda a, b: a <= 0.5)
    yield pair("crash_acknowledged", "")
    yield pair("crash_lost", "jobs", "0", lambda a, b: a == 0)
    yield pair("crash_ids_reused", "", "0", lambda a, b: a == 0)
    if limits:
        yield limit("submit_api_64", "/s", khu.get("submit_api_64"), "fdatasync",
                    per_s["fdatasync_4k_1"])
        yield limit("trivial_jobs", "/s", khu.get("trivial_jobs"), "spawn, 2 threads",
                    per_s["spawn_2"], ">= 0.3", lambda a, b: a >= 0.3 * b)
        yield limit("round_trip_us", "us", khu.get("round_trip_us"), "loopback",
                    limits["loopback_round_trip_1"]["p50_us"])


def print_table(khu, slurm, limits):
    line = "{:<22} {:>9} {:>11}  {:<17} {:>11} {:>8}  {:<15} {}"
    print(line.format("measure", "unit", "khu", "peer", "peer's", "ratio", "aim", ""))
    for what, unit, mine, peer, other, aim, good in rows(khu, slurm, limits):
        if mine is None and other is None:
            continue
        ratio = f"{mine / other:.3g}" if mine is not None and other else "-"
        text = ["-" if value is None else f"{value:,}" for value in (mine, other)]
        verdict = {True: "met", False: "MISSED"}.get(good, "")  # None: its peer was not measured
        print(line.format(what, unit, text[0], peer, text[1], ratio, aim, verdict))


def read_options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [measure.__name__ for measure in MEASURES]
    parser.add_argument("--quick", action="store_true", help="small counts")
    parser.add_argument("--only", help="measures, separated by commas, of: " + ", ".join(names))
    parser.add_argument("--sides", default="khu,slurm", help="of: khu, slurm")
    parser.add_argument("--json", metavar="FILE", help="append one JSON object a line")
    parser.add_argument("--record", action="store_true", help="widen benchmarks/ranges.yaml")
    parser.add_argument("--bin", default=os.path.join(ROOT, "build/release/bin"))
    options = parser.parse_args()
    options.only = options.only.split(",") if options.only else names
    unknown = set(options.only) - set(names)
    if unknown:
        parser.error(f"unknown measure {', '.join(sorted(unknown))}")
    return options


def measure_side(side, options, folder):
    of = Run(side, QUICK if options.quick else FULL, folder)
    try:
        side.up()
        for measure in MEASURES:
            if measure.__name__ in options.only:
                began = now()
                print(f"{side.name}: {measure.__name__} ...", file=sys.stderr, end="", flush=True)
                measure(of)
                print(f" {now() - began:.0f} s", file=sys.stderr)
    except Impossible as why:
        print(f"{side.name} is left out: {why}", file=sys.stderr)
    finally:
        side.down()
    return of.results


def main():
    global BIN
    options = read_options()
    BIN = options.bin
    if os.geteuid() != 0:
        print("side_by_side is skipped: making hosts out of namespaces needs root")
        return 0
    work = tempfile.mkdtemp(prefix="khu-bench-")
    os.chmod(work, 0o755)
    results = {"khu": {}, "slurm": {}}
    try:
        limits = machine_limits(work, 0.5 if options.quick else 2)
        for name, make in (("khu", KhuSide), ("slurm", SlurmSide)):
            if name in options.sides.split(","):
                folder = os.path.join(work, name)
                os.mkdir(folder)
                results[name] = measure_side(make(folder, options.bin), options, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print_table(results["khu"], results["slurm"], limits)
    if options.json:
        with open(options.json, "a") as file:
            rates = {key: probe["per_s"] for key, probe in limits.items()}
            file.write(json.dumps({"at": int(time.time()), "quick": options.quick,
                                   "machine": rates, **results}) + "\n")
    if options.record:
        ranges.widen(os.path.join(HERE, "ranges.yaml"), results, limits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
