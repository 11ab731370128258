#!/usr/bin/python3
"""A job that may run in several ways, on plain loopback: quoted, placed in the first that can
start, explained while it waits, and refused by the number of a way that could never run."""
import json
import os

from harness import CPU, H100, ZoneTest, main


class Alternatives(ZoneTest):
    hosts = False
    nodes = {"hn-01": H100, "hn-03": CPU}

    def ways(self, name, text):
        path = os.path.join(self.shared, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def khu(self, *arguments, **more):
        return self.zone.khu(*arguments, token=self.an, **more)

    def shown(self, *arguments):
        return json.loads(self.khu(arguments[0], "--format", "json", *arguments[1:]).stdout)

    def test_the_first_that_can_start_is_taken(self):
        ways = self.ways("ways.yaml",
                         "- {partition: gpu, gpus-per-node: 8, time: 5m}\n"
                         "- {partition: cpu, cores-per-task: 2, time: 10m}\n")
        quote = self.shown("quote", "--programme", "free", "--any-of", ways, "--", "/bin/true")
        self.assertEqual([way["alternative"] for way in quote["alternatives"]], [1, 2])
        self.assertTrue(all(way["affordable"] for way in quote["alternatives"]))
        hold = [way["hold_ugs"] for way in quote["alternatives"]]
        self.assertEqual(hold[0], 8 * 2200 * 300 * 1000)
        self.assertNotEqual(hold[0], hold[1])

        full = self.submit(["/bin/sleep", "60"], partition="gpu", gpus_per_node=8,
                           cores_per_task=4)
        self.zone.wait_job(full, "running")
        job = int(self.khu("submit", "--parsable", "--programme", "free", "--any-of", ways,
                           "-C", self.shared, "--", "/bin/sleep", "60").stdout)
        self.zone.wait_job(job, "running")
        view = self.shown("show", job)
        self.assertEqual(view["receipt"]["alternative"], 2)
        self.assertEqual((view["spec"]["partition"], view["nodes"][0]["node"]), ("cpu", "hn-03"))
        self.assertEqual(view["held_ugs"], hold[1])
        self.assertRegex(self.khu("show", job).stdout, r"(?m)^Alternative +2$")

        wide = self.ways("wide.yaml", "- {partition: gpu, gpus-per-node: 8}\n"
                                      "- {partition: cpu, exclusive: true}\n")
        waits = int(self.khu("submit", "--parsable", "--programme", "free", "--any-of", wide,
                             "--", "/bin/true").stdout)
        why = self.shown("why", waits)
        self.assertEqual([way["alternative"] for way in why["alternatives"]], [1, 2])
        self.assertEqual([way["reasons"][0]["code"] for way in why["alternatives"]],
                         ["A120", "A120"])
        self.assertRegex(self.khu("why", waits).stdout, r"Alternative 2, cpu: 1 x .*:\n +A120")

        self.khu("cancel", full)
        ended = self.zone.wait_job(waits)
        self.assertEqual((ended["cause"], ended["receipt"]["alternative"]), ("completed", 1))
        self.assertEqual(ended["spec"]["partition"], "gpu")
        self.khu("cancel", job)
        self.zone.wait_job(job)

    def test_one_that_could_never_run_is_named(self):
        ways = self.ways("never.yaml", "- {partition: cpu}\n"
                                       "- {partition: gpu, gpus-per-node: 1, nodes: 3}\n")
        refused = self.khu("submit", "--programme", "free", "--any-of", ways, "--", "/bin/true",
                           check=False)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("A132", refused.stderr)
        self.assertIn("alternative 2: ", refused.stderr)
        wrong = self.ways("wrong.yaml", "- {partition: cpu}\n- {noeds: 3}\n")
        refused = self.khu("submit", "--any-of", wrong, "--", "/bin/true", check=False)
        self.assertIn("wrong.yaml:2:4: P007", refused.stderr)


if __name__ == "__main__":
    main(needs_hosts=False)
