"""What all tests with real processes share: a zone for a class of tests, users in it, and the check
that no two copies of a job ever ran.

Each test file is a program: exit 0 passed, 1 failed, 77 skipped (ctest's SKIP_RETURN_CODE), with
the reason printed. Programs are taken from KHU_BIN_DIR (default build/dev/bin).
"""
import collections
import glob
import os
import shutil
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../.."))
sys.path.insert(0, os.path.join(ROOT, "tools/lib"))

import zone as zones  # noqa: E402
from zone import Failed, Zone, alive, wait_for  # noqa: E402,F401

BIN = os.environ.get("KHU_BIN_DIR", os.path.join(ROOT, "build/dev/bin"))
SKIPPED = 77
POLICY = "tests/e2e/policy.yaml"
FIRST, SECOND, EXPIRED, NONE = "0499000001", "0499000002", "0499000003", "0499000004"

# core/base/limits.h: how long an agent may run jobs unheard, and how much longer khud waits.
LEASE, SKEW, GRACE = 30, 5, 10

H100, CPU = "examples/topologies/dgx-h100.xml", "examples/topologies/cpu16.xml"
ALL_NODES = {"hn-01": H100, "hn-02": H100, "hn-03": CPU, "hn-04": CPU, "hn-05": CPU, "hn-06": CPU}
CPU_NODES = {name: path for name, path in ALL_NODES.items() if path == CPU}


class ZoneTest(unittest.TestCase):
    """One zone for all tests of the class; on a failure the ends of the logs are printed."""

    nodes = CPU_NODES
    hosts = True
    certificate_life = None
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="khu-e2e-")
        os.chmod(cls.folder, 0o755)
        os.environ["KHU_HOSTS_KEEP"] = cls.folder
        cls.shared = os.path.join(cls.folder, "shared")  # what all hosts see, as /home is
        os.mkdir(cls.shared, 0o755)
        os.chmod(cls.shared, 0o1777)
        cls.zone = Zone(os.path.join(cls.folder, "z"), BIN, cls.nodes, cls.hosts)
        cls.zone.certificate_life = cls.certificate_life
        cls.broken = False
        try:
            cls.zone.start()
            cls.prepare()
        except BaseException:
            cls.show_logs()
            cls.zone.stop()
            shutil.rmtree(cls.folder, ignore_errors=True)
            raise

    @classmethod
    def apply_changed_policy(cls, change):
        """The policy of all tests, with its text as `change` gives it."""
        with open(os.path.join(ROOT, POLICY), encoding="utf-8") as file:
            text = change(file.read())
        path = os.path.join(cls.folder, "policy.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        cls.zone.apply_policy(path)

    @classmethod
    def prepare(cls):
        cls.zone.apply_policy(POLICY)
        cls.an = cls.zone.user_token("an", FIRST)
        cls.chi = cls.zone.user_token("chi", SECOND)
        cls.zone.token = cls.an

    @classmethod
    def tearDownClass(cls):
        if cls.broken:
            cls.show_logs()
        cls.zone.stop()
        if os.environ.get("KHU_E2E_KEEP"):
            print(f"kept: {cls.folder}", file=sys.stderr)
        else:
            shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def show_logs(cls):
        for log in sorted(glob.glob(cls.zone.folder + "/*.log")):
            with open(log, errors="replace") as file:
                tail = file.read()[-3000:]
            print(f"--- {os.path.basename(log)}\n{tail}", file=sys.stderr)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            type(self).broken = True

    # --- jobs -------------------------------------------------------------------------------

    def job_folder(self, name):
        path = os.path.join(self.shared, name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o1777)
        return path

    def submit(self, argv, **more):
        """A job of user an on the CPU nodes; returns its number."""
        request = {"programme": "free", "partition": "cpu", "nodes": 1, "time_limit_s": 600,
                   "cores_per_task": 1, "launcher": "fork", "chdir": self.shared, "argv": argv}
        return self.zone.submit(**{**request, **more})

    def output_of(self, job):
        path = os.path.join(self.shared, f"khu-{job}.out")
        with open(path, errors="replace") as file:
            return file.read()

    def submit_beats(self, name, nodes=2, tasks_per_node=2, seconds=600, **more):
        """An MPI job whose ranks write heartbeats until the end; (job, folder of the beats)."""
        folder = self.job_folder(name)
        job = self.submit([BIN + "/mpi_beat", folder, str(seconds)], nodes=nodes, launcher="mpi",
                          tasks_per_node=tasks_per_node, **more)
        return job, folder

    def wait_beating(self, folder, ranks, seconds=zones.DEADLINE):
        wait_for(lambda: len(fresh(beats(folder))) >= ranks, f"{ranks} ranks to beat", seconds)


def main(needs_hosts=True, needs=("khud", "khu-agent", "khu-shepherd", "khu")):
    """Runs the file's tests, or says by name and why not."""
    name = os.path.basename(sys.argv[0])
    missing = [program for program in needs if not os.access(f"{BIN}/{program}", os.X_OK)]
    why = f"{BIN}/{missing[0]} is not built" if missing else None
    if why is None and needs_hosts:
        why = zones.why_no_hosts()
    if why:
        print(f"SKIPPED {name}: {why}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)


# --- beats ------------------------------------------------------------------------------------
# mpi_beat writes DIR/beat.JOB.ATTEMPT.RANK.HOST.PID, a line each 0.1 s that begins with the time.

Beat = collections.namedtuple("Beat", "job attempt rank host pid times")


def beats(folder):
    found = []
    for path in glob.glob(folder + "/beat.*"):
        _, job, attempt, rank, host, pid = os.path.basename(path).split(".")
        with open(path) as file:
            lines = file.read().split("\n")[:-1]
        found.append(Beat(int(job), int(attempt), int(rank), host, int(pid),
                          [int(line.split()[0]) for line in lines]))
    return found


def fresh(found, within_ms=1000):
    """Those that beat in the last second (by the clock of this machine, which all hosts share)."""
    now = time.time() * 1000
    return [beat for beat in found if beat.times and now - beat.times[-1] < within_ms]


def copies(found):
    """Pairs of beats of the same job and rank that were alive at one time; must be empty.

    Ranks of one attempt are unique by construction, so two files of one (job, rank) are two
    processes; they may follow one another but never overlap.
    """
    wrong = []
    by_rank = collections.defaultdict(list)
    for beat in found:
        if beat.times:
            by_rank[beat.job, beat.rank].append(beat)
    for files in by_rank.values():
        files.sort(key=lambda beat: beat.times[0])
        wrong += [(one, two) for one, two in zip(files, files[1:])
                  if one.times[-1] >= two.times[0]]
    return wrong
