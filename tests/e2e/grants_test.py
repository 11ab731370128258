#!/usr/bin/python3
"""Grants from request to decision, and a policy's life, with the commands a zone's people type; and
that a restart of khud forgets none of it."""
import json
import os
import signal
import time

from harness import CPU, FIRST, NONE, ROOT, POLICY, SECOND, ZoneTest, main, wait_for


class Grants(ZoneTest):
    nodes = {"hn-03": CPU}
    hosts = False

    def khu(self, *words, token=None):
        return json.loads(self.zone.khu(*words, "--format", "json", token=token).stdout)

    def refused(self, *words, token=None):
        done = self.zone.khu(*words, check=False, token=token)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stderr

    def restart(self):
        self.zone.khud.kill(signal.SIGKILL)
        self.zone.start_khud()

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def grants_of(self, enterprise):
        grants = self.khu("grant", "list")["grants"]
        return {grant["grant"]: grant for grant in grants if grant["enterprise"] == enterprise}

    def test_a_request_waits_for_its_decision_and_its_grant_pays(self):
        ask = ["grant", "request", "--programme", "free", "--to", "2080-01-01"]
        first = self.khu(*ask, "--amount", "30h", "--purpose", "a first model", token=self.an)
        second = self.khu(*ask, "--amount", "40h", "--purpose", "another", token=self.an)
        self.assertEqual((first["state"], second["state"]), ("waiting", "waiting"))

        self.restart()
        waiting = self.khu("grant", "list", "--requests")["requests"]
        asked = {first["request"], second["request"]}
        self.assertLessEqual(asked, {one["request"] for one in waiting})

        self.khu("grant", "approve", first["request"], "--decision", "12/QĐ", "--grant", "G-N1")
        self.khu("grant", "refuse", second["request"], "--reason", "one at a time")
        self.assertIn("G-N1", self.grants_of(FIRST))
        states = {one["request"]: (one["state"], one["reason"])
                  for one in self.khu("grant", "list", "--requests", token=self.an)["requests"]}
        self.assertEqual(states[first["request"]][0], "approved")
        self.assertEqual(states[second["request"]], ("refused", "one at a time"))
        said = self.refused("grant", "refuse", second["request"], "--reason", "again")
        self.assertIn("L212", said)

    def test_a_voucher_of_the_province_is_redeemed_once(self):
        head = "grant,enterprise,programme,amount,from,to,decision_ref,voucher\n"
        row = f"G-V1,{SECOND},free,10 GPUh,2020-01-01,2080-01-01,14/QĐ,VC-2026/17\n"
        done = self.khu("grant", "import", self.file("voucher.csv", head + row))
        self.assertEqual((done["imported"], done["existed"]), (1, 0))
        self.restart()
        done = self.khu("grant", "import", self.file("voucher.csv", head + row))
        self.assertEqual((done["imported"], done["existed"]), (1, 1))

        twice = self.file("twice.csv", head + row.replace("G-V1", "G-V0").replace("VC-2026/17",
                                                                                 "VC-2026/16") +
                          row.replace("G-V1", "G-V2"))
        said = self.refused("grant", "import", twice)
        self.assertIn("line 3: L223 voucher VC-2026/17 was redeemed already, as grant G-V1", said)
        self.assertNotIn("G-V0", self.grants_of(SECOND))
        said = self.refused("grant", "approve", "G-V3", "--enterprise", SECOND, "--programme",
                            "free", "--amount", "1h", "--to", "2080-01-01", "--voucher",
                            "VC-2026/17")
        self.assertIn("L223", said)

        found = self.khu("grant", "list", "--voucher", "VC-2026/17")["grants"]
        self.assertEqual([grant["grant"] for grant in found], ["G-V1"])
        self.assertEqual(self.khu("grant", "list", "--voucher", "VC-0")["grants"], [])
        token = self.zone.user_token("chi", SECOND)
        balance = self.khu("balance", token=token)
        self.assertIn("VC-2026/17", [grant["voucher"] for grant in balance["grants"]])
        month = time.strftime("%Y-%m", time.gmtime(time.time() + 7 * 3600))
        statement = json.loads(self.zone.khu("report", "statement", "--period", month,
                                             token=token).stdout)
        self.assertIn(("G-V1", "VC-2026/17", "14/QĐ"),
                      [(grant["grant_id"], grant["voucher"], grant["decision_ref"])
                       for grant in statement["grants"]])
        grant = next(each for each in statement["grants"] if each["grant_id"] == "G-V1")
        self.assertEqual((grant["tier"], grant["from"], grant["to"], grant["available_gpuh"]),
                         ("free", "2020-01-01", "2080-01-01", "10.000000"))
        self.assertGreater(grant["days_left"], 18_000)
        self.assertEqual((statement["class"], statement["revision"]), ("sme", 1))
        self.assertIn("VC-2026/17", self.zone.khu("grant", "export").stdout)
        self.khu("grant", "close", "G-V1", "--reason", "end of the test")

    def test_an_import_opens_all_grants_or_none(self):
        head = "grant,enterprise,programme,amount,from,to,decision_ref\n"
        good = f"G-I1,{NONE},free,10 GPUh,2020-01-01,2080-01-01,13/QĐ\n"
        bad = "G-I2,0499000099,free,10 GPUh,2020-01-01,2080-01-01,13/QĐ\n"
        said = self.refused("grant", "import", self.file("bad.csv", head + good + bad))
        self.assertIn("line 3", said)
        self.assertEqual(self.grants_of(NONE), {})

        self.khu("grant", "import", self.file("good.csv", head + good))
        self.assertEqual(list(self.grants_of(NONE)), ["G-I1"])
        again = self.khu("grant", "import", self.file("good.csv", head + good))
        self.assertEqual((again["imported"], again["existed"]), (1, 1))
        other = good.replace("10 GPUh", "11h")
        self.assertIn("L200", self.refused("grant", "import",
                                           self.file("other.csv", head + other)))
        path = os.path.join(self.folder, "export.csv")
        self.zone.khu("grant", "export", "-o", path)
        with open(path) as file:
            self.assertIn(good.replace("\n", ",,\n"), file.read())
        again = self.khu("grant", "import", path)  # what is written is read, and opens nothing
        self.assertGreater(again["imported"], 1)
        self.assertEqual(again["imported"], again["existed"])
        em = self.zone.user_token("em", NONE)
        self.zone.token = em
        job = self.submit(["/bin/true"])
        self.assertEqual(self.zone.wait_job(job)["cause"], "completed")
        self.zone.token = self.an

    def test_a_policy_takes_effect_on_its_day_and_is_rolled_back(self):
        def policy_in_force():
            states = self.khu("policy", "history")["policies"]
            return [one["policy"] for one in states if one["state"] == "in_force"][0]

        def wait_in_force(name):
            wait_for(lambda: policy_in_force() == name, f"{name} to be in force")

        before = policy_in_force()
        with open(os.path.join(ROOT, POLICY)) as file:
            text = file.read()
        soon = time.strftime("%Y-%m-%dT%H:%M:%S+07:00", time.gmtime(time.time() + 7 * 3600 + 3))
        text = text.replace("id: e2e.1", f'id: e2e.2\n  supersedes: "{before}"')
        text = text.replace('"2026-01-01T00:00:00+07:00"', f'"{soon}"')
        text = text.replace("max: 24h", "max: 2h")
        self.khu("policy", "apply", self.file("second.yaml", text))
        self.assertEqual(policy_in_force(), before, "it does not wait for its moment")
        self.restart()  # what is scheduled is not forgotten
        wait_in_force("e2e.2")
        long = ["submit", "-p", "cpu", "-t", "20h", "--programme", "free", "--", "/bin/true"]
        limit = text.count("\n", 0, text.rindex("max: 2h")) + 1
        said = f"the limit of partition cpu is 2h (zone e2e.2, line {limit})"
        self.assertIn(f"time limit asked 20h, {said}", self.refused(*long, token=self.an))
        self.restart()  # the text is kept, so the line is found again
        self.assertIn(said, self.refused(*long, token=self.an))
        body = {"programme": "free", "partition": "cpu", "nodes": 1, "time_limit_s": 72000,
                "launcher": "fork", "argv": ["/bin/true"], "chdir": "/", "output": "/dev/null"}
        status, answer = self.zone.api("POST", "/v1/jobs", body, self.zone.bearer(self.an))
        self.assertEqual(status, 422, answer)
        data = {one["key"]: one["value"] for one in answer["data"]}
        self.assertEqual((data["layer"], data["policy"], data["line"], data["limit_key"]),
                         ("zone", "e2e.2", limit, "partitions.cpu.time_limit.max"))

        self.khu("policy", "rollback", "--id", "e2e.3", "--decision", "14/QĐ")
        wait_in_force("e2e.3")
        self.zone.khu(*long, token=self.an)
        self.assertRegex(self.zone.khu("policy", "show").stdout, "max: 1d")
        self.assertEqual(self.khu("policy", "history")["policies"][-1]["decision_ref"], "14/QĐ")

    def test_b_what_a_policy_books_and_redeems_is_said_before(self):
        """A reservation for one enterprise, whose nodes are not up, and a grant with a voucher."""
        before = [one["policy"] for one in self.khu("policy", "history")["policies"]
                  if one["state"] == "in_force"][0]
        at = time.time() + 7 * 3600
        day = time.strftime("%Y-%m-%d", time.gmtime(at + 5 * 86400))
        with open(os.path.join(ROOT, POLICY)) as file:
            text = file.read()
        soon = time.strftime("%Y-%m-%dT%H:%M:%S+07:00", time.gmtime(at + 5))
        text = text.replace("id: e2e.1", f'id: e2e.r1\n  supersedes: "{before}"')
        text = text.replace('"2026-01-01T00:00:00+07:00"', f'"{soon}"')
        grant = '      - {id: G-P1, programme: free, amount: "10 GPUh", from: "2020-01-01", ' \
                'to: "2080-01-01", voucher: VC-P1}\n'
        text = text.replace('      - {id: G-2,', grant + '      - {id: G-2,')
        text += f"""
calendar:
  reservations:
    - {{id: big-run, enterprise: "{FIRST}", programme: free, partition: gpu, gpus: 8, qos: thuong,
       from: "{day}T08:00:00+07:00", to: "{day}T10:00:00+07:00"}}
"""
        path = self.file("booking.yaml", text)
        said = self.zone.khu("policy", "check", path).stdout
        self.assertIn("1 window(s) of 1 nodes (8 GPUs) are booked for " + FIRST, said)
        self.assertIn("35.2 GPU-hours are held at once: G-", said)  # 8 x 2.2 x 2 h
        self.assertRegex(said, r"booking.yaml:\d+:\d+: warning: P070 calendar.reservations.big-run")
        review = self.khu("policy", "apply", path)
        self.assertEqual(len(review["forecast"]), 1, review)

        other = self.file("other.yaml", text.replace("e2e.r1", "e2e.r2"))
        said = self.zone.khu("policy", "check", other).stdout
        self.assertIn("P023 policy.supersedes: e2e.r1, applied by", said)
        self.assertEqual(self.zone.khu("policy", "check", "--strict", other,
                                       check=False).returncode, 1)

        def listed():
            return [one for one in self.khu("reservation", "list", token=self.an)["reservations"]
                    if one["reservation"] == "big-run"]
        one, = wait_for(listed, "the policy to take effect")
        self.assertEqual((one["state"], one["of_policy"]), ("not_booked", True))
        self.assertIn("P070 0 of 1 nodes", one["why"]["text"])
        self.assertEqual(self.grants_of(FIRST)["G-1"]["held_ugs"], 0)
        row = f"G-P2,{SECOND},free,10 GPUh,2020-01-01,2080-01-01,14/QĐ,VC-P1\n"
        head = "grant,enterprise,programme,amount,from,to,decision_ref,voucher\n"
        self.assertIn("L223 voucher VC-P1 was redeemed already, as grant G-P1",
                      self.refused("grant", "import", self.file("vcp.csv", head + row)))
        self.khu("grant", "close", "G-P1", "--reason", "end of the test")

    def test_b_a_quote_needs_no_command(self):
        quote = self.khu("quote", "--programme", "free", "-p", "cpu", "-t", "1h", token=self.an)
        self.assertGreater(quote["hold_ugs"], 0)

    def test_z_rules_of_the_province_bind_at_their_moment_and_are_cited(self):
        """Last, for nothing takes them away again."""
        at = time.time() + 7 * 3600
        soon = time.strftime("%Y-%m-%dT%H:%M:%S+07:00", time.gmtime(at + 8))
        text = f"""khu_layer: 1
layer:
  id: p-1
  level: province
  province: "48"
  effective_from: "{soon}"
  decision_ref: "12/QĐ-UBND"
  utc_offset: "+07:00"
bounds:
  "partitions.*.time_limit.max": {{max: 1h}}
"""
        limit = text.count("\n", 0, text.index("{max: 1h}")) + 1
        path = self.file("province.yaml", text)
        checked = self.khu("policy", "check", "--layer", "province", path)
        self.assertTrue(checked["accepted"], checked)
        self.assertIn("partitions.cpu.time_limit.max", " ".join(checked["changes"]))
        long = ["submit", "-p", "cpu", "-t", "2h", "--programme", "free", "--", "/bin/true"]
        waits = self.zone.khu("submit", "--hold", "--parsable", *long[1:],
                              token=self.an).stdout.strip()
        closed = text.replace('"partitions.*.time_limit.max": {max: 1h}',
                              '"programmes.*.partitions": {one_of: [other]}')
        checked = self.khu("policy", "check", "--layer", "province",
                           self.file("closed.yaml", closed))
        self.assertIn("could not start: A101", " ".join(checked["forecast"]))
        self.zone.khu("cancel", waits, token=self.an)
        self.khu("policy", "apply", "--layer", "province", path)
        self.zone.khu(*long, token=self.an)  # it does not bind yet
        self.restart()

        def states():
            listed = self.khu("policy", "history", "--layer", "province")["policies"]
            return [(one["policy"], one["state"], one["decision_ref"]) for one in listed]

        wait_for(lambda: states() == [("p-1", "in_force", "12/QĐ-UBND")], "p-1 to bind")
        said = f"the limit of partition cpu is 1h (province p-1, line {limit})"
        self.assertIn(said, self.refused(*long, token=self.an))
        self.restart()
        self.assertIn(said, self.refused(*long, token=self.an))
        self.assertEqual(self.khu("policy", "show", "--layer", "province")["text"], text)

        before = [one["policy"] for one in self.khu("policy", "history")["policies"]
                  if one["state"] == "in_force"][0]
        later = time.strftime("%Y-%m-%dT%H:%M:%S+07:00", time.gmtime(at + 86400))
        with open(os.path.join(ROOT, POLICY)) as file:
            policy = file.read().replace("id: e2e.1", f'id: e2e.z\n  supersedes: "{before}"')
        policy = policy.replace('"2026-01-01T00:00:00+07:00"', f'"{later}"')
        done = self.zone.khu("policy", "check", self.file("beyond.yaml", policy), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("P073 partitions.cpu.time_limit.max: 1d, at most 1h is allowed "
                      f"(province p-1, line {limit})", done.stdout + done.stderr)
        self.assertIn("layer.id", self.refused("policy", "apply", "--layer", "province", path))
        self.assertIn("layer.level", self.refused("policy", "apply", "--layer", "national", path))
        differs = self.zone.khu("policy", "diff", self.file("beyond.yaml", policy), check=False)
        self.assertIn("P073 partitions.cpu.time_limit.max", differs.stdout + differs.stderr)
        held = [one for one in self.khu("policy", "show")["held"]
                if one["path"] == "partitions.cpu.time_limit.max"][0]
        self.assertEqual(held["bound"], "1h")
        self.assertEqual(held["limit"], {"layer": "province", "policy": "p-1", "line": limit})
        self.rules_are_rolled_back(text, states, long)

    def rules_are_rolled_back(self, text, states, long):
        """Others take the place of p-1, and then its bounds come back under a new id."""
        back = ["policy", "rollback", "--layer", "province", "--decision", "14/QĐ"]
        self.assertIn("H411", self.refused(*back, "--id", "p-2"))
        soon = time.strftime("%Y-%m-%dT%H:%M:%S+07:00", time.gmtime(time.time() + 7 * 3600 + 4))
        freed = text.replace("id: p-1", 'id: p-2\n  supersedes: p-1')
        freed = freed.replace("{max: 1h}", "{max: 100d}")
        freed = freed.replace(text.split('effective_from: "')[1].split('"')[0], soon)
        self.khu("policy", "apply", "--layer", "province", self.file("freed.yaml", freed))
        wait_for(lambda: states()[-1][:2] == ("p-2", "in_force"), "p-2 to bind")
        self.zone.khu(*long, token=self.an)

        self.khu(*back, "--id", "p-3")
        wait_for(lambda: states() == [("p-1", "superseded", "12/QĐ-UBND"),
                                      ("p-2", "superseded", "12/QĐ-UBND"),
                                      ("p-3", "in_force", "14/QĐ")], "p-3 to bind")
        again = self.khu("policy", "show", "--layer", "province")["text"]
        line = again.count("\n", 0, again.index("time_limit.max")) + 1
        self.assertIn(f"the limit of partition cpu is 1h (province p-3, line {line})",
                      self.refused(*long, token=self.an))


if __name__ == "__main__":
    main(needs_hosts=False)
