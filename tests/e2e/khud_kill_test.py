#!/usr/bin/python3
"""kill -9 of khud: nothing acknowledged is lost, nothing is made twice, running jobs do not notice.

KHU_E2E_KILLS sets the number of kills while submitting (default 50).
"""
import http.client
import json
import os
import random
import threading
import time

from harness import Failed, ZoneTest, beats, copies, fresh, main, wait_for

KILLS = int(os.environ.get("KHU_E2E_KILLS", "50"))
CLIENTS = 4


class Submitter(threading.Thread):
    """Submits as a careful user does: each job has a key, and a broken request is repeated with the
    same key until it is answered. Remembers what was acknowledged."""

    def __init__(self, test, number):
        super().__init__(daemon=True)
        self.zone, self.token = test.zone, test.an
        self.number, self.jobs, self.stopping = number, {}, False  # key -> job
        self.wrong = []
        self.body = {"programme": "free", "partition": "cpu", "nodes": 1, "time_limit_s": 60,
                     "launcher": "fork", "argv": ["/bin/true"], "chdir": "/",
                     "output": "/dev/null"}

    def run(self):
        count = 0
        while not self.stopping:
            count += 1
            key = f"client{self.number}-{count}"
            while not self.submit(key):
                if self.stopping and not self.zone.khud.alive():
                    return
                time.sleep(0.002)

    def submit(self, key):
        """True if it was answered; the answer is then acknowledged and must hold for ever."""
        headers = {**self.zone.bearer(self.token), "Idempotency-Key": key}
        try:
            status, answer = self.zone.api("POST", "/v1/jobs", self.body, headers, timeout=10)
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return False
        if status >= 300:
            self.wrong.append((key, status, answer))
            return status < 500
        self.jobs[key] = answer["job"]
        return True


class KillKhud(ZoneTest):
    def test_while_submitting_loses_nothing_and_makes_nothing_twice(self):
        seed = int(os.environ.get("KHU_E2E_SEED", time.time_ns() % 1000000))
        print(f"KHU_E2E_SEED={seed} kills={KILLS}")
        chance = random.Random(seed)
        before = self.zone.live_jobs() + len(self.zone.ended_jobs())
        clients = [Submitter(self, number) for number in range(CLIENTS)]
        for client in clients:
            client.start()

        for _ in range(KILLS):
            time.sleep(chance.uniform(0.02, 0.5))
            self.zone.khud.kill()
            self.zone.start_khud()
        for client in clients:
            client.stopping = True
        for client in clients:
            client.join(timeout=30)

        for client in clients:
            self.assertEqual(client.wrong, [])
        given = [job for client in clients for job in client.jobs.values()]
        print(f"{len(given)} acknowledged over {KILLS} kills")
        self.assertGreater(len(given), KILLS)
        self.assertEqual(len(given), len(set(given)), "one number was given to two submissions")
        gone = set(given) - set(self.zone.views(given))
        self.assertEqual(gone, set(), "acknowledged jobs are gone")
        self.check_all_end_once(given, before)

    def check_all_end_once(self, given, before):
        """All of them run to their end, there are no others, and the books are right."""
        wait_for(lambda: self.zone.live_jobs() == 0, "the queue to be empty", 240, every=0.2)
        ended = self.zone.ended_jobs()
        self.assertEqual(len(ended), len(set(ended)), "one job ended twice")
        # Every submission was repeated until it was answered, so what nobody was told of is a
        # duplicate; but the last request of each client may have ended unanswered.
        extra = len(ended) - before - len(given)
        self.assertLessEqual(extra, CLIENTS, "jobs were made twice")
        self.assertEqual({view["cause"] for view in self.zone.views(given).values()},
                         {"completed"})
        self.assertEqual(self.zone.khu("ledger", "verify").returncode, 0)

    def test_running_mpi_jobs_do_not_notice(self):
        job, folder = self.submit_beats("kept", nodes=2, tasks_per_node=2, seconds=20)
        self.wait_beating(folder, 4)

        for pause in (0.0, 0.5, 3.0):
            self.zone.khud.kill()
            time.sleep(pause)
            self.zone.start_khud()
            time.sleep(1)
        self.assertEqual(len(fresh(beats(folder))), 4)
        view = self.zone.wait_job(job, seconds=60)

        self.assertEqual((view["cause"], view["attempt"]), ("completed", 1), view)
        self.assertEqual(copies(beats(folder)), [])

    def test_jobs_that_end_while_khud_is_away_are_recorded_once(self):
        jobs = [self.submit(["/bin/sh", "-c", f"sleep 2; exit {number % 3}"])
                for number in range(6)]
        for job in jobs:
            self.zone.wait_job(job, "running", "done")

        self.zone.khud.kill()
        time.sleep(4)
        self.zone.start_khud()

        for number, job in enumerate(jobs):
            view = self.zone.wait_job(job)
            self.assertEqual((view["exit_code"], view["attempt"]), (number % 3, 1), view)

    def test_a_job_submitted_just_before_the_kill_starts_once(self):
        folder = self.job_folder("just-before")
        jobs = []
        for number in range(10):
            jobs.append(self.submit(["/bin/sh", "-c", f"echo $$ >>{folder}/{number}; sleep 1"]))
            self.zone.khud.kill()
            self.zone.start_khud()

        for number, job in enumerate(jobs):
            view = self.zone.wait_job(job, seconds=60)
            self.assertEqual(view["cause"], "completed", view)
            with open(f"{folder}/{number}") as file:
                started = file.read().split()
            self.assertEqual(len(started), view["attempt"], f"job {job} ran {started}")

    def test_an_end_signal_stops_khud_and_keeps_the_jobs(self):
        job, folder = self.submit_beats("after-term", nodes=1, tasks_per_node=1, seconds=12)
        self.wait_beating(folder, 1)

        self.zone.khud.kill(15)
        if self.zone.khud.alive():
            raise Failed("khud does not end on SIGTERM")
        self.zone.start_khud()

        self.assertEqual(self.zone.wait_job(job, seconds=40)["attempt"], 1)


if __name__ == "__main__":
    main(needs=("khud", "khu-agent", "khu", "mpi_beat"))
