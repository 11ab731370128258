#!/usr/bin/python3
"""What another meter of the zone counts: from its file to the books and the reports."""
import csv
import json
import os
import time

from harness import CPU, FIRST, NONE, ROOT, ZoneTest, main

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

    @classmethod
    def prepare(cls):
        with open(os.path.join(ROOT, "tests/e2e/policy.yaml"), encoding="utf-8") as file:
            text = file.read()
        text = text.replace("  name: \"Test zone\"\n",
                            "  name: \"Test zone\"\n  services: [ai-training, cloud]\n", 1)
        text = text.replace("enterprises:\n", METERS, 1)
        policy = os.path.join(cls.folder, "policy.yaml")
        with open(policy, "w", encoding="utf-8") as file:
            file.write(text)
        cls.zone.apply_policy(policy)
        cls.an = cls.zone.user_token("an", FIRST)
        cls.meter = cls.zone.api_ok("POST", "/v1/tokens",
                                    {"user": "cloud", "roles": ["meter"]})["secret"]

    def file(self, *rows):
        path = os.path.join(self.folder, "meter.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write("row,meter,enterprise,quantity,from,to\n" + "".join(rows))
        return path

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
        verified = self.zone.khu("ledger", "verify")
        self.assertEqual(verified.returncode, 0, verified.stdout)


if __name__ == "__main__":
    main(needs_hosts=False)
