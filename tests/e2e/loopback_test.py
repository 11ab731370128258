#!/usr/bin/python3
"""From submission to report on plain loopback, without root's namespaces: fork launcher."""
import os
import time

from harness import BIN, CPU, FIRST, ZoneTest, main, wait_for


class OnLoopback(ZoneTest):
    hosts = False
    nodes = {"hn-03": CPU, "hn-04": CPU}

    def test_a_job_runs_and_is_reported_with_what_it_cost(self):
        job = self.submit(["/bin/sh", "-c", "echo hello from $KHU_JOB_ID; sleep 1"])

        view = self.zone.wait_job(job)

        self.assertEqual(view["cause"], "completed", view)
        self.assertEqual(self.output_of(job), f"hello from {job}\n")
        rows = [row for row in self.zone.report() if row["job_id"] == str(job)]
        self.assertEqual(len(rows), 1, rows)
        self.assertEqual(rows[0]["enterprise_id"], FIRST)
        self.assertGreater(int(rows[0]["charged_ugs"]), 0)
        self.assertEqual(int(rows[0]["charged_ugs"]), view["charged_ugs"])

    def test_the_ledger_verifies(self):
        self.zone.wait_job(self.submit(["/bin/true"]))

        done = self.zone.khu("ledger", "verify")

        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_exit_code_of_a_job_is_the_one_of_khu_wait(self):
        job = self.submit(["/bin/sh", "-c", "exit 7"])

        done = self.zone.khu("wait", job, check=False)

        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertEqual(self.zone.job(job)["cause"], "user_error")

    def test_khu_run_brings_the_output_back(self):
        done = self.zone.khu("run", "--programme", "free", "-p", "cpu", "-t", "1m", "-C", "/",
                             "-o", self.shared + "/run.out", "--launcher", "fork", "--",
                             "/bin/echo", "one two", token=self.an)

        self.assertIn("one two", done.stdout)

    def test_a_cancelled_job_ends_and_is_charged_for_what_it_used(self):
        job = self.submit(["/bin/sleep", "600"])
        self.zone.wait_job(job, "running")
        time.sleep(1.2)

        self.zone.khu("cancel", job, token=self.an)
        view = self.zone.wait_job(job)

        self.assertEqual(view["cause"], "user_cancel")
        self.assertGreater(view["charged_ugs"], 0)
        self.assertLess(view["charged_ugs"], 60 * view["held_ugs"] + 10**9)

    def test_an_agent_may_be_given_a_relative_state_directory(self):
        self.zone.agents["hn-04"].kill()
        self.zone.start_agent("hn-04", os.path.relpath(self.zone.agent_state("hn-04")))

        job = self.submit(["/bin/sh", "-c", "echo on $KHU_NODELIST"], include=["hn-04"])

        self.assertEqual(self.zone.wait_job(job)["cause"], "completed")
        self.assertEqual(self.output_of(job), "on hn-04\n")

    def test_a_declared_checkpoint_is_shown_and_known_to_the_next_attempt(self):
        khu = BIN + "/khu"
        script = (f'test -n "$KHU_CHECKPOINT" && echo "from $KHU_CHECKPOINT" && exit 0; '
                  f'echo step 4000 > $HOME/saved.pt; {khu} checkpoint $HOME/saved.pt; '
                  f'{khu} checkpoint $HOME/nothing.pt; echo "refused $?"; sleep 600')
        job = self.submit(["/bin/sh", "-c", script], env={"HOME": self.shared}, requeue=True)
        wait_for(lambda: self.zone.job(job)["checkpoint"], "the checkpoint to be known", 30)
        view = self.zone.job(job)

        self.zone.khu("requeue", job, token=self.an)
        ended = self.zone.wait_job(job)

        self.assertEqual(view["checkpoint"]["path"], self.shared + "/saved.pt")
        self.assertEqual((ended["cause"], ended["attempt"]), ("completed", 2), ended)
        self.assertIn("refused 2", self.output_of(job))
        self.assertIn(f"from {self.shared}/saved.pt", self.output_of(job))

    def test_a_job_over_its_time_limit_is_ended(self):
        job = self.submit(["/bin/sleep", "600"], time_limit_s=2)

        view = self.zone.wait_job(job, seconds=30)

        self.assertEqual(view["cause"], "time_limit")

    def test_the_same_idempotency_key_makes_one_job(self):
        request = {"programme": "free", "partition": "cpu", "time_limit_s": 60,
                   "launcher": "fork", "chdir": "/", "output": "/dev/null", "argv": ["/bin/true"]}
        headers = {**self.zone.bearer(self.an), "Idempotency-Key": "once-only"}

        first = self.zone.api_ok("POST", "/v1/jobs", request, headers)
        second = self.zone.api_ok("POST", "/v1/jobs", request, headers)

        self.assertEqual(first["job"], second["job"])
        self.assertEqual((first["existed"], second["existed"]), (False, True))

    def test_the_books_and_finished_jobs_survive_a_restart(self):
        job = self.submit(["/bin/true"])
        before = self.zone.wait_job(job)

        self.zone.khud.kill()
        self.zone.start_khud()

        self.assertEqual(self.zone.job(job), before)
        self.assertEqual(self.zone.khu("ledger", "verify").returncode, 0)


if __name__ == "__main__":
    main(needs_hosts=False)
