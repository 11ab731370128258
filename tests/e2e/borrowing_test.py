#!/usr/bin/python3
"""An owner asks back the GPUs that another programme has borrowed, with real processes: the
borrower is told, saves its work and ends, the owner's job runs, and the borrower again after it;
what it lost is not charged. Also when khud is killed meanwhile.
"""
import os
import time

from harness import FIRST, H100, ZoneTest, main, wait_for

SURE = 3  # seconds, of the policy below
GRACE = 8

BORROWING = f"""
borrowing:
  gpu:
    - {{programme: free, nominal_gpus: 4, lend: 4, borrow: 4}}
    - {{programme: small, nominal_gpus: 4, lend: 4, borrow: 0}}
preemption:
  order: [borrowed]
  grace: {GRACE}s
  min_runtime_borrowed: {SURE}s
  charge_lost: {{up_to: 1h, payer: zone-e2e}}
"""

# Counts its starts and ends when it is told.
WORK = """
echo start >> "$1/starts"
trap 'exit 0' TERM
while [ ! -e "$1/enough" ]; do sleep 0.1; done
"""


class Borrowing(ZoneTest):
    hosts = False
    nodes = {"hn-01": H100}

    @classmethod
    def prepare(cls):
        # One of the two nodes never joins; nobody owns more than there is.
        cls.apply_changed_policy(lambda text: text + BORROWING)
        cls.an = cls.zone.user_token("an", FIRST)
        cls.zone.token = cls.an

    def gpu_job(self, argv, gpus, programme, **more):
        return self.submit(argv, partition="gpu", gpus_per_node=gpus, programme=programme, **more)

    def starts(self, folder):
        try:
            with open(os.path.join(folder, "starts"), encoding="utf-8") as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    def borrower(self, name):
        folder = self.job_folder(name)
        job = self.gpu_job(["/bin/bash", "-c", WORK, "work", folder], 8, "free", time_limit_s=3600)
        self.zone.wait_job(job, "running")
        wait_for(lambda: self.starts(folder) == 1, "the borrower to begin")
        return job, folder

    def reason(self, job):
        return (self.zone.job(job).get("reason") or {}).get("code")

    def finish(self, job, folder):
        wait_for(lambda: self.starts(folder) == 2, "the borrower to run again")
        with open(os.path.join(folder, "enough"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.zone.wait_job(job)["cause"], "completed")
        rows = sorted((row for row in self.zone.report() if int(row["job_id"]) == job),
                      key=lambda row: int(row["attempt"]))
        first, last = rows
        self.assertEqual((first["end_cause"], last["end_cause"]), ("preempted", "completed"))
        self.assertGreater(int(first["waived_ugs"]), 0)
        self.assertEqual(int(first["charged_ugs"]), 0, "it had declared no checkpoint")
        self.assertEqual(int(last["charged_ugs"]), int(last["metered_ugs"]))
        verified = self.zone.khu("ledger", "verify")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)

    def test_an_owner_asks_back_what_is_lent(self):
        borrower, folder = self.borrower("lent")
        self.assertEqual(self.reason(borrower), "A158")
        why = self.zone.khu("why", borrower, token=self.an).stdout
        self.assertIn("A158 on_borrowed_gpus", why)
        began = time.monotonic()

        owner = self.gpu_job(["/bin/sleep", "1"], 4, "small", time_limit_s=60)
        self.zone.wait_job(owner, "running")

        self.assertGreater(time.monotonic() - began, SURE - 2)
        self.assertEqual(self.zone.job(borrower)["phase"], "queued")
        self.assertEqual(self.zone.wait_job(owner)["cause"], "completed")
        self.finish(borrower, folder)

    def test_khud_killed_while_the_borrower_is_sure_forgets_nothing(self):
        borrower, folder = self.borrower("kill")
        owner = self.gpu_job(["/bin/sleep", "1"], 4, "small", time_limit_s=60)
        self.zone.khud.kill()
        self.zone.start_khud()
        self.assertEqual(self.zone.wait_job(owner)["cause"], "completed")
        self.finish(borrower, folder)

    def test_more_than_can_ever_be_borrowed_is_refused(self):
        refused = self.zone.khu("submit", "--partition", "gpu", "--programme", "small",
                                "--gpus-per-node", "8", "--time", "1m", "/bin/true",
                                token=self.an, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("A102", refused.stdout + refused.stderr)


if __name__ == "__main__":
    main(needs_hosts=False)
