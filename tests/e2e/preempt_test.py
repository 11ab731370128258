#!/usr/bin/python3
"""The idle class gives way, with real processes: told by a signal and a file, it ends, the paying
job starts on its GPUs, and the idle job runs again later; also when khud is killed meanwhile.
"""
import json
import os
import time

from harness import FIRST, H100, NONE, SECOND, ZoneTest, main, wait_for

GRACE = 8  # seconds, of the policy below

IDLE = """  nhan-roi: {factor: "0%", tier: 0, time_limit: 4h, min_runtime: 1s,
             no_backfill_hold: true, max_gpus_per_enterprise: 8, needs_live_grant: true}
"""
PREEMPTION = f"""
preemption:
  order: [nhan-roi]
  grace: {GRACE}s
"""

# Counts its starts, and says what it was told. With a second argument it does not listen.
WORK = """
echo start >> "$1/starts"
told() { date +%s > "$1/told"; cat "$KHU_STOP_FILE" > "$1/file"; exit 0; }
if [ -n "$2" ]; then trap '' TERM; else trap 'told "$1"' TERM; fi
while [ ! -e "$1/enough" ]; do sleep 0.1; done
"""


class Preempt(ZoneTest):
    hosts = False
    nodes = {"hn-01": H100}

    @staticmethod
    def policy(text):
        text = text.replace("qos:\n", "qos:\n" + IDLE, 1)
        text = text.replace("    qos: [thuong]\n    partitions: [gpu, cpu]",
                            "    qos: [thuong, nhan-roi]\n    partitions: [gpu, cpu]", 1)
        return text + PREEMPTION

    @classmethod
    def prepare(cls):
        cls.apply_changed_policy(cls.policy)
        cls.an = cls.zone.user_token("an", FIRST)
        cls.chi = cls.zone.user_token("chi", SECOND)
        cls.zone.token = cls.an

    def gpu_job(self, argv, gpus, **more):
        return self.submit(argv, partition="gpu", gpus_per_node=gpus, **more)

    def idle_job(self, name, gpus=4, deaf=False):
        folder = self.job_folder(name)
        words = [folder] + (["deaf"] if deaf else [])
        job = self.gpu_job(["/bin/bash", "-c", WORK, "work", *words], gpus, qos="nhan-roi",
                           time_limit_s=3600)
        self.zone.wait_job(job, "running")
        wait_for(lambda: self.lines(folder, "starts") == 1, "the idle job to begin")
        time.sleep(1.1)  # what it is sure of
        return job, folder

    def wait_promised(self, job):
        wait_for(lambda: (self.zone.job(job).get("reason") or {}).get("code") == "A140",
                 "the job to be promised a place")

    @staticmethod
    def lines(folder, name):
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    def devices(self, job):
        return [(node["node"], gpu) for node in self.zone.job(job)["nodes"] for gpu in node["gpus"]]

    def rows_of(self, job):
        return sorted((row for row in self.zone.report() if int(row["job_id"]) == job),
                      key=lambda row: int(row["attempt"]))

    def check_books(self, idle, paying):
        first, last = self.rows_of(idle)
        self.assertEqual((first["end_cause"], last["end_cause"]), ("preempted", "completed"))
        for row in (first, last):
            self.assertGreater(int(row["metered_ugs"]), 0)
            self.assertEqual(int(row["charged_ugs"]), 0)
            self.assertEqual(int(row["discount_ugs"]), int(row["metered_ugs"]))
        for row in self.rows_of(paying):
            self.assertEqual(int(row["charged_ugs"]), int(row["metered_ugs"]))
        verified = self.zone.khu("ledger", "verify")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)

    def test_told_ends_gives_its_place_and_runs_again(self):
        idle, folder = self.idle_job("told")
        had = self.devices(idle)
        paying = self.gpu_job(["/bin/sleep", "2"], 8)

        wait_for(lambda: self.lines(folder, "file") == 2, "the idle job to be told")
        with open(os.path.join(folder, "file"), encoding="utf-8") as file:
            said = dict(line.rstrip("\n").split("=", 1) for line in file)
        with open(os.path.join(folder, "told"), encoding="utf-8") as file:
            at = int(file.read())
        self.assertEqual(said["reason"], f"gives way to job {paying}")
        self.assertIn(int(said["deadline"]) - at, range(GRACE - 3, GRACE + 1))
        self.zone.wait_job(paying, "running")
        self.assertLessEqual(set(had), set(self.devices(paying)))
        why = self.zone.khu("why", idle, token=self.an).stdout
        self.assertIn("A109 gave_way: it gave way to job " + str(paying), why)
        self.assertIn("A120 resources_busy", why)
        self.assertIn("1 time, last to job " + str(paying),
                      self.zone.khu("show", idle, token=self.an).stdout)

        self.assertEqual(self.zone.wait_job(paying)["cause"], "completed")
        wait_for(lambda: self.lines(folder, "starts") == 2, "the idle job to run again")
        with open(os.path.join(folder, "enough"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.zone.wait_job(idle)["cause"], "completed")
        self.check_books(idle, paying)

    def test_what_does_not_listen_is_killed_at_the_end_of_its_grace(self):
        idle, folder = self.idle_job("deaf", deaf=True)
        began = time.monotonic()
        paying = self.gpu_job(["/bin/true"], 8)

        self.wait_promised(paying)
        show = self.zone.khu("show", idle, token=self.an).stdout
        self.assertIn(f"gives way to job {paying}", show)
        self.assertIn("Must leave by", show)
        self.assertEqual(self.zone.wait_job(paying)["cause"], "completed")
        self.assertGreater(time.monotonic() - began, GRACE - 2)
        with open(os.path.join(folder, "enough"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.zone.wait_job(idle)["cause"], "completed")
        self.check_books(idle, paying)

    def test_khud_killed_during_the_grace_keeps_the_promise(self):
        idle, folder = self.idle_job("kill", deaf=True)
        paying = self.gpu_job(["/bin/sleep", "1"], 8)
        wait_for(lambda: self.zone.job(idle)["phase"] == "ending", "the idle job to be told")
        late = self.gpu_job(["/bin/true"], 4)  # fits beside the idle job, but not the promise

        for _ in range(3):
            self.zone.khud.kill()
            self.zone.start_khud()
            self.wait_promised(paying)
            self.assertEqual(self.zone.job(late)["phase"], "queued")

        self.assertEqual(self.zone.wait_job(paying)["cause"], "completed")
        self.assertEqual(self.zone.wait_job(late)["cause"], "completed")
        started = {job: self.zone.job(job)["started_at"] for job in (paying, late)}
        self.assertLess(started[paying], started[late])
        with open(os.path.join(folder, "enough"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.zone.wait_job(idle)["cause"], "completed")
        self.assertEqual(self.lines(folder, "starts"), 2)
        self.check_books(idle, paying)

    def set_aside(self, opens, closes):
        """A second policy: the one node, for those who name the reservation."""
        def at(when):
            return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(when))
        with open(os.path.join(self.folder, "policy.yaml"), encoding="utf-8") as file:
            text = file.read()
        text = text.replace("id: e2e.1", "id: e2e.2\n  supersedes: e2e.1", 1)
        text = text.replace("2026-01-01T00:00:00+07:00", at(time.time() + 2), 1)
        policy = os.path.join(self.folder, "second.yaml")
        with open(policy, "w", encoding="utf-8") as file:
            file.write(text + f"""
calendar:
  reservations:
    - {{id: lesson, programme: free, partition: gpu, gpus: 8, qos: thuong,
       from: "{at(opens)}", to: "{at(closes)}"}}
""")
        self.zone.khu("policy", "apply", policy)
        wait_for(lambda: "lesson" in self.zone.khu("reservation", "list").stdout, "the calendar")

    def wait_reason(self, job, code):
        wait_for(lambda: (self.zone.job(job).get("reason") or {}).get("code") == code,
                 f"job {job} to wait with {code}")

    def nothing_of_it_is_shown_to_others(self):
        """That nodes are booked, and until when; neither who nor for what."""
        em = self.zone.user_token("em", NONE)
        listed = json.loads(self.zone.khu("reservation", "list", "--format", "json",
                                          token=em).stdout)["reservations"]
        self.assertEqual([(one["reservation"], one["enterprise"], one["programme"], one["qos"])
                          for one in listed], [("-", "-", "", "")])
        self.assertGreater(listed[0]["nodes_wanted"], 0)

    def test_a_booked_one_is_charged_whole_and_its_jobs_not_again(self):
        opens = int(time.time()) + 12
        closes = opens + 15

        def at(when):
            return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(when))
        booked = self.zone.khu("reservation", "book", "run", "--programme", "free", "--partition",
                               "gpu", "--qos", "thuong", "--gpus", "5", "--from", at(opens), "--to",
                               at(closes), token=self.an)
        self.assertIn("run", booked.stdout, booked.stderr)
        own = self.zone.submit(programme="", partition="", nodes=1, gpus_per_node=2,
                               time_limit_s=12, cores_per_task=1, launcher="fork",
                               chdir=self.shared, argv=["/bin/sleep", "3"], reservation="run")
        self.wait_reason(own, "A143")
        self.nothing_of_it_is_shown_to_others()
        self.zone.khud.kill()
        self.zone.start_khud()
        self.zone.wait_job(own, "running")
        late = self.zone.khu("reservation", "cancel", "run", token=self.an, check=False)
        self.assertIn("A147", late.stdout + late.stderr)
        self.zone.khud.kill()
        self.zone.start_khud()
        self.assertEqual(self.zone.wait_job(own)["cause"], "completed")

        def unused():
            return [row for row in self.zone.report() if row["end_cause"] == "reserved_unused"]
        wait_for(unused, "the reservation to be settled", 40)
        (row,), (inside,) = unused(), self.rows_of(own)
        self.assertEqual(int(row["charged_ugs"]), 8 * 2200 * 15 * 1000)
        self.assertEqual(int(row["metered_ugs"]) + int(inside["metered_ugs"]),
                         int(row["charged_ugs"]))
        self.assertEqual(int(inside["charged_ugs"]), 0)
        self.assertEqual(inside["discount_ugs"], inside["metered_ugs"])
        self.assertEqual(self.zone.khu("ledger", "verify").returncode, 0)

    def test_reserved_nodes_are_for_those_who_name_it_also_after_a_kill(self):
        opens = int(time.time()) + 15
        closes = opens + 20
        self.set_aside(opens, closes)
        foreign = self.gpu_job(["/bin/true"], 1, time_limit_s=60)
        own = self.zone.submit(programme="", partition="", nodes=1, gpus_per_node=1,
                               time_limit_s=15, cores_per_task=1, launcher="fork",
                               chdir=self.shared, argv=["/bin/sleep", "4"], reservation="lesson")
        short = self.gpu_job(["/bin/true"], 1, time_limit_s=5)
        self.wait_reason(foreign, "A142")
        self.wait_reason(own, "A143")
        self.assertEqual(self.zone.wait_job(short)["cause"], "completed")
        self.assertLess(time.time(), opens, "it ran before the window")

        self.zone.khud.kill()
        self.zone.start_khud()
        listed = self.zone.khu("reservation", "list", "--format", "csv").stdout
        self.assertIn("lesson,free,gpu,thuong,8,placed,", listed)
        self.assertIn("hn-01", listed)
        self.zone.wait_job(own, "running")
        self.assertGreaterEqual(time.time(), opens)
        self.zone.khud.kill()
        self.zone.start_khud()
        self.assertEqual(self.zone.wait_job(own)["cause"], "completed")
        self.assertLess(time.time(), closes)
        self.wait_reason(foreign, "A142")

        self.assertEqual(self.zone.wait_job(foreign)["cause"], "completed")
        self.assertGreaterEqual(time.time(), closes)
        self.assertNotIn("lesson", self.zone.khu("reservation", "list").stdout)
        self.assertEqual(self.zone.khu("ledger", "verify").returncode, 0)


if __name__ == "__main__":
    main(needs_hosts=False)
