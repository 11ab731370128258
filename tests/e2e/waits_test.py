#!/usr/bin/python3
"""What a job that waits is told of its start, on plain loopback: the interval in every view, the
same after a restart of khud, held against what came in `khu stats`; and `khu top`."""
import csv
import io
import json
import os
import pty
import select
import signal
import time

from harness import BIN, CPU, ZoneTest, main, wait_for


class Waits(ZoneTest):
    hosts = False
    nodes = {"hn-03": CPU}

    def test_told_once_shown_everywhere_and_measured(self):
        first = self.submit(["/bin/sleep", "20"], exclusive=True, time_limit_s=600)
        self.zone.wait_job(first, "running")
        second = self.submit(["/bin/true"], exclusive=True, time_limit_s=60)
        wait_for(lambda: self.zone.job(second).get("first_eta"), "the job to be told")

        view = self.zone.job(second)
        self.assertEqual(view["first_eta"]["late_at"], view["eta"]["late_at"])
        self.assertLessEqual(view["eta"]["early_at"], view["eta"]["late_at"])
        self.assertGreaterEqual(view["eta"]["late_at"], self.zone.job(first)["deadline_at"])
        self.assertRegex(self.zone.khu("why", second, token=self.an).stdout,
                         r"It starts between .* and .*\n\s+First told .*: between .* and ")
        rows = list(csv.DictReader(io.StringIO(
            self.zone.khu("queue", "--format", "csv", token=self.an).stdout)))
        waits = {row["job"]: row for row in rows}[str(second)]
        self.assertEqual(waits["eta_late_at"], view["eta"]["late_at"])
        self.assertIn("Starts by", self.zone.khu("show", second, token=self.an).stdout)

        self.zone.khud.kill(signal.SIGKILL)
        self.zone.start_khud()
        self.assertEqual(self.zone.job(second)["first_eta"], view["first_eta"])
        self.top(second)

        ended = self.zone.wait_job(second)
        self.assertEqual(ended["first_eta"]["early_at"], view["first_eta"]["early_at"])
        self.assertTrue(ended["first_eta"]["started_at"])
        self.zone.khud.kill(signal.SIGKILL)
        self.zone.start_khud()
        stats = json.loads(self.zone.khu("stats", "--format", "json", token=self.an).stdout)
        everything = next(row for row in stats["waits"]
                          if row["programme"] == "" and row["gpus_up_to"] == -1)
        self.assertEqual((everything["jobs"], everything["eta_given"]), (2, 1))
        within = view["first_eta"]["early_at"] <= ended["first_eta"]["started_at"] \
            <= view["first_eta"]["late_at"]
        self.assertEqual(everything["eta_within"], int(within))
        told = self.zone.khu("stats", "eta", "--format", "csv", token=self.an).stdout
        self.assertIn("programme,gpus_up_to,jobs,eta_given,eta_hit_permille", told)
        others = json.loads(self.zone.khu("stats", "--format", "json", token=self.chi).stdout)
        self.assertEqual(others["waits"][0]["jobs"], 0)
        refused = self.zone.khu("stats", "--from", "yesterday", check=False, token=self.an)
        self.assertEqual(refused.returncode, 1, refused.stderr)

        again = json.loads(self.zone.khu("plan", "--last", "1d", "--format", "json").stdout)
        self.assertEqual((again["jobs"], again["rejected"]), (2, 0))
        self.assertGreaterEqual(again["wait_s"]["max"], 15)  # as it was: one after the other
        policy = os.path.join(os.path.dirname(os.path.abspath(__file__)), "policy.yaml")
        tried = json.loads(self.zone.khu("policy", "plan", policy, "--format", "json").stdout)
        self.assertEqual((tried["jobs"], tried["against"]["jobs"]), (2, 2))

    def top(self, waiting):
        """Once in a pipe, then live on a terminal until q."""
        once = self.zone.khu("top", "--once", token=self.an).stdout
        self.assertRegex(once, r"nodes: 1 up")
        self.assertRegex(once, rf"(?m)^ *{waiting} ")
        self.assertNotIn("\x1b", once)
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(self.zone.environment(self.an), NO_COLOR="1", TERM="xterm")
            os.execv(BIN + "/khu", ["khu", "top"])
        shown = read_until(terminal, b"hn-03")
        self.assertIn(b"\x1b[?1049h", shown)
        self.assertNotIn(b"\x1b[1m", shown)
        os.write(terminal, b"q")
        shown = read_until(terminal, b"\x1b[?1049l")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)


def read_until(fd, wanted, seconds=20):
    shown = b""
    until = time.monotonic() + seconds
    while wanted not in shown and time.monotonic() < until:
        if select.select([fd], [], [], 0.5)[0]:
            try:
                shown += os.read(fd, 65536)
            except OSError:
                break
    assert wanted in shown, shown[-2000:]
    return shown


if __name__ == "__main__":
    main(needs_hosts=False)
