#!/usr/bin/python3
"""Certificates that live for seconds: khud and its agents renew them while they run, and nothing
that is connected notices."""
import os
import ssl
import time

from harness import CPU, ZoneTest, main, wait_for

LIFE = 9  # seconds; renewed after 6


class Certificates(ZoneTest):
    nodes = {"hn-03": CPU}
    hosts = False
    certificate_life = LIFE

    def served(self):
        """The certificate that a new connection is shown, if it is valid now."""
        trusted = ssl.create_default_context(cafile=self.zone.state + "/ca.pem")
        with ssl.create_connection(("127.0.0.1", self.zone.port), timeout=5) as plain:
            with trusted.wrap_socket(plain, server_hostname="localhost") as secure:
                return secure.getpeercert()["notAfter"]

    def of_node(self):
        with open(os.path.join(self.zone.agent_state("hn-03"), "node.pem")) as file:
            return file.read()

    def key_of_node(self):
        with open(os.path.join(self.zone.agent_state("hn-03"), "node.key")) as file:
            return file.read()

    def test_both_ends_renew_before_the_end_and_go_on(self):
        shown, kept, key = {self.served()}, {self.of_node()}, self.key_of_node()
        job = self.submit(["/bin/sleep", str(3 * LIFE)], time_limit_s=600)
        self.zone.wait_job(job, "running")
        end = time.monotonic() + 2.5 * LIFE
        while time.monotonic() < end:
            shown.add(self.served())
            kept.add(self.of_node())
            time.sleep(0.5)

        self.assertGreaterEqual(len(shown), 3)
        self.assertGreaterEqual(len(kept), 3)
        self.assertEqual(self.key_of_node(), key)
        self.assertEqual(self.zone.job(job)["phase"], "running")
        self.assertEqual(self.zone.job(job)["attempt"], 1)
        # A new connection of the agent, long after its first certificate has ended.
        self.zone.khud.kill()
        self.zone.start_khud()
        self.zone.wait_nodes_up()
        self.assertEqual(self.zone.wait_job(job, seconds=60)["cause"], "completed")

    def test_an_agent_whose_certificate_has_ended_joins_again(self):
        def connected():
            return self.zone.agents["hn-03"].said(1 << 20).count("connected to khud")
        key, before = self.key_of_node(), connected()
        self.zone.agents["hn-03"].kill()
        time.sleep(LIFE + 2)

        self.zone.start_agent("hn-03")

        wait_for(lambda: connected() > before, "the agent to be connected again")
        self.assertNotEqual(self.key_of_node(), key)
        self.zone.wait_nodes_up()

    def test_a_stranger_gets_no_certificate(self):
        status, problem = self.zone.api("POST", "/v1/renew", {"csr_pem": "x"})

        self.assertEqual((status, problem["code"]), (403, "D504"))


if __name__ == "__main__":
    main(needs_hosts=False)
