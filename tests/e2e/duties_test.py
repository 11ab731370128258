#!/usr/bin/python3
"""What is owed for a grant that is over, hours that go from one grant to another, and a refund from
the question to the correction, with the commands a zone's people type.
"""
import csv
import hashlib
import json
import os
import time

from harness import CPU, FIRST, ZoneTest, main, wait_for

DUTIES = """  owing:
    tier: free
    eligible: {classes: [startup, sme], zones: [e2e]}
    grant: {max: "9000000 GPUh", window: 25000d}
    split: {zone-e2e: "100%"}
    qos: [thuong]
    partitions: [cpu]
    limits: {max_jobs_queued: 1000}
    exhausted: deny
    duties: {report_due_after_end: 1s, open_output: required, late_action: suspend-submit}
"""
GRANTS = """    grants:
      - {id: G-1O, programme: owing, amount: "100 GPUh", from: "2020-01-01", to: "2085-01-01"}
      - {id: G-1P, programme: owing, amount: "100 GPUh", from: "2020-01-01", to: "2085-01-01"}
"""
REFUNDS = """refunds:
  manual: {ask_within: 14d, needs: zone-admin, max: "100%", second_approver_above: "0 GPUh"}

enterprises:
"""


class Duties(ZoneTest):
    hosts = False
    nodes = {"hn-03": CPU}

    @staticmethod
    def policy(text):
        text = text.replace("enterprises:\n", DUTIES + "\n" + REFUNDS, 1)
        return text.replace("    grants:\n", GRANTS, 1)

    @classmethod
    def prepare(cls):
        cls.apply_changed_policy(cls.policy)
        cls.an = cls.zone.user_token("an", FIRST)
        cls.zone.token = cls.an

    def khu(self, *words, token=None):
        return json.loads(self.zone.khu(*words, "--format", "json", token=token).stdout)

    def refused(self, *words, token=None):
        done = self.zone.khu(*words, check=False, token=token)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stderr

    def test_a_late_report_keeps_jobs_from_starting_until_it_is_delivered(self):
        self.khu("grant", "approve", "G-D", "--enterprise", FIRST, "--programme", "owing",
                 "--amount", "10h", "--to", "2080-01-01", "--decision", "1/QĐ")
        said = self.refused("grant", "report", "G-D", "--url", "https://r", token=self.an)
        self.assertIn("L216", said)
        ahead = [one["event"] for one in self.khu("grant", "list")["grants"]
                 if one["grant"] == "G-D" for one in one["ahead"]]
        self.assertIn("report", ahead)

        self.khu("grant", "close", "G-D", "--reason", "done")

        def report():
            grants = self.khu("grant", "list", token=self.an)["grants"]
            return [one["report"] for one in grants if one["grant"] == "G-D"][0]
        wait_for(lambda: report()["state"] == "late", "the report to be late")
        job = self.submit(["/bin/true"], programme="owing")
        wait_for(lambda: (self.zone.job(job).get("reason") or {}).get("code") == "A113",
                 "the job to wait for the report")
        self.assertIn("1 days late", self.zone.khu("why", job, token=self.an).stdout)
        other = self.submit(["/bin/true"], programme="free")
        self.assertEqual(self.zone.wait_job(other)["cause"], "completed")
        self.assertIn("late, 1 days", self.zone.khu("grant", "list", token=self.an).stdout)
        self.assertIn("its report is due before", self.zone.khu("balance", token=self.an).stdout)

        path = os.path.join(self.folder, "report.pdf")
        with open(path, "wb") as file:
            file.write(b"what came of it")
        self.assertIn("L216", self.refused("grant", "report", "G-D", "--file", path,
                                           token=self.an))  # no open output
        done = self.khu("grant", "report", "G-D", "--file", path, "--output", "https://model",
                        token=self.an)
        digest = hashlib.sha256(b"what came of it").hexdigest()
        self.assertEqual(done["report"]["report"], f"report.pdf sha256:{digest}")
        self.assertEqual(self.zone.wait_job(job)["cause"], "completed")

        back = self.khu("grant", "return", "G-D", "--reason", "page 3 is empty")
        self.assertEqual((back["report"]["state"], back["report"]["returned_reason"]),
                         ("due", "page 3 is empty"))
        month = time.strftime("%Y-%m", time.gmtime(time.time() + 7 * 3600))
        rows = csv.DictReader(
            self.zone.khu("report", "zone", "--period", month).stdout.splitlines())
        value = {row["measure"]: row["value"] for row in rows if not row["dim1"]}
        self.assertEqual((value["reports_due"], value["reports_late"], value["open_outputs"]),
                         ("1", "1", "1"))
        self.assertEqual(value["energy"], "")
        statement = self.khu("report", "statement", "--period", month, token=self.an)
        self.assertEqual([(one["grant_id"], one["state"]) for one in statement["duties"]],
                         [("G-D", "due")])

    def test_hours_go_from_one_grant_to_another(self):
        before = {one["grant"]: one for one in self.khu("grant", "list")["grants"]}
        move = ["grant", "transfer", "G-1O", "--to", "G-1P", "--amount", "30h"]
        self.assertIn("N403", self.refused(*move, "--decision", "2/QĐ", token=self.an))
        self.khu(*move, "--decision", "2/QĐ")
        after = {one["grant"]: one for one in self.khu("grant", "list")["grants"]}
        for grant, sign in (("G-1O", -1), ("G-1P", 1)):
            self.assertEqual(after[grant]["free_ugs"] - before[grant]["free_ugs"],
                             sign * 30 * 3_600_000_000)
        self.assertIn("H422", self.refused(*move[:-1], "90h", "--decision", "2/QĐ"))
        self.assertEqual(self.zone.khu("ledger", "verify").returncode, 0)

    def test_a_refund_is_asked_for_by_one_and_approved_by_another(self):
        job = self.submit(["/bin/sleep", "2"], programme="free")
        self.assertEqual(self.zone.wait_job(job)["cause"], "completed")
        asked = self.khu("refund", "ask", job, "--reason", "the disk was slow", token=self.an)
        self.assertEqual(asked["state"], "waiting")
        said = self.refused("refund", "approve", asked["refund"], token=self.an)
        self.assertRegex(said, "N403|L207")
        self.assertEqual(self.khu("refund", "approve", asked["refund"])["state"], "approved")

        rows = [row for row in self.zone.report() if row["job_id"] == str(job)]
        charged = {row["row_kind"]: int(row["charged_ugs"]) for row in rows}
        self.assertGreater(charged["usage"], 0)
        self.assertEqual(charged["correction"], -charged["usage"])
        month = rows[0]["period"]
        statement = self.khu("report", "statement", "--period", month, token=self.an)
        self.assertIn(-charged["usage"],
                      [one["charged_ugs"] for one in statement["corrections"]])
        verified = self.zone.khu("ledger", "verify")
        self.assertEqual(verified.returncode, 0, verified.stdout)


if __name__ == "__main__":
    main(needs_hosts=False)
