"""Khu on the same five hosts as Slurm: khud on "ctl", an agent of 16 cores on each of n1 to n4."""
import json
import os
import subprocess
import sys

from measure import HERE, Impossible, ROOT, alive, now, run, run_json, spawn_loops, wait_for

sys.path.insert(0, os.path.join(ROOT, "tools/lib"))
import zone as zones  # noqa: E402

NODES = ("n1", "n2", "n3", "n4")
JOB = {"nodes": 1, "time_limit_s": 600, "launcher": "fork", "argv": ["/bin/true"],
       "enterprise": "0499000001", "output": "/dev/null", "chdir": "/"}


class KhuSide:
    name = "khu"

    def __init__(self, folder, programs):
        """folder: an empty one for all state; programs: where khud and mpi_hello lie."""
        self.folder, self.programs = folder, programs
        self.runs, self.zone = 0, None

    # --- life -------------------------------------------------------------------------------

    def up(self):
        why = zones.why_no_hosts()
        if why:
            raise Impossible(why)
        if not os.access(self.programs + "/khud", os.X_OK):
            raise Impossible(f"{self.programs}/khud is not built")

    def down(self):
        if self.zone is not None:
            self.zone.stop()
            self.zone = None

    def reset(self, starting=True):
        """A new zone; with starting=False its nodes are drained until release()."""
        self.down()
        self.runs += 1
        topology = os.path.join(ROOT, "examples/topologies/cpu16.xml")
        self.zone = zones.Zone(f"{self.folder}/{self.runs}", self.programs,
                               {node: topology for node in NODES})
        self.zone.start()
        self.zone.apply_policy(os.path.join(HERE, "khu_policy.yaml"))
        self.body = self.zone.folder + "/job.json"
        with open(self.body, "w") as file:
            json.dump(JOB, file)
        if not starting:
            for node in NODES:
                self.zone.khu("drain", node, "--reason", "nothing starts yet")

    def release(self):
        for node in NODES:
            self.zone.khu("resume", node)

    # --- submitting -------------------------------------------------------------------------

    def command(self, *words):
        """argv of khu on the controller host; one exec more than khu itself, as for Slurm."""
        holder = self.zone.holder("ctl")
        return ["nsenter", "-t", holder, "-n", "-u", "-m", "--", self.programs + "/khu", *words]

    def submit_command(self, *job):
        return self.command("submit", "--enterprise", JOB["enterprise"], "-t", "10m", "-C", "/",
                            "-o", "/dev/null", "--launcher", "fork", "--", *job)

    def submit_loop(self, clients, count):
        return spawn_loops(clients, self.submit_command("/bin/true"), count,
                           self.zone.environment())

    def load(self, *more):
        return [self.programs + "/submit_load", "--endpoint", "unix:" + self.zone.socket, *more]

    def submit_api(self, count, clients, seconds=600):
        got = run_json(self.load("--body", self.body, "--count", count, "--connections", clients,
                                 "--seconds", seconds), timeout=seconds + 60)
        return {**got, "submitted": got["answered"]}

    def submitting(self, acknowledged):
        command = self.load("--body", self.body, "--count", "10000000", "--connections", "8",
                            "--acknowledged", acknowledged)
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    # --- looking ----------------------------------------------------------------------------

    def completed(self):
        return self.zone.api_ok("GET", "/v1/jobs?state=done&limit=1")["total"]

    def pending(self):
        return self.zone.api_ok("GET", "/v1/queue?limit=1")["total"]

    def ids(self):
        """Every job the zone knows, live or done."""
        known, after = set(), ""
        while True:
            page = self.zone.api_ok("GET", f"/v1/jobs?state=all&limit=1000&after={after}")
            known.update(job["job"] for job in page["jobs"])
            after = page["next"]
            if not after:
                return known

    def round_trip_ms(self, count):
        return run_json(self.load("--get", "/healthz", "--count", count))["p50_ms"]

    # --- starting jobs ----------------------------------------------------------------------

    def start_job_writing_time(self, path):
        run(self.submit_command("sh", "-c", f"date +%s.%N >{path}.new && mv {path}.new {path}"),
            env=self.zone.environment())

    def mpi_hello(self):
        began = now()
        said = run(self.command("run", "--enterprise", JOB["enterprise"], "-n", "4", "-t", "5m",
                                "--launcher", "mpi", "--", self.programs + "/mpi_hello", "4"),
                   env=self.zone.environment(), timeout=60)
        took = now() - began
        hosts = {line.split("host=")[1].split()[0] for line in said.splitlines() if "host=" in line}
        if len(hosts) != 4:
            raise RuntimeError(f"khu run did not use four hosts: {said}")
        return took

    # --- the controller ---------------------------------------------------------------------

    def controller_pid(self):
        return self.zone.khud.pid if self.zone.khud.alive() else None

    def kill_controller(self):
        pid = self.controller_pid()
        self.zone.khud.kill()
        wait_for(lambda: not alive(pid), 30, "khud to be gone")

    def start_controller(self):
        """Starts it and returns the seconds until it accepts a job (which is then cancelled)."""
        began = now()
        self.zone.start_khud(wait=False)
        while True:
            try:
                job = self.zone.submit(**JOB)
                break
            except (OSError, zones.http.client.HTTPException):
                pass
        took = now() - began
        self.zone.api_ok("POST", f"/v1/jobs/{job}/cancel", {})
        return took

    def next_id(self):
        return self.zone.submit(**JOB)
