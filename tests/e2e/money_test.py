#!/usr/bin/python3
"""Money from the wallet to the statement, on plain loopback: a job waits for its enterprise's part,
a payment starts it, and its files are what the books say.
"""
import csv
import json
import os
import re
import time

from harness import CPU, FIRST, ZoneTest, main, wait_for

HALF = """  half:
    tier: subsidised
    eligible: {classes: [startup, sme], zones: [e2e]}
    grant: {max: "9000000 GPUh", window: 25000d}
    split: {zone-e2e: "50%", enterprise: "50%"}
    qos: [thuong]
    partitions: [cpu]
    limits: {max_jobs_queued: 1000}
    exhausted: deny
"""


class Money(ZoneTest):
    hosts = False
    nodes = {"hn-03": CPU, "hn-04": CPU}

    @staticmethod
    def policy(text):
        text = text.replace("enterprises:\n", HALF.lstrip("\n") + "\nenterprises:\n", 1)
        text = text.replace("    holders: [an]\n",
                            "    wallet: {mode: prepaid}\n    holders: [an]\n", 1)
        return text.replace("    grants:\n", "    grants:\n      - {id: G-1H, programme: half, "
                            'amount: "100 GPUh", from: "2020-01-01", to: "2085-01-01"}\n', 1)

    @classmethod
    def prepare(cls):
        cls.apply_changed_policy(cls.policy)
        cls.an = cls.zone.user_token("an", FIRST)
        cls.zone.token = cls.an

    def test_from_the_wallet_to_the_statement(self):
        job = self.submit(["/bin/sleep", "1"], programme="half", time_limit_s=3600)
        wait_for(lambda: (self.zone.job(job).get("reason") or {}).get("code") == "A114",
                 "the job to wait for money")

        why = self.zone.khu("why", job, token=self.an).stdout
        self.assertRegex(why, r"its wallet has 0 đ free and 0 đ held: [0-9,.]+ đ short")
        paid = self.zone.khu("wallet", "pay-in", FIRST, "--amount", "5000000 VND", "--ref", "FT-1")
        self.zone.khu("wallet", "pay-in", FIRST, "--amount", "5000000 VND", "--ref", "FT-1")
        self.assertEqual(paid.returncode, 0, paid.stderr)
        view = self.zone.wait_job(job)
        self.assertEqual(view["cause"], "completed", view)

        month = time.strftime("%Y-%m", time.gmtime(time.time() + 7 * 3600))
        path = os.path.join(self.folder, "statement.json")
        self.zone.khu("report", "statement", "--period", month, "-o", path, token=self.an)
        with open(path, encoding="utf-8") as file:
            statement = json.load(file)
        self.assertEqual(statement["money"]["wallet_paid_in_mvnd"], 5_000_000_000)  # once
        own = statement["money"]["paid_enterprise_mvnd"]
        self.assertGreater(own, 0)
        self.assertEqual(statement["money"]["wallet_closing_mvnd"], 5_000_000_000 - own)
        rows = [row for row in self.zone.report() if row["programme"] == "half"]
        self.assertEqual(sum(int(row["paid_enterprise_mvnd"]) for row in rows), own)
        balance = json.loads(self.zone.khu("balance", "--format", "json", token=self.an).stdout)
        self.assertEqual(balance["wallet"]["available_mvnd"], 5_000_000_000 - own)
        self.check_files(path, month)
        self.check_views(month)
        self.check_privacy(month)

    def check_privacy(self, month):
        """Others than the enterprise get a word for its user, after a restart too; holders the
        name."""
        def users(token=None):
            text = self.zone.khu("report", "jobs", "--period", month, token=token).stdout
            return {row["user_id"] for row in csv.DictReader(text.splitlines())
                    if row["programme"] == "half"}
        word, = users()
        self.assertRegex(word, r"^anon:[0-9a-f]{16}$")
        member = self.zone.user_token("binh", FIRST)
        by_token = self.zone.user_token("binh", FIRST, roles=["member", "holder"])
        named = self.an  # The policy lists an as a holder.
        self.assertEqual((users(named), users(by_token)), ({"an"}, {"an"}))
        self.assertEqual(users(member), {word})
        self.zone.khud.kill()
        self.zone.start_khud()
        self.assertEqual((users(), users(member), users(named)), ({word}, {word}, {"an"}))

    def check_views(self, month):
        """The FOCUS view and the export of the books say the same as the rows."""
        text = self.zone.khu("report", "focus", "--period", month).stdout
        billed = list(csv.DictReader(text.splitlines()))
        rows = self.zone.report()
        for column, ours in (("x_PaidMvnd", "list_mvnd"), ("x_ChargedUgs", "charged_ugs")):
            self.assertEqual(sum(int(row[column]) for row in billed),
                             sum(int(row[ours]) for row in rows), column)
        self.assertIn(FIRST, {row["BillingAccountId"] for row in billed})
        path = os.path.join(self.folder, "ledger.csv")
        self.zone.khu("report", "ledger", "--period", month, "-o", path)
        with open(path, encoding="utf-8") as file:
            entries = list(csv.DictReader(file))
        self.assertEqual([int(entry["seq"]) for entry in entries],
                         list(range(1, len(entries) + 1)))
        paid_in = [entry for entry in entries if entry["kind"] == "pay-in"]
        self.assertEqual([(entry["ledger"], entry["amount"]) for entry in paid_in],
                         [("MONEY", "5000000000")])
        self.assertEqual(self.zone.khu("report", "verify", path).returncode, 0)
        refused = self.zone.khu("report", "ledger", check=False, token=self.an)
        self.assertEqual(refused.returncode, 1, refused.stdout)

    def check_files(self, path, month):
        good = self.zone.khu("report", "verify", path, token=self.an)
        self.assertEqual(good.returncode, 0, good.stdout + good.stderr)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r'"payable_vnd":\d+', '"payable_vnd":0', text))
        bad = self.zone.khu("report", "verify", path, check=False, token=self.an)
        self.assertEqual(bad.returncode, 1, bad.stdout + bad.stderr)
        self.assertIn("in line 1", bad.stdout)

        page = self.zone.khu("report", "statement", "--period", month, "--format", "html",
                             "--language", "vi", token=self.an).stdout
        self.assertIn("Bảng kê sử dụng GPU", page)
        self.assertIn("<svg", page)
        status, refused = self.zone.api("GET", f"/v1/reports/statement?period={month}&language=fr",
                                        headers=self.zone.bearer(self.an))
        self.assertEqual((status, refused["code"]), (422, "H422"), refused)
        nobody = self.zone.khu("report", "statement", "--period", month, "--enterprise",
                               "0401999999", check=False)
        self.assertEqual(nobody.returncode, 1)
        self.assertIn("A133 unknown_name", nobody.stderr)
        public = self.zone.khu("report", "zone", "--period", month, "--public",
                               token=self.an).stdout
        self.assertIn("fewer than 5 enterprises", public)
        verified = self.zone.khu("ledger", "verify")
        self.assertEqual(verified.returncode, 0, verified.stdout)
        self.assertIn("zone-e2e", self.zone.khu("money").stdout)
        self.assertNotIn("zone-e2e", self.zone.khu("money", token=self.an).stdout)


if __name__ == "__main__":
    main(needs_hosts=False)
