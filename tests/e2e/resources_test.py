#!/usr/bin/python3
"""Licences, with real processes: two of them and three jobs. The third waits and says why, and
starts when one ends, also when khud is killed meanwhile; a booking keeps them from others."""
import datetime
import json
import os
import signal

from harness import CPU, FIRST, SECOND, ZoneTest, main, wait_for

RESOURCES = """
resources:
  eda-licence: {count: 2}
  bench-rf: {count: 1, kind: bench}
"""

WORK = 'while [ ! -e "$1" ]; do sleep 0.1; done'


class Resources(ZoneTest):
    hosts = False
    nodes = {"hn-03": CPU, "hn-04": CPU}

    @classmethod
    def prepare(cls):
        cls.apply_changed_policy(lambda text: text + RESOURCES)
        cls.an = cls.zone.user_token("an", FIRST)
        cls.chi = cls.zone.user_token("chi", SECOND)
        cls.zone.token = cls.an

    def until(self, name, wishes, **more):
        """A job that runs until its file is made; (job, file)."""
        path = os.path.join(self.job_folder(name), "enough")
        job = self.submit(["/bin/bash", "-c", WORK, "work", path],
                          resources=[{"resource": each, "count": count}
                                     for each, count in wishes.items()], **more)
        return job, path

    def end(self, path):
        with open(path, "w", encoding="utf-8"):
            pass

    def phase(self, job):
        return self.zone.job(job)["phase"]

    def resource(self, name):
        page = json.loads(self.zone.khu("resources", name, "--format", "json",
                                        token=self.an).stdout)
        return page["resources"][0]

    def test_the_third_waits_with_its_reason_and_starts_when_one_ends(self):
        first, end_first = self.until("first", {"eda-licence": 1})
        second, end_second = self.until("second", {"eda-licence": 1})
        for job in (first, second):
            self.zone.wait_job(job, "running")
        third, end_third = self.until("third", {"eda-licence": 1})
        beside, end_beside = self.until("beside", {})
        self.zone.wait_job(beside, "running")

        wait_for(lambda: self.zone.job(third).get("reason"), "the third to have its reason")
        self.assertEqual(self.zone.job(third)["reason"]["code"], "A159")
        why = self.zone.khu("why", third, token=self.an).stdout
        self.assertIn("2 of 2 eda-licence are in use by 2 jobs, and this job needs 1", why)
        self.assertIn("eda-licence=1", self.zone.khu("show", third, token=self.an).stdout)
        seen = self.resource("eda-licence")
        self.assertEqual((seen["count"], seen["in_use"], seen["in_use_own"],
                          seen["jobs_waiting"], seen["first"]), (2, 2, 2, 1, third))
        self.assertEqual({use["job"] for use in seen["used"]}, {first, second})

        self.zone.khud.kill(signal.SIGKILL)
        self.zone.start_khud()
        self.assertEqual(self.resource("eda-licence")["in_use"], 2)
        self.assertEqual(self.phase(third), "queued")

        self.end(end_first)
        self.zone.wait_job(first)
        self.zone.wait_job(third, "running")
        for path in (end_second, end_third, end_beside):
            self.end(path)
        for job in (second, third, beside):
            self.assertEqual(self.zone.wait_job(job)["cause"], "completed")
        self.assertEqual(self.resource("eda-licence")["in_use"], 0)

    def test_a_booking_keeps_the_bench_from_others(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        times = [(now + datetime.timedelta(minutes=each)).strftime("%Y-%m-%dT%H:%M:%SZ")
                 for each in (5, 60)]
        self.zone.khu("reservation", "book", "measuring", "--resource", "bench-rf=1",
                      "--enterprise", SECOND, "--from", times[0], "--to", times[1])
        listed = self.zone.khu("reservation", "list").stdout
        self.assertIn("measuring", listed)
        self.assertIn("bench-rf=1", listed)
        self.assertNotIn("measuring", self.zone.khu("reservation", "list", token=self.an).stdout)

        waits, end_waits = self.until("waits", {"bench-rf": 1}, time_limit_s=600)
        wait_for(lambda: self.zone.job(waits).get("reason"), "the job to have its reason")
        self.assertEqual(self.zone.job(waits)["reason"]["code"], "A161")
        before, end_before = self.until("before", {"bench-rf": 1}, time_limit_s=60)
        self.zone.wait_job(before, "running")
        self.end(end_before)
        self.zone.wait_job(before)

        self.zone.khu("reservation", "cancel", "measuring")
        self.zone.wait_job(waits, "running")
        self.end(end_waits)
        self.assertEqual(self.zone.wait_job(waits)["cause"], "completed")

    def test_a_job_that_waits_asks_for_less(self):
        first, end_first = self.until("holds", {"eda-licence": 1})
        second, end_second = self.until("wants", {"eda-licence": 2, "bench-rf": 1})
        self.zone.wait_job(first, "running")
        wait_for(lambda: self.zone.job(second).get("reason"), "the second to have its reason")
        self.zone.khu("update", second, "--resource", "eda-licence=1", token=self.an)
        self.zone.wait_job(second, "running")
        shown = self.zone.khu("show", second, token=self.an).stdout
        self.assertIn("eda-licence=1", shown)
        self.assertNotIn("bench-rf", shown)
        self.assertEqual(self.resource("eda-licence")["in_use"], 2)
        third, end_third = self.until("third-of-two", {"eda-licence": 1})
        wait_for(lambda: self.zone.job(third).get("reason"), "the third to have its reason")
        self.zone.khu("update", third, "--no-resources", token=self.an)
        self.zone.wait_job(third, "running")
        for words, code in ((("--resource", "eda-licence=2"), "J302"),
                            (("--no-resources",), "J302"),
                            (("--resource", "eda-licence=0"), "eda-licence=2,bench-rf"),
                            (("--resource", "bench-rf", "--no-resources"), "do not go together")):
            refused = self.zone.khu("update", second, *words, token=self.an, check=False)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn(code, refused.stderr)
        for path in (end_first, end_second, end_third):
            self.end(path)
        for job in (first, second, third):
            self.assertEqual(self.zone.wait_job(job)["cause"], "completed")

    def test_what_could_never_run_is_refused(self):
        for asked, code in (("eda-licence=3", "A102"), ("eda-license", "A133")):
            refused = self.zone.khu("submit", "-p", "cpu", "-t", "5m", "--resource", asked, "--",
                                    "/bin/true", token=self.an, check=False)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn(code, refused.stderr)


if __name__ == "__main__":
    main(needs_hosts=False)
