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


class WhoIsToBlame(ZoneTest):
    """What a node or khud does to a job is in the report as theirs: waived, and the job runs again.
    mpirun on the first node ends with an error of its own in all of these, and is heard first."""

    nodes = CPU_NODES

    def processes(self, node, *names):
        """Process numbers inside the host of programs whose name begins with one of `names`."""
        listing = self.zone.in_host(node, "ps", "-eo", "pid=,comm=").split("\n")
        found = [line.split(None, 1) for line in listing if line.strip()]
        return [pid for pid, name in found if name.startswith(names)]

    def start_on_four(self, name):
        job, folder = self.submit_beats(name, nodes=4, tasks_per_node=1, seconds=600)
        self.wait_beating(folder, 4)
        nodes = [node["node"] for node in self.zone.job(job)["nodes"]]
        return job, folder, nodes[-1]

    def runs_again(self, job, folder, seconds):
        def again():
            view = self.zone.job(job)
            return view["attempt"] == 2 and len(fresh(beats(folder))) == 4
        wait_for(again, f"job {job} to run again", seconds)
        self.assertEqual(copies(beats(folder)), [])
        self.zone.khu("cancel", job, token=self.an)
        self.zone.wait_job(job, seconds=60)

    def check_first_attempt(self, job, *causes):
        row, = [row for row in self.zone.report()
                if row["job_id"] == str(job) and row["attempt"] == "1"]
        self.assertIn(row["end_cause"], causes, row)
        self.assertEqual(row["charged_ugs"], "0", row)
        self.assertNotEqual(row["metered_ugs"], "0", row)
        self.assertEqual(row["waived_ugs"], row["metered_ugs"], row)

    def test_a_node_that_dies_whole_under_a_gang_of_four(self):
        job, folder, node = self.start_on_four("dies-whole")

        doomed = self.processes(node, "khu-", "orted", "mpi_beat")
        # Some go with those that are killed before them.
        self.zone.in_host(node, "kill", "-9", *doomed, check=False)
        self.zone.agents[node].kill()
        wait_for(lambda: self.zone.job(job)["phase"] == "queued", "the job to be queued again",
                 GONE + LEASE)
        self.zone.start_agent(node)

        self.runs_again(job, folder, 60)
        self.check_first_attempt(job, "node_fail", "agent_lost")

    def test_shepherds_that_are_killed_under_a_living_agent(self):
        job, folder, node = self.start_on_four("no-shepherd")

        self.zone.in_host(node, "kill", "-9", *self.processes(node, "khu-sh "))

        self.runs_again(job, folder, 60)
        self.check_first_attempt(job, "agent_lost")

    def test_ranks_that_their_nodes_killed_while_khud_was_away(self):
        job, folder, _ = self.start_on_four("khud-away")

        self.zone.khud.kill(signal.SIGSTOP)
        time.sleep(LEASE + 1)  # less than khud waits, so it hears of the end before it gives up
        self.zone.khud.kill(signal.SIGCONT)

        self.runs_again(job, folder, 60)
        self.check_first_attempt(job, "agent_lost", "node_fail")

    def test_a_rank_that_fails_on_another_node_is_its_users_error(self):
        script = "[ $OMPI_COMM_WORLD_RANK = 3 ] && exit 3; exec sleep 600"
        job = self.submit(["/bin/sh", "-c", script], nodes=4, tasks_per_node=1, launcher="mpi")

        view = self.zone.wait_job(job, seconds=60)

        self.assertEqual((view["cause"], view["exit_code"], view["attempt"]),
                         ("user_error", 3, 1), view)


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
