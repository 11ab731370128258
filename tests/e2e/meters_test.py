#!/usr/bin/python3
"""What another meter of the zone counts: from its file to the books and the reports."""
import csv
import json
import os
import shutil
import subprocess
import time

from harness import CPU, EXPIRED, FIRST, NONE, SECOND, ZoneTest, main

METERS = """meters:
  vcpu:
    service: cloud
    unit: vcpu-hour
    price: "500 VND"
    split: {zone-e2e: "20%", enterprise: "80%"}

enterprises:
"""


class Meters(ZoneTest):
    hosts = False
    nodes = {"hn-03": CPU}

    @staticmethod
    def policy(text):
        text = text.replace("  name: \"Test zone\"\n",
                            "  name: \"Test zone\"\n  services: [ai-training, cloud]\n", 1)
        return text.replace("enterprises:\n", METERS, 1)

    @classmethod
    def prepare(cls):
        cls.apply_changed_policy(cls.policy)
        cls.an = cls.zone.user_token("an", FIRST)
        cls.meter = cls.zone.api_ok("POST", "/v1/tokens",
                                    {"user": "cloud", "roles": ["meter"]})["secret"]

    def file(self, *rows):
        path = os.path.join(self.folder, "meter.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write("row,meter,enterprise,quantity,from,to,corrects,reason,decision_ref\n" +
                       "".join(row.replace("\n", ",,,\n") if row.count(",") == 5 else row
                               for row in rows))
        return path

    def rows_of(self, report, month, *more):
        path = os.path.join(self.folder, f"{report}.csv")
        self.zone.khu("report", report, "--period", month, "--format", "csv", *more, "-o", path)
        self.assertEqual(self.zone.khu("report", "verify", path).returncode, 0)
        with open(path, encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        with open(path + ".manifest.json", encoding="utf-8") as file:
            return rows, json.load(file)["control_totals"]

    def take(self, *rows, token):
        return self.zone.khu("meter", "import", self.file(*rows), "--format", "json", check=False,
                             token=token)

    def test_from_the_file_to_the_statement(self):
        now = time.time() + 7 * 3600
        month = time.strftime("%Y-%m", time.gmtime(now))
        # The first seconds of this month, which are over.
        begin, end = f"{month}-01T00:00:00+07:00", f"{month}-01T00:00:01+07:00"
        good = f"a1,vcpu,{FIRST},12.5,{begin},{end}\n"
        refused = self.take(good, f"a2,gas,{FIRST},1,{begin},{end}\n", token=self.meter)
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("line 3", refused.stderr)
        self.assertEqual(self.take(good, token=self.an).returncode, 1)

        self.assertEqual(json.loads(self.take(good, token=self.meter).stdout),
                         {"taken": 1, "existed": 0})
        self.assertEqual(json.loads(self.take(good, f"a2,vcpu,{NONE},1,{begin},{end}\n",
                                              token=self.meter).stdout),
                         {"taken": 2, "existed": 1})
        self.assertEqual(self.take(good.replace("12.5", "13"), token=self.meter).returncode, 1)

        path = os.path.join(self.folder, "services.csv")
        self.zone.khu("report", "services", "--period", month, "-o", path)
        with open(path, encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([(row["row_id"], row["service"], row["list_mvnd"]) for row in rows],
                         [("a1", "cloud", "6250000"), ("a2", "cloud", "500000")])
        self.assertEqual(self.zone.khu("report", "verify", path).returncode, 0)
        own = list(csv.DictReader(self.zone.khu("report", "services", "--period", month,
                                                token=self.an).stdout.splitlines()))
        self.assertEqual([row["row_id"] for row in own], ["a1"])
        statement = json.loads(self.zone.khu("report", "statement", "--period", month,
                                             token=self.an).stdout)
        self.assertEqual(statement["services"][0]["paid_enterprise_mvnd"], 5_000_000)
        self.assertEqual(statement["money"]["payable_vnd"], 5000)
        zone = self.zone.khu("report", "zone", "--period", month).stdout
        self.assertIn("services,list_value,vcpu", zone)
        self.correct(month, begin, end)
        self.check_pdf(month)
        verified = self.zone.khu("ledger", "verify")
        self.assertEqual(verified.returncode, 0, verified.stdout)

    def check_pdf(self, month):
        """The page as a PDF, read back: the amount to be paid as its language writes it."""
        missing = [name for name in ("weasyprint", "pdftotext") if shutil.which(name) is None]
        if missing:
            print("PDF of the statement not tried: not installed:", *missing, "(tools/deps)")
            return
        for language, amount, title in (
                ("en", "4,000 đ", "Statement of GPU use"),
                ("vi", "4.000 đ", "Bảng kê sử dụng GPU")):
            path = os.path.join(self.folder, f"statement-{language}.pdf")
            self.zone.khu("report", "statement", "--period", month, "--format", "pdf",
                          "--language", language, "-o", path, token=self.an)
            with open(path, "rb") as file:
                self.assertEqual(file.read(5), b"%PDF-")
            text = subprocess.run(["pdftotext", "-layout", path, "-"], check=True,
                                  capture_output=True, text=True).stdout
            self.assertIn(amount, text)
            self.assertIn(title, text)

    def correct(self, month, begin, end):
        """a1 counted 2.5 too much."""
        def wrong(name, quantity, first="a1", reason="counter ran twice"):
            return (f"{name},vcpu,{FIRST},{quantity},{begin},{end},{month}/vcpu/{first},"
                    f"{reason},7/BB\n")

        for row, said in ((wrong("c1", "-13"), "only 12.500000 is left of it"),
                          (wrong("c1", "-2.5", first="a9"), "no such row was taken"),
                          (wrong("c1", "-2.5", reason=""), "needs a reason and the act")):
            refused = self.take(row, token=self.meter)
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn(said, refused.stderr)
            self.assertIn("L224", refused.stderr)
        for existed in (0, 1):
            self.assertEqual(json.loads(self.take(wrong("c1", "-2.5"), token=self.meter).stdout),
                             {"taken": 1, "existed": existed})

        rows, totals = self.rows_of("services", month)
        self.assertEqual([(row["row_id"], row["row_kind"], row["quantity"], row["corrects"])
                          for row in rows if row["enterprise_id"] == FIRST],
                         [("a1", "usage", "12.500000", ""),
                          ("c1", "correction", "-2.500000", f"{month}%2Fvcpu%2Fa1")])
        focus, focused = self.rows_of("focus", month)
        self.assertEqual(focused["x_PaidMvnd"], totals["list_mvnd"])
        self.assertEqual({row["ChargeCategory"] for row in focus}, {"Usage", "Credit"})
        statement = json.loads(self.zone.khu("report", "statement", "--period", month,
                                             token=self.an).stdout)
        self.assertEqual(statement["money"]["payable_vnd"], 4000)
        self.assertEqual(statement["corrections"][0]["reason"], "counter ran twice")

        _, all_of_them = self.rows_of("statement", month, "--all")
        self.assertEqual(all_of_them["statements"], 4)  # two of them were only granted something
        self.assertEqual(all_of_them["services_list_mvnd"], totals["list_mvnd"])
        zone = list(csv.DictReader(self.zone.khu("report", "zone", "--period",
                                                 month).stdout.splitlines()))
        self.assertEqual([row["value"] for row in zone if row["section"] == "services" and
                          row["measure"] == "list_value" and not row["dim1"]],
                         [str(totals["list_mvnd"])])
        lines = self.zone.khu("report", "statement", "--all", "--period", month).stdout.splitlines()
        everyone = [FIRST, SECOND, EXPIRED, NONE]
        self.assertEqual([json.loads(line)["enterprise_id"] for line in lines], everyone)
        one = self.zone.khu("report", "statement", "--period", month, "--enterprise", FIRST)
        self.assertEqual(json.loads(lines[0]), json.loads(one.stdout))
        foreign = self.zone.khu("report", "statement", "--all", "--period", month, check=False,
                                token=self.an)
        self.assertIn("N403", foreign.stderr)


if __name__ == "__main__":
    main(needs_hosts=False)
