"""Khu with a process that is thousands of nodes (load/agent_crowd.cc), on one host "ctl"."""
import json
import os
import subprocess
import sys

import workload
from measure import HERE, Impossible, ROOT, wait_for

sys.path.insert(0, os.path.join(ROOT, "tools/lib"))
import zone as zones  # noqa: E402

ENTERPRISE = "0499000001"
USERS = 32  # one alone may send 1,000 requests a second, 4,000 at once
CONNECTIONS = 64
NODES_EACH = 2000  # four files a node; often a process may have 20,000
GPU, CPU = "examples/topologies/dgx-h100.xml", "examples/topologies/cpu16.xml"


class KhuCrowd:
    look_every = 0.1

    def __init__(self, folder, programs, nodes):
        """folder: an empty one for all state; programs: where khud and agent_crowd lie."""
        self.folder, self.programs = folder, programs
        gpu, cpu = workload.split(nodes)
        self.counts = {"gn": gpu, "cn": cpu}
        self.zone, self.crowds = None, []
        os.environ["KHU_HOSTS_KEEP"] = folder

    def up(self):
        why = zones.why_no_hosts()
        if why:
            raise Impossible(why)
        if not os.access(self.programs + "/agent_crowd", os.X_OK):
            raise Impossible(f"{self.programs}/agent_crowd is not built")
        self.zone = zones.Zone(self.folder + "/z", self.programs, {}, zone_id="bench")
        self.zone.start()
        self.zone.apply_policy(self.policy())
        self.start_crowds()
        self.tokens = [self.write_token(number) for number in range(USERS)]

    def policy(self):
        with open(os.path.join(HERE, "khu_emulated.yaml")) as file:
            text = file.read()
        for mark, prefix in (("@gpu@", "gn"), ("@cpu@", "cn")):
            text = text.replace(mark, f"{prefix}[0001-{self.counts[prefix]:04}]")
        path = self.folder + "/policy.yaml"
        with open(path, "w") as file:
            file.write(text)
        return path

    def start_crowds(self):
        """Processes of at most NODES_EACH nodes; waits until all are connected."""
        for prefix, topology in (("gn", GPU), ("cn", CPU)):
            for first in range(1, self.counts[prefix] + 1, NODES_EACH):
                last = min(first + NODES_EACH - 1, self.counts[prefix])
                self.crowds.append((last - first + 1, self.start_crowd(
                    f"{prefix}[{first:04}-{last:04}]", os.path.join(ROOT, topology))))

        def connected():
            for nodes, crowd in self.crowds:
                if not crowd.alive():
                    raise RuntimeError(f"the nodes ended: {crowd.said()}")
                if f"connected {nodes}" not in crowd.said(bytes_max=1 << 20):
                    return False
            return True
        wait_for(connected, 300, "all nodes to be connected", every=0.1)

    def start_crowd(self, nodes, topology):
        number = len(self.crowds)
        return zones.Daemon("agent_crowd", [
            self.programs + "/agent_crowd", "--controller", self.zone.address,
            "--join-at", "unix:" + self.zone.socket,
            "--join-token", self.zone.state + "/join.token", "--ca", self.zone.state + "/ca.pem",
            # The host's own memory: a thousand machines have a thousand disks.
            "--state", f"/dev/shm/crowd{number}", "--nodes", nodes, "--topology", topology],
            f"{self.folder}/crowd{number}.log", self.zone.holder("ctl"))

    def write_token(self, number):
        path = f"{self.folder}/an{number}.token"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(self.zone.user_token(f"an{number}", ENTERPRISE) + "\n")
        return path

    def down(self):
        for _, crowd in self.crowds:
            if crowd.alive():
                crowd.kill()
        if self.zone is not None:
            self.zone.stop()

    def submit(self, jobs):
        path = self.folder + "/jobs"
        with open(path, "w") as file:
            for job in jobs:
                file.write(json.dumps(request(job)) + "\n")
        return subprocess.Popen(
            [self.programs + "/submit_load", "--endpoint", "unix:" + self.zone.socket,
             "--token-file", *self.tokens, "--bodies", path, "--count", str(len(jobs)),
             "--connections", str(CONNECTIONS)], stdout=subprocess.PIPE, text=True)

    def metric(self, name):
        for line in self.zone.api_ok("GET", "/metrics").splitlines():
            if line.startswith(name + " "):
                return int(float(line.split()[-1]))
        raise RuntimeError(f"/metrics has no {name}")

    def waiting(self):
        return self.metric("khu_jobs_queued")

    def placed(self):
        return self.metric("khu_jobs_live") - self.waiting()


def request(job):
    asked = {"partition": job.partition, "nodes": job.nodes, "cores_per_task": job.cores,
             "time_limit_s": 60 * job.minutes, "launcher": "fork", "argv": ["/bin/true"],
             "output": "/dev/null", "chdir": "/"}
    return {**asked, "gpus_per_node": job.gpus} if job.gpus else asked
