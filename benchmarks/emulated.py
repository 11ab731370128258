#!/usr/bin/python3
"""Khu beside Slurm over a thousand and five thousand emulated nodes, in one run.

    benchmarks/emulated.sh                    10,000 mixed jobs over 1,000 and 5,000 nodes
    benchmarks/emulated.sh --quick            500 jobs over 50 nodes, to see that it works
    benchmarks/emulated.sh --sides khu --nodes 5000 --json results.jsonl

Measures the seconds from the first submission until all are answered, and until all are placed
(peers/workload.py has the jobs, which all fit at once). Each side is submitted to over as many
connections as it is quickest with; Khu stores each job before it answers. Khu's nodes are
connections of a few processes (load/agent_crowd.cc) that join, hold their leases and say that what
they are told to run does run; Slurm's are CLOUD nodes that never finish powering up, so that
nothing is sent to them at all. Slurm is tuned as its High Throughput Computing guide says for a
large cluster: `defer`, and every few seconds a pass over the whole queue. Needs root.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "peers"))

import workload  # noqa: E402
from khu_crowd import KhuCrowd  # noqa: E402
from measure import Impossible, ROOT, now  # noqa: E402
from slurm_side import SlurmSide  # noqa: E402

CONNECTIONS = 4  # Slurm answers fewer a second over more


class SlurmRecords(SlurmSide):
    """Slurm with records of nodes that have no machine behind them."""

    def __init__(self, folder, programs, nodes):
        super().__init__(folder, programs)
        self.env["SLURM_EMULATED"] = "{} {}".format(*workload.split(nodes))

    def submit(self, jobs):
        path = os.path.join(self.folder, "jobs")
        with open(path, "w") as file:
            file.writelines("{} {} {} {} {}\n".format(*job) for job in jobs)
        return subprocess.Popen(
            [str(word) for word in self.inside(self.folder + "/bin/submit_api", len(jobs),
                                               CONNECTIONS, "", path)],
            env=self.env, stdout=subprocess.PIPE, text=True)

    def waiting(self):
        return len(self.on("ctl", "squeue", "-h", "-t", "PD", "-o", "%i").split())

    def placed(self):
        return len(self.on("ctl", "squeue", "-h", "-t", "CF,R", "-o", "%i").split())

    look_every = 2  # squeue of thousands of jobs is work for slurmctld


def measure(side, jobs, limit):
    """Submits all and waits until all are placed, or `limit` seconds are over."""
    began = now()
    client = side.submit(jobs)
    submitted = None
    while now() - began < limit:
        time.sleep(side.look_every)
        if submitted is None and client.poll() is not None:
            answered = json.loads(client.stdout.read())
            submitted = answered["seconds"]
            count = answered.get("submitted", answered.get("answered"))
            if count != len(jobs):
                raise RuntimeError(f"{count} of {len(jobs)} submitted: {answered}")
        if submitted is not None and side.waiting() == 0:
            return {"submitted_s": submitted, "placed_s": round(now() - began, 2),
                    "placed": len(jobs)}
    if submitted is None:
        client.kill()
        client.wait()
    return {"submitted_s": submitted, "placed_s": None, "placed": side.placed()}


def measure_side(name, nodes, jobs, options, folder):
    os.makedirs(folder)
    side = (KhuCrowd if name == "khu" else SlurmRecords)(folder, options.bin, nodes)
    try:
        began = now()
        side.up()
        print(f"{name}, {nodes} nodes: up after {now() - began:.0f} s", file=sys.stderr)
        return measure(side, jobs, options.limit)
    except Impossible as why:
        print(f"{name} is left out: {why}", file=sys.stderr)
        return None
    finally:
        side.down()


def print_table(nodes, results):
    for side, got in results.items():
        if got is None:
            continue
        placed = f"{got['placed_s']:.1f} s" if got["placed_s"] else f"only {got['placed']:,}"
        answered = "-" if got["submitted_s"] is None else f"{got['submitted_s']:.1f} s"
        print(f"{nodes:>6} nodes  {side:<6} all answered {answered:>9}   all placed {placed:>12}")
    khu, slurm = results.get("khu"), results.get("slurm")
    if khu and slurm and khu["placed_s"] and slurm["placed_s"]:
        print(f"{'':>12}  Khu places all {slurm['placed_s'] / khu['placed_s']:.1f} times as fast")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="50 nodes, 500 jobs")
    parser.add_argument("--record", action="store_true", help="nothing to record: no ranges")
    parser.add_argument("--nodes", type=int, action="append", help="default: 1000 and 5000")
    parser.add_argument("--jobs", type=int, default=10000)
    parser.add_argument("--limit", type=float, default=900, help="seconds for one measurement")
    parser.add_argument("--sides", default="khu,slurm", help="of: khu, slurm")
    parser.add_argument("--json", metavar="FILE", help="append one JSON object a line")
    parser.add_argument("--bin", default=os.path.join(ROOT, "build/release/bin"))
    options = parser.parse_args()
    if options.quick:
        options.nodes, options.jobs = options.nodes or [50], 500
    options.nodes = options.nodes or [1000, 5000]
    return options


def main():
    options = read_options()
    if os.geteuid() != 0:
        print("emulated is skipped: making hosts out of namespaces needs root")
        return 0
    jobs = list(workload.jobs(options.jobs))
    work = tempfile.mkdtemp(prefix="khu-emulated-")
    os.chmod(work, 0o755)
    try:
        for nodes in options.nodes:
            results = {name: measure_side(name, nodes, jobs, options, f"{work}/{name}{nodes}")
                       for name in options.sides.split(",")}
            print_table(nodes, results)
            if options.json:
                with open(options.json, "a") as file:
                    file.write(json.dumps({"nodes": nodes, "jobs": len(jobs), **results}) + "\n")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
