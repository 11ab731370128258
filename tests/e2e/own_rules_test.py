#!/usr/bin/python3
"""What an enterprise's holder allows its own jobs, as its people type it: tried, brought, cited by
line, also after kill -9, seen by nobody else, and rolled back."""
import json
import os
import signal
import time

from harness import CPU, FIRST, POLICY, ROOT, SECOND, ZoneTest, main, wait_for, zones

RULES = """khu_layer: 1
layer:
  id: {id}{supersedes}
  level: enterprise
  enterprise: "{whose}"
  effective_from: "{at}"
  decision_ref: "05/QĐ-GĐ"
  utc_offset: "+07:00"
bounds:
  "partitions.*.time_limit.max": {{max: {most}}}
  "qos.*.max_jobs_per_user": {{max: 1}}
  "programmes.*.limits.max_jobs_queued": {{max: 10}}
"""


def local(seconds):
    """The time in so many seconds, as the files of the zone write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+07:00", time.gmtime(time.time() + 7 * 3600 + seconds))


class OwnRules(ZoneTest):
    hosts = False
    nodes = {"hn-03": CPU}

    @classmethod
    def prepare(cls):
        cls.zone.apply_policy(POLICY)
        cls.an = cls.zone.user_token("an", FIRST)  # The policy lists an as a holder.
        cls.binh = cls.zone.user_token("binh", FIRST)
        cls.chi = cls.zone.user_token("chi", SECOND)

    def khu(self, *words, token=None):
        return json.loads(self.zone.khu(*words, "--format", "json", token=token).stdout)

    def refused(self, *words, token=None):
        done = self.zone.khu(*words, check=False, token=token)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return done.stderr

    def rules(self, name, **more):
        """The file and its text."""
        words = {"id": f"{FIRST}-{name}", "supersedes": "", "whose": FIRST, "at": local(0),
                 "most": "1h", **more}
        path = os.path.join(self.job_folder(name), name + ".yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(RULES.format(**words))
        return path, RULES.format(**words)

    def submit_for(self, time_limit):
        return ["submit", "-p", "cpu", "-t", time_limit, "--parsable", "--", "/bin/sleep", "100"]

    def states(self):
        listed = self.khu("policy", "history", "--layer", "enterprise", token=self.an)["policies"]
        return [(one["policy"].split("-")[1], one["state"]) for one in listed]

    def test_a_holder_brings_them_and_they_bind_its_people(self):
        path, text = self.rules("1")
        line = text.count("\n", 0, text.index("time_limit.max")) + 1
        checked = self.khu("policy", "check", "--layer", "enterprise", path, token=self.an)
        self.assertTrue(checked["accepted"], checked)
        self.assertIn("partitions.cpu.time_limit.max: 1d -> 1h", checked["changes"])
        self.assertIn("programmes.small.limits.max_jobs_queued: 20 -> 10", checked["changes"])
        others, _ = self.rules("other", id=f"{SECOND}-1", whose=SECOND)
        theirs = self.khu("policy", "check", "--layer", "enterprise", others, token=self.chi)
        self.assertNotIn("programmes.small", " ".join(theirs["changes"]),
                         "they have no grant of that programme")
        self.assertIn("N403", self.refused("policy", "apply", "--layer", "enterprise", path,
                                           token=self.binh))
        self.assertIn("N403", self.refused("policy", "apply", "--layer", "enterprise", path,
                                           token=self.chi))
        self.assertIn("H411", self.refused("policy", "show", "--layer", "enterprise",
                                           token=self.an))
        self.khu("policy", "apply", "--layer", "enterprise", path, token=self.an)

        said = f"the limit of partition cpu is 1h (enterprise {FIRST}-1, line {line})"
        for _ in range(2):
            self.assertIn(said, self.refused(*self.submit_for("2h"), token=self.binh))
            self.zone.khud.kill(signal.SIGKILL)
            self.zone.start_khud()
        other = self.zone.khu(*self.submit_for("2h"), token=self.chi).stdout.strip()
        self.zone.wait_job(other, "running")
        self.zone.khu("cancel", other, token=self.chi)

        first, second = [self.zone.khu(*self.submit_for("1h"),
                                       token=self.binh).stdout.strip() for _ in range(2)]
        self.zone.wait_job(first, "running")
        why = wait_for(lambda: self.zone.job(second).get("reason"), "the second's reason")
        self.assertEqual(why["code"], "A148")
        self.assertIn(f"(enterprise {FIRST}-1, line {line + 1})", why["text"])
        self.zone.khu("cancel", first, second, token=self.binh)

        shown = self.khu("policy", "show", "--layer", "enterprise", token=self.binh)
        self.assertEqual(shown["text"], text)
        held = {one["path"]: one["limit"] for one in shown["held"]}
        self.assertEqual(held["partitions.cpu.time_limit.max"],
                         {"layer": "enterprise", "policy": f"{FIRST}-1", "line": line})
        self.assertIn("N403", self.refused("policy", "show", "--layer", "enterprise",
                                           "--enterprise", FIRST, token=self.chi))
        self.assertEqual(self.khu("policy", "show")["held"], [], "the zone is held to nothing")

        told = [one for one in self.events(self.an, "layer_binds") if one["type"][:6] == "layer_"]
        self.assertEqual([(one["type"], one["enterprise"], one["text"]) for one in told],
                         [("layer_brought", FIRST, f"{FIRST}-1"),
                          ("layer_binds", FIRST, f"{FIRST}-1")])

    def events(self, token, last):
        """What that user is told of the zone, up to the first event of the type `last`."""
        connection = zones.UnixConnection(self.zone.socket, 10)
        try:
            connection.request("GET", "/v1/events?from=1", headers=self.zone.bearer(token))
            answer = connection.getresponse()
            seen = [{"type": ""}]
            while seen[-1]["type"] != last:
                line = answer.readline()
                seen.append({"type": "", **json.loads(line)})
            return seen
        finally:
            connection.close()

    def test_b_others_take_their_place_and_they_come_back(self):
        free, _ = self.rules("2", supersedes=f"\n  supersedes: {FIRST}-1", at=local(3), most="2h")
        self.khu("policy", "apply", "--layer", "enterprise", free, token=self.an)
        self.assertEqual(self.states(), [("1", "in_force"), ("2", "scheduled")])
        wait_for(lambda: self.states() == [("1", "superseded"), ("2", "in_force")], "2 to bind")
        job = self.zone.khu(*self.submit_for("2h"), token=self.binh).stdout.strip()
        self.zone.khu("cancel", job, token=self.binh)

        back = ["policy", "rollback", "--layer", "enterprise", "--id", f"{FIRST}-3"]
        self.assertIn("N403", self.refused(*back, token=self.binh))
        self.assertIn("P075", self.refused(*back[:-1], "other", token=self.an)
                      + self.zone.khu(*back[:-1], "other", token=self.an, check=False).stdout)
        self.khu(*back, token=self.an)
        wait_for(lambda: self.states()[-1] == ("3", "in_force"), "3 to bind")
        self.assertIn(f"(enterprise {FIRST}-3, line ",
                      self.refused(*self.submit_for("2h"), token=self.binh))

    def test_c_the_zone_s_admin_may_look_and_name_whose(self):
        listed = self.khu("policy", "history", "--layer", "enterprise", "--enterprise", FIRST)
        self.assertEqual(len(listed["policies"]), 3)
        self.assertIn("enterprise", self.refused("policy", "history", "--layer", "enterprise"))
        for words in (("show",), ("history",), ("show", "--layer", "province")):
            self.assertIn("--layer enterprise",
                          self.refused("policy", *words, "--enterprise", FIRST))
        long, text = self.rules("long")
        with open(long, "w", encoding="utf-8") as file:
            file.write(text + "#" * 70000)
        self.assertIn("at most 65536",
                      self.refused("policy", "apply", "--layer", "enterprise", long))
        under, _ = self.rules("9")
        done = self.zone.khu("policy", "check", "--offline", "--under", under,
                             os.path.join(ROOT, POLICY), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("P018 layer.level: rules from above are national or province",
                      done.stdout + done.stderr)


if __name__ == "__main__":
    main(needs_hosts=False)
