"""Khu on the same five hosts as Slurm: khud on "ctl", an agent of 16 cores on each of n1 to n4."""
import json
import os
import subprocess
import sys

from measure import HERE, Impossible, ROOT, alive, now, run, run_json, shell_loops, wait_for

sys.path.insert(0, os.path.join(ROOT, "tools/lib"))
import zone as zones  # noqa: E402

NODES = ("n1", "n2", "n3", "n4")
JOB = {"nodes": 1, "time_limit_s": 600, "launcher": "fork", "argv": ["/bin/true"],
       "output": "/dev/null", "chdir": "/"}
ENTERPRISE = "0499000001"
USERS = 32  # one alone may send 1,000 requests a second, 4,000 at once


class KhuSide:
    name = "khu"

    def __init__(self, folder, programs):
        """folder: an empty one for all state; programs: where khud and mpi_hello lie."""
        self.folder, self.programs = folder, programs
        os.environ["KHU_HOSTS_KEEP"] = folder  # what the jobs write is looked for here
        self.runs, self.submitted, self.zone = 0, 0, None

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
        self.runs, self.submitted = self.runs + 1, 0
        topology = os.path.join(ROOT, "examples/topologies/cpu16.xml")
        self.zone = zones.Zone(f"{self.folder}/{self.runs}", self.programs,
                               {node: topology for node in NODES}, zone_id="bench")
        self.zone.start()
        self.zone.apply_policy(os.path.join(HERE, "khu_policy.yaml"))
        # A user of the enterprise; root on the Unix socket is the zone's admin and has no grant.
        token = self.zone.user_token("an", ENTERPRISE)
        self.zone.token = token
        self.env = {**self.zone.environment(), "KHU_TOKEN": token}
        self.token_files = [self.write_token(number) for number in range(USERS)]
        self.body = self.zone.folder + "/job.json"
        with open(self.body, "w") as file:
            json.dump(JOB, file)
        if not starting:
            for node in NODES:
                self.zone.khu("drain", node, "--reason", "nothing starts yet")

    def write_token(self, number):
        path = f"{self.zone.folder}/an{number}.token"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(self.zone.user_token(f"an{number}", ENTERPRISE) + "\n")
        return path

    def release(self):
        for node in NODES:
            self.zone.khu("resume", node)

    # --- submitting -------------------------------------------------------------------------

    def enter(self):
        """What stands before a command on the controller host; one exec more, as for Slurm."""
        return ["nsenter", "-t", self.zone.holder("ctl"), "-n", "-u", "-m", "--"]

    def command(self, *words):
        return [*self.enter(), self.programs + "/khu", *words]

    def submission(self, *job):
        return [self.programs + "/khu", "submit", "--parsable", "-t", "10m", "-C", "/",
                "-o", "/dev/null", "--launcher", "fork", "--", *job]

    def submit_loop(self, clients, count):
        return shell_loops(clients, self.enter(), self.submission("/bin/true"), count, self.env)

    def load(self, *more):
        return [self.programs + "/submit_load", "--endpoint", "unix:" + self.zone.socket,
                "--token-file", *self.token_files, *more]

    def submit_api(self, count, clients, seconds=600):
        got = run_json(self.load("--body", self.body, "--count", count, "--connections", clients,
                                 "--seconds", seconds), timeout=seconds + 60)
        self.submitted += got["answered"]
        return {**got, "submitted": got["answered"]}

    def submitting(self, acknowledged):
        command = self.load("--body", self.body, "--count", "10000000", "--connections", "8",
                            "--acknowledged", acknowledged)
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    # --- looking ----------------------------------------------------------------------------

    def completed(self):
        """Of those submitted over the API since the last reset."""
        return self.submitted - self.zone.live_jobs()

    def pending(self):
        return self.zone.live_jobs()

    def known(self, jobs):
        """Those of `jobs` that the zone knows."""
        return set(self.zone.views(jobs))

    def round_trip_ms(self, count):
        return run_json(self.load("--get", "/healthz", "--count", count))["p50_ms"]

    # --- starting jobs ----------------------------------------------------------------------

    def start_job_writing_time(self, path):
        script = f"date +%s.%N >{path}.new && mv {path}.new {path}"
        run([*self.enter(), *self.submission("sh", "-c", script)], env=self.env)

    def mpi_hello(self):
        began = now()
        said = run(self.command("run", "-n", "4", "-t", "5m", "-C", self.folder, "--launcher",
                                "mpi", "--", self.programs + "/mpi_hello", "4"),
                   env=self.env, timeout=60)
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
