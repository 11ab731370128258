#!/usr/bin/python3
"""Agents that die, stop, or cannot be reached: a job survives or is ended within the lease, and no
two copies of it ever run. Ranks write heartbeats to files; two overlapping files of one rank are
two copies (harness.copies)."""
import signal
import time

from harness import ALL_NODES, CPU_NODES, GRACE, LEASE, SKEW, Failed, ZoneTest, beats, copies
from harness import fresh, main, wait_for

GONE = LEASE + SKEW + GRACE + 10  # by then a node that cannot be reached has no rank left


class AgentDies(ZoneTest):
    nodes = CPU_NODES

    def test_a_killed_agent_that_returns_takes_its_job_up_again(self):
        job, folder = self.submit_beats("readopted", nodes=2, tasks_per_node=2, seconds=15)
        self.wait_beating(folder, 4)
        node = self.zone.job(job)["nodes"][0]["node"]

        self.zone.agents[node].kill()
        time.sleep(2)
        self.zone.start_agent(node)

        self.zone.wait_nodes_up([node])
        self.assertEqual(len(fresh(beats(folder))), 4)
        view = self.zone.wait_job(job, seconds=60)
        self.assertEqual((view["cause"], view["attempt"]), ("completed", 1), view)
        self.assertEqual(copies(beats(folder)), [])

    def test_killing_the_agent_of_another_node_of_a_gang_makes_no_copy(self):
        """mpirun is on the first node and has a step on this one; the job may survive or be ended,
        but within the lease and on all nodes."""
        job, folder = self.submit_beats("other-node", nodes=2, tasks_per_node=2, seconds=15)
        self.wait_beating(folder, 4)
        node = self.zone.job(job)["nodes"][1]["node"]

        self.zone.agents[node].kill()
        time.sleep(2)
        self.zone.start_agent(node)

        self.zone.wait_job(job, seconds=LEASE + GRACE + 20)
        wait_for(lambda: not fresh(beats(folder)), "all ranks to end")
        self.assertEqual(copies(beats(folder)), [])

    def test_killing_the_agent_of_every_node_at_once_loses_no_result(self):
        job = self.submit(["/bin/sh", "-c", "sleep 3; exit 5"])
        self.zone.wait_job(job, "running")

        for daemon in self.zone.agents.values():
            daemon.kill()
        time.sleep(5)
        for node in self.nodes:
            self.zone.start_agent(node)

        view = self.zone.wait_job(job, seconds=60)
        self.assertEqual((view["exit_code"], view["attempt"]), (5, 1), view)

    def test_agent_and_khud_killed_together_lose_no_result(self):
        job, folder = self.submit_beats("both", nodes=1, tasks_per_node=2, seconds=8)
        self.wait_beating(folder, 2)
        node = self.zone.job(job)["nodes"][0]["node"]

        self.zone.agents[node].kill()
        self.zone.khud.kill()
        time.sleep(1)
        self.zone.start_khud()
        self.zone.start_agent(node)

        view = self.zone.wait_job(job, seconds=60)
        self.assertEqual((view["cause"], view["attempt"]), ("completed", 1), view)
        self.assertEqual(copies(beats(folder)), [])


class AgentUnreachable(ZoneTest):
    """One job on each of four nodes; each node is cut off in its own way, all at the same time, so
    that the lease has to be waited for only once."""

    nodes = ALL_NODES

    def cut(self, node, *rules):
        """Drops packets inside the host's own network namespace."""
        text = "table inet cut { " + " ".join(
            f"chain {hook} {{ type filter hook {hook} priority 0; {rule} drop; }};"
            for hook, rule in rules) + " }"
        self.zone.in_host(node, "nft", text)

    def heal(self, node):
        self.zone.in_host(node, "nft", "delete table inet cut")

    def start_one_on_each(self):
        """{node: (job, folder)}; whole nodes, so that each gets its own."""
        running = {}
        for number in range(4):
            job, folder = self.submit_beats(f"cut-{number}", nodes=1, tasks_per_node=2,
                                            seconds=300, cores_per_task=8, exclusive=True)
            self.wait_beating(folder, 2)
            running[self.zone.job(job)["nodes"][0]["node"]] = (job, folder)
        self.assertEqual(set(running), set(CPU_NODES))
        return running

    def lost_nodes(self):
        nodes = self.zone.api_ok("GET", "/v1/nodes")["nodes"]
        return {node["name"] for node in nodes if node["state"] == "lost"}

    def test_cut_off_nodes_end_their_jobs_within_the_lease_and_no_copy_runs(self):
        running = self.start_one_on_each()
        stopped, silent, one_way, killed = sorted(CPU_NODES)

        self.zone.agents[stopped].kill(signal.SIGSTOP)
        self.cut(silent, ("input", ""), ("output", ""))
        self.cut(one_way, ("input", "ip saddr 10.77.0.1"))
        self.zone.agents[killed].kill()
        cut_at = time.time() * 1000

        # An agent that cannot hear khud ends its ranks itself; one that is stopped or dead has
        # shepherds that do it for it.
        for node in running:
            folder = running[node][1]
            wait_for(lambda: not fresh(beats(folder)), f"the ranks on {node} to end", GONE)
        for node, (_, folder) in running.items():
            last = max(beat.times[-1] for beat in beats(folder) if beat.host == node)
            self.assertLess(last - cut_at, (LEASE + GRACE + 3) * 1000, f"too late on {node}")

        # khud waits for the skew as well before it gives a node up; only then may a job run again.
        wait_for(lambda: set(running) <= self.lost_nodes(), "khud to give the nodes up")
        self.zone.agents[stopped].kill(signal.SIGCONT)
        self.heal(silent)
        self.heal(one_way)
        self.zone.start_agent(killed)
        self.zone.wait_nodes_up(list(CPU_NODES))

        # The jobs are requeued: each runs again, as a second attempt, and only once.
        for job, folder in running.values():
            try:
                wait_for(lambda: len(fresh(beats(folder))) == 2, f"job {job} to run again", 60)
            except Failed as why:
                raise Failed(f"{why}: {self.zone.job(job)}") from None
            self.assertEqual(self.zone.job(job)["attempt"], 2)
        time.sleep(3)
        for job, folder in running.values():
            self.assertEqual(copies(beats(folder)), [], f"two copies of job {job}")
            self.zone.khu("cancel", job, token=self.an)
            self.zone.wait_job(job, seconds=60)
        self.check_only_the_zone_pays([job for job, _ in running.values()])

    def check_only_the_zone_pays(self, jobs):
        """What was lost with the nodes is in the report, and waived whole."""
        lost = [row for row in self.zone.report()
                if int(row["job_id"]) in jobs and row["attempt"] == "1"]
        self.assertEqual({int(row["job_id"]) for row in lost}, set(jobs))
        for row in lost:
            self.assertIn(row["end_cause"], ("agent_lost", "node_fail"), row)
            self.assertEqual(row["charged_ugs"], "0", row)
            self.assertEqual(row["waived_ugs"], row["metered_ugs"])

    def test_a_short_cut_is_not_noticed(self):
        job, folder = self.submit_beats("short-cut", nodes=2, tasks_per_node=1, seconds=25)
        self.wait_beating(folder, 2)
        nodes = [node["node"] for node in self.zone.job(job)["nodes"]]

        for node in nodes:
            self.cut(node, ("input", "ip saddr 10.77.0.1"))
        time.sleep(LEASE / 3)
        for node in nodes:
            self.heal(node)

        view = self.zone.wait_job(job, seconds=90)
        self.assertEqual((view["cause"], view["attempt"]), ("completed", 1), view)

    def test_a_flapping_link_does_no_harm(self):
        job, folder = self.submit_beats("flapping", nodes=1, tasks_per_node=1, seconds=20)
        self.wait_beating(folder, 1)
        node = self.zone.job(job)["nodes"][0]["node"]

        for _ in range(4):
            self.cut(node, ("input", ""), ("output", ""))
            time.sleep(2)
            self.heal(node)
            time.sleep(1)

        view = self.zone.wait_job(job, seconds=90)
        self.assertEqual((view["cause"], view["attempt"]), ("completed", 1), view)
        self.assertEqual(copies(beats(folder)), [])


if __name__ == "__main__":
    main(needs=("khud", "khu-agent", "khu", "mpi_beat"))
