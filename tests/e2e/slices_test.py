#!/usr/bin/python3
"""MIG slices with real processes, on a node that a file presents: each job has its own slice of one
GPU, and sees it; who finds none free waits and is told why; a slice is charged by its own weight.
"""
import os

from harness import FIRST, SECOND, ZoneTest, main, wait_for

NODE = "examples/topologies/h100-mig.xml"  # two whole H100; one cut 3g, 2g, 2g; one in 7 of 1g
GPU_MODELS = """    gpu: h100
    gpus_per_node: 2
    slices:
      h100-3g-40gb: {per_node: 1, cores_per_slice: 4, mem_gib_per_slice: 64}
      h100-2g-20gb: {per_node: 2, cores_per_slice: 3, mem_gib_per_slice: 40}
      h100-1g-10gb: {per_node: 7, cores_per_slice: 1, mem_gib_per_slice: 16}
"""
WEIGHTS = """    h100-3g-40gb: 950
    h100-2g-20gb: 630
    h100-1g-10gb: 315
"""
# Says what it sees, and stays until it is told to end.
WORK = """
printf '%s\\n' "$CUDA_VISIBLE_DEVICES" > "$1/devices.$SLURM_PROCID"
while [ ! -e "$1/enough" ]; do sleep 0.1; done
"""


def with_slices(text):
    before = "    gpu: h100\n    gpus_per_node: 8\n"
    assert before in text and "    h100: 2200\n" in text
    text = text.replace(before, GPU_MODELS)
    return text.replace("    h100: 2200\n", "    h100: 2200\n" + WEIGHTS)


class Slices(ZoneTest):
    hosts = False
    nodes = {"hn-01": NODE}

    @classmethod
    def prepare(cls):
        cls.apply_changed_policy(with_slices)
        cls.an = cls.zone.user_token("an", FIRST)
        cls.zone.token = cls.an

    def on_slices(self, name, model, count=1, **more):
        folder = self.job_folder(name)
        job = self.submit(["/bin/sh", "-c", WORK, "work", folder], gpus_per_node=count,
                          gpu_model=model, partition="", time_limit_s=600, **more)
        return job, folder

    def seen(self, folder, rank=0):
        path = os.path.join(folder, f"devices.{rank}")
        wait_for(lambda: os.path.exists(path) and os.path.getsize(path) > 0, "the job to look")
        with open(path, encoding="utf-8") as file:
            return file.read().strip().split(",")

    def end(self, job, folder):
        with open(os.path.join(folder, "enough"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.zone.wait_job(job)["cause"], "completed")

    def test_jobs_share_a_gpu_and_the_third_waits(self):
        two = [self.on_slices(f"two{n}", "h100-2g-20gb") for n in range(2)]
        devices = [self.seen(folder) for _, folder in two]
        self.assertEqual([len(each) for each in devices], [1, 1])
        self.assertNotEqual(devices[0], devices[1])
        for each in devices:
            self.assertRegex(each[0], r"^MIG-0000:[0-9a-f]{2}:00.0/[12]$")
        self.assertEqual(devices[0][0].split("/")[0], devices[1][0].split("/")[0], "one GPU")

        third, folder = self.on_slices("two2", "h100-2g-20gb")
        wait_for(lambda: (self.zone.job(third).get("reason") or {}).get("code") == "A120",
                 "the third to be told")
        self.assertIn("A120", self.zone.khu("why", third, token=self.an).stdout)
        other, other_folder = self.on_slices("one", "h100-1g-10gb")
        self.assertRegex(self.seen(other_folder)[0], r"/0$")
        nodes = self.zone.khu("nodes", "hn-01").stdout
        self.assertIn("h100-2g-20gb", nodes)
        self.assertRegex(nodes, r"MIG-0000:\w\w:00.0/1")

        self.end(*two[0])
        self.assertEqual(self.seen(folder), devices[0], "what the first gave back")
        self.end(*two[1])
        self.end(third, folder)
        self.end(other, other_folder)
        for job, weight in ((two[0][0], 630), (third, 630), (other, 315)):
            row = [row for row in self.zone.report() if int(row["job_id"]) == job][0]
            self.assertEqual(int(row["billable_milli"]), weight)
            self.assertEqual(int(row["metered_ugs"]), weight * int(row["elapsed_s"]) * 1000)
            self.assertEqual(row["charged_ugs"], row["metered_ugs"])
        verified = self.zone.khu("ledger", "verify")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)

    def test_what_would_start_now_names_the_slices(self):
        first, folder = self.on_slices("taken", "h100-2g-20gb")
        self.seen(folder)
        waits, wider = self.on_slices("wider", "h100-2g-20gb", 2)
        wait_for(lambda: self.zone.job(waits).get("reason"), "a reason")
        self.assertIn("--gpus-per-node 1:h100-2g-20gb",
                      self.zone.khu("why", waits, token=self.an).stdout)
        self.end(first, folder)
        self.seen(wider)
        self.end(waits, wider)

    def test_each_rank_has_a_slice_of_its_own(self):
        job, folder = self.on_slices("ranks", "h100-1g-10gb", 3, tasks_per_node=3,
                                     launcher="fork")
        seen = [self.seen(folder, rank) for rank in range(3)]
        self.assertEqual([len(each) for each in seen], [1, 1, 1])
        self.assertEqual(len({each[0] for each in seen}), 3)
        self.end(job, folder)

    def test_a_job_without_a_model_gets_whole_gpus(self):
        job, folder = self.on_slices("whole", "", 2)
        self.seen(folder)
        self.assertEqual(self.zone.job(job)["spec"]["gpu_model"], "h100")
        self.assertEqual(self.zone.job(job)["nodes"][0]["gpus"], [0, 1])
        self.end(job, folder)
        refused = self.zone.khu("submit", "--gpus-per-node", "3", "--time", "1m", "/bin/true",
                                token=self.an, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("A131", refused.stdout + refused.stderr)

    def test_an_unknown_slice_is_refused_with_those_that_are_offered(self):
        refused = self.zone.khu("submit", "--gpus-per-node", "1:h100-4g.40gb", "--time", "1m",
                                "/bin/true", token=self.an, check=False)
        self.assertEqual(refused.returncode, 1)
        said = refused.stdout + refused.stderr
        self.assertIn("A133", said)
        self.assertIn("h100, h100-3g-40gb, h100-2g-20gb, h100-1g-10gb", said)
        quoted = self.zone.khu("quote", "--gpus-per-node", "1:h100-1g.10gb", "--time", "1h",
                               "/bin/true", token=self.an).stdout
        self.assertIn("0.315", quoted)

    def test_another_enterprise_waits_for_the_node(self):
        job, folder = self.on_slices("ours", "h100-3g-40gb")
        self.seen(folder)
        self.zone.token = self.zone.user_token("chi", SECOND)
        try:
            other, other_folder = self.on_slices("theirs", "h100-1g-10gb")
            wait_for(lambda: self.zone.job(other).get("reason"), "a reason")
            self.assertEqual(self.zone.job(other)["phase"], "queued")
        finally:
            self.zone.token = self.an
        self.end(job, folder)
        self.zone.token = self.zone.user_token("chi", SECOND)
        try:
            self.seen(other_folder)
            self.end(other, other_folder)
        finally:
            self.zone.token = self.an


if __name__ == "__main__":
    main(needs_hosts=False)
