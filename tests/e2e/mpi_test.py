#!/usr/bin/python3
"""MPI over several hosts: the world's size, which hosts, which cores, and a real training."""
import os
import re
import unittest

from harness import ALL_NODES, BIN, ROOT, ZoneTest, main

HELLO = re.compile(r"hello rank=(\d+) size=(\d+) sum=(\d+) host=(\S+) cpus=(\S*)")


class Mpi(ZoneTest):
    nodes = ALL_NODES

    def hellos(self, job):
        return [(int(rank), int(size), int(total), host, cpus)
                for rank, size, total, host, cpus in HELLO.findall(self.output_of(job))]

    def test_four_hosts_of_two_ranks_are_one_world_of_eight(self):
        job = self.submit([BIN + "/mpi_hello", "8"], nodes=4, tasks_per_node=2, launcher="mpi")

        view = self.zone.wait_job(job, seconds=60)

        self.assertEqual((view["cause"], view["exit_code"]), ("completed", 0), self.output_of(job))
        found = self.hellos(job)
        self.assertEqual(sorted(rank for rank, *_ in found), list(range(8)))
        self.assertEqual({(size, total) for _, size, total, *_ in found}, {(8, 8)})
        hosts = [host for *_, host, _ in found]
        self.assertEqual({host: hosts.count(host) for host in hosts},
                         {"hn-03": 2, "hn-04": 2, "hn-05": 2, "hn-06": 2})

    def test_a_script_that_calls_mpirun_gets_the_nodes_of_its_job(self):
        script = f"#!/bin/sh\nmpirun {BIN}/mpi_hello 4\n"
        job = self.zone.submit(programme="free", partition="cpu", nodes=2, tasks_per_node=2,
                               time_limit_s=60, chdir=self.shared, script=script,
                               launcher="script", cores_per_task=1)

        view = self.zone.wait_job(job, seconds=60)

        self.assertEqual(view["cause"], "completed", self.output_of(job))
        found = self.hellos(job)
        placed = {node["node"] for node in view["nodes"]} or {host for *_, host, _ in found}
        self.assertEqual(len(found), 4, self.output_of(job))
        self.assertEqual({host for *_, host, _ in found}, placed)

    def test_a_rank_that_fails_ends_the_job_on_all_nodes(self):
        folder = self.job_folder("failing")
        script = f"[ $OMPI_COMM_WORLD_RANK = 1 ] && exit 9; exec {BIN}/mpi_beat {folder} 600"
        job = self.submit(["/bin/sh", "-c", script], nodes=2, tasks_per_node=1, launcher="mpi")

        view = self.zone.wait_job(job, seconds=60)

        self.assertEqual(view["cause"], "user_error")
        for node in self.nodes:
            self.assertNotIn("mpi_beat", self.zone.in_host(node, "ps", "ax"))

    def test_torch_ranks_get_their_rendezvous(self):
        job = self.submit(["/bin/sh", "-c", "echo rank=$RANK local=$LOCAL_RANK "
                           "world=$WORLD_SIZE master=$MASTER_ADDR:$MASTER_PORT"],
                          nodes=2, tasks_per_node=2, launcher="torch",
                          output=self.shared + "/torch.%N.%t")

        view = self.zone.wait_job(job)

        self.assertEqual(view["cause"], "completed", view)
        said = []
        for name in sorted(os.listdir(self.shared)):
            if name.startswith("torch."):
                with open(os.path.join(self.shared, name)) as file:
                    said += file.read().split("\n")[:-1]
        self.assertEqual(sorted(line.split()[0] for line in said),
                         ["rank=0", "rank=1", "rank=2", "rank=3"])
        self.assertEqual({line.split()[2] for line in said}, {"world=4"})
        self.assertEqual(len({line.split()[3] for line in said}), 1)

    def test_gpus_are_placed_near_one_another_and_not_twice(self):
        one = self.submit(["/bin/sleep", "20"], partition="gpu", gpus_per_node=4)
        two = self.submit(["/bin/sleep", "20"], partition="gpu", gpus_per_node=4)

        first = self.zone.wait_job(one, "running")["nodes"]
        second = self.zone.wait_job(two, "running")["nodes"]

        taken = {(node["node"], gpu) for node in first + second for gpu in node["gpus"]}
        self.assertEqual(len(taken), 8)
        for node in first + second:
            # GPUs 0-3 of a DGX H100 are near package 0, 4-7 near package 1.
            self.assertEqual(len({gpu // 4 for gpu in node["gpus"]}), 1, node)
        for job in (one, two):
            self.zone.khu("cancel", job, token=self.an)
            self.zone.wait_job(job)

    @unittest.skipUnless(os.path.exists(ROOT + "/build/data/digits.csv.gz"),
                         "the digits are not there: tools/deps --data")
    def test_a_real_model_learns_over_three_hosts(self):
        job = self.submit(["/usr/bin/python3", ROOT + "/examples/digits/train.py", "--epochs", "8"],
                          nodes=3, tasks_per_node=1, launcher="mpi")

        view = self.zone.wait_job(job, seconds=90)

        said = self.output_of(job)
        self.assertEqual(view["cause"], "completed", said)
        self.assertIn("3 ranks on 3 hosts", said)
        self.assertGreater(float(re.search(r"final accuracy ([\d.]+) %", said)[1]), 90.0)


if __name__ == "__main__":
    main(needs=("khud", "khu-agent", "khu", "mpi_hello", "mpi_beat"))
