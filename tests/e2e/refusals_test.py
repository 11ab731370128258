#!/usr/bin/python3
"""Bad input gets its refusal: the right code, with what was wrong and what to do, and nothing is
lost or made by it. The list is the one of the first zone's issue."""
import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time

from harness import BIN, CPU, EXPIRED, FIRST, H100, NONE, Failed, ZoneTest, main, wait_for, zones

GOOD = {"programme": "free", "partition": "cpu", "nodes": 1, "time_limit_s": 60,
        "launcher": "fork", "argv": ["/bin/true"], "chdir": "/", "output": "/dev/null"}


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


class Refusals(ZoneTest):
    hosts = False
    nodes = {"hn-01": H100, "hn-03": CPU}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.dung = cls.zone.user_token("dung", EXPIRED)
        cls.em = cls.zone.user_token("em", NONE)

    def setUp(self):
        self.jobs_before = self.count()

    def count(self):
        """All jobs there are. Counted twice, because one may end between the two counts in it."""
        counts = []
        while len(counts) < 2 or counts[-1] != counts[-2]:
            counts.append(self.zone.live_jobs() + len(self.zone.ended_jobs()))
        return counts[-1]

    def refused(self, code, token=None, **change):
        """Submits GOOD with a change; must be refused with the code, a text and a remedy."""
        status, problem = self.zone.api("POST", "/v1/jobs", {**GOOD, **change},
                                        self.zone.bearer(token or self.an))
        self.assertGreaterEqual(status, 400, f"accepted: {change}")
        self.assertIn(problem["code"], code.split("|"), problem)
        self.assertTrue(problem["detail"] and problem["remedy"], problem)
        self.assertEqual(status, problem["status"])
        self.assertEqual(self.count(), self.jobs_before, "a refused job exists")
        return problem

    # --- grants -----------------------------------------------------------------------------

    def test_no_grant(self):
        self.refused("A105", token=self.em)

    def test_a_grant_that_is_over(self):
        self.refused("A112", token=self.dung)

    def test_a_grant_that_is_too_small(self):
        problem = self.refused("A104", programme="small", partition="gpu", gpus_per_node=8,
                               gpu_model="h100", time_limit_s=36000)
        text = problem["detail"]
        self.assertIn("G-1S", text)

    def test_a_suspended_grant_keeps_its_jobs_waiting_and_says_so(self):
        self.zone.api_ok("POST", "/v1/grants/G-1S/suspend", {"reason": "report is late"})
        job = self.zone.submit(**{**GOOD, "programme": "small", "partition": "gpu",
                                  "gpus_per_node": 1})
        why = wait_for(lambda: self.zone.api_ok("GET", f"/v1/why/{job}")["reasons"], "a reason")
        self.assertIn("A113", [reason["code"] for reason in why])
        self.zone.api_ok("POST", "/v1/grants/G-1S/resume", {"reason": "it came"})
        self.zone.wait_job(job)

    # --- shapes -----------------------------------------------------------------------------

    def test_shapes_that_no_node_has(self):
        for change in ({"gpus_per_node": 9, "partition": "gpu"}, {"cores_per_task": 17},
                       {"mem_bytes": 65 << 30}, {"tasks_per_node": 17, "cores_per_task": 1}):
            with self.subTest(change):
                self.refused("A102|A130|A131", **change)

    def test_more_nodes_than_there_are(self):
        """Two of the partition's four have joined: three wait for the others, five never run."""
        self.refused("A132|A102", nodes=5)

    def test_absurd_numbers(self):
        for change in ({"nodes": 0}, {"nodes": -1}, {"nodes": 10**9}, {"gpus_per_node": -1},
                       {"gpus_per_node": 10**9, "partition": "gpu"}, {"mem_bytes": -1},
                       {"mem_bytes": 2**63 - 1}, {"cores_per_task": 10**9},
                       {"cores_per_task": 2**31, "tasks_per_node": 2**31},
                       {"tasks_per_node": 0}, {"time_limit_s": -5}, {"time_limit_s": 2**62}):
            with self.subTest(change):
                self.refused("A102|A130|A131|A132|A134|H422", **change)

    def test_numbers_that_are_not_integers_of_64_bits(self):
        for text in ('{"nodes": 1e30}', '{"nodes": 99999999999999999999}', '{"nodes": 1.5}',
                     '{"nodes": "two"}', '{"nodes": null}', '{"argv": "true"}', '{"env": [1]}'):
            with self.subTest(text):
                self.assertIn(self.post_text(text)[1]["code"], ("H400", "H422"))

    def test_unknown_names(self):
        for change in ({"partition": "cpus"}, {"programme": "fre"}, {"qos": "urgent"},
                       {"gpu_model": "h1000", "partition": "gpu", "gpus_per_node": 1}):
            with self.subTest(change):
                self.refused("A101|A133", **change)

    def test_a_time_limit_that_is_too_long(self):
        self.refused("A102", time_limit_s=25 * 3600)

    def test_a_command_that_is_not_there(self):
        """Only the node knows: the job is accepted, and its end says what was missing."""
        job = self.zone.submit(**{**GOOD, "argv": ["/no/such/program"]})
        view = self.zone.wait_job(job, seconds=60)
        self.assertIn("T700", json.dumps(view))

    def test_a_working_directory_that_is_missing(self):
        job = self.zone.submit(**{**GOOD, "chdir": "/no/such/directory"})
        view = self.zone.wait_job(job, seconds=60)
        self.assertIn("T701", json.dumps(view))

    # --- identity ---------------------------------------------------------------------------

    def over_tls(self, method, path, token, body=None):
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.zone.port, timeout=20,
            context=ssl.create_default_context(cafile=self.zone.state + "/ca.pem"))
        headers = {"Content-Type": "application/json", **self.zone.bearer(token)}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text.startswith(b"{") else text

    def test_without_a_token_or_with_a_wrong_one(self):
        for token in (None, "nonsense", "a" * 5000, self.an[:-1] + "x"):
            with self.subTest(str(token)[:20]):
                status, problem = self.over_tls("GET", "/v1/queue", token)
                self.assertIn((status, problem["code"]), ((401, "N401"), (431, "H431")))

    def test_an_expired_token(self):
        token = self.zone.user_token("an", FIRST, valid_s=1)
        time.sleep(2)
        status, problem = self.over_tls("GET", "/v1/queue", token)
        self.assertEqual((status, problem["code"]), (401, "N402"))

    def test_another_enterprises_job_does_not_exist(self):
        job = self.zone.submit(**{**GOOD, "name": "secret-name"})
        self.zone.wait_job(job)
        for method, path in (("GET", f"/v1/jobs/{job}"), ("POST", f"/v1/jobs/{job}/cancel"),
                             ("GET", f"/v1/jobs/{job}/log"), ("GET", f"/v1/why/{job}")):
            with self.subTest(path):
                status, problem = self.over_tls(method, path, self.chi,
                                                "{}" if method == "POST" else None)
                self.assertEqual((status, problem["code"]), (404, "J300"), problem)
                self.assertNotIn("secret-name", json.dumps(problem))

    def test_a_member_does_no_acts_of_an_admin(self):
        for method, path, body in (("POST", "/v1/nodes/hn-01/drain", {"reason": "x"}),
                                   ("POST", "/v1/tokens", {"user": "an", "enterprise": FIRST}),
                                   ("POST", "/v1/policy", {"text": "x"}),
                                   ("POST", "/v1/grants/G-2/close", {"reason": "x"}),
                                   ("POST", "/v1/grants", {"grant": "G-9", "enterprise": FIRST})):
            with self.subTest(path):
                status, problem = self.over_tls(method, path, self.an, json.dumps(body))
                self.assertEqual((status, problem["code"]), (403, "N403"), problem)

    def test_the_enterprise_comes_from_the_token(self):
        self.refused("A100|N403", token=self.chi, enterprise=FIRST)

    # --- the wire ---------------------------------------------------------------------------

    def post_text(self, text, path="/v1/jobs"):
        with contextlib.closing(self.zone_connection()) as connection:
            connection.request("POST", path, text, {"Content-Type": "application/json",
                                                    **self.zone.bearer(self.an)})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def zone_connection(self):
        return zones.UnixConnection(self.zone.socket, 20)

    def test_broken_json(self):
        for text in ("", "{", "[]", "nonsense", '{"nodes":1', "\x00\x01", "{" * 100000,
                     '{"nodes": 1, "nodes": 2}x'):
            with self.subTest(text[:20]):
                status, problem = self.post_text(text)
                self.assertIn((status, problem["code"]), ((400, "H400"), (422, "H422")))

    def test_an_unknown_key_names_the_nearest(self):
        _, problem = self.post_text('{"nodez": 1, "argv": ["/bin/true"]}')
        self.assertIn(problem["code"], ("H400", "H422"))
        self.assertIn("nodes", problem["detail"] + problem["remedy"])

    def test_a_body_of_a_gigabyte_is_cut_short(self):
        connection = self.zone_connection()
        connection.connect()
        connection.sock.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: zone\r\n"
                                b"Content-Length: 1073741824\r\n\r\n")
        sent = 0
        try:
            while sent < 1 << 30:
                sent += connection.sock.send(b"x" * 65536)
        except OSError:
            pass
        connection.close()
        # Refused at once; some of it is still read, so that the client gets to see the refusal.
        self.assertLess(sent, 256 << 20, "khud read it all")
        self.assertEqual(self.zone.api("GET", "/healthz")[0], 200)

    def test_slow_clients_do_not_stop_others(self):
        for _ in range(200):
            one = socket.socket(socket.AF_UNIX)
            self.addCleanup(one.close)
            one.connect(self.zone.socket)
            one.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: z")
        began = time.monotonic()
        self.zone.wait_job(self.zone.submit(**GOOD))
        self.assertLess(time.monotonic() - began, 10)

    def test_plain_text_on_the_tls_port(self):
        with socket.create_connection(("127.0.0.1", self.zone.port), timeout=10) as plain:
            plain.sendall(b"GET /v1/queue HTTP/1.1\r\nHost: zone\r\n\r\n")
            try:
                self.assertNotIn(b"200 OK", plain.recv(4096))
            except ConnectionResetError:
                pass
        self.assertEqual(self.zone.api("GET", "/healthz")[0], 200)

    def test_unknown_routes(self):
        for path in ("/v1/nothing", "/v2/jobs", "/../etc/passwd", "/v1/jobs/abc",
                     "/v1/jobs/99999999999999999999"):
            with self.subTest(path):
                status, problem = self.zone.api("GET", path)
                self.assertIn(status, (400, 404, 422), problem)

    # --- the command line -------------------------------------------------------------------

    def khu(self, *words, **how):
        return self.zone.khu(*words, check=False, token=self.an, **how)

    def test_an_unknown_flag_names_the_nearest(self):
        done = self.khu("submit", "--node", "2", "--", "true")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--nodes", done.stderr)

    def test_scripts_that_cannot_be_read(self):
        big = self.shared + "/big.sh"
        with open(big, "wb") as file:
            file.write(b"#!/bin/sh\n" + b"x" * (100 << 20))
        for script in ("/no/such/script.sh", "/etc", big):
            with self.subTest(script):
                done = self.khu("submit", "-t", "1m", "-p", "cpu", script)
                self.assertIn(done.returncode, (1, 2))
                self.assertRegex(done.stdout + done.stderr, "J31[01]")
        os.unlink(big)
        self.assertEqual(self.count(), self.jobs_before)

    def test_khud_cannot_be_reached(self):
        env = {**self.zone.environment(), "KHU_ENDPOINT": "unix:/no/such/khud.sock"}
        done = subprocess.run([BIN + "/khu", "queue"], env=env, capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 3)

    def test_a_policy_with_faults_names_all_places(self):
        path = self.shared + "/bad.yaml"
        with open("tests/e2e/policy.yaml") as file:
            text = file.read()
        text = text.replace('amount: "2 GPUh"', "amount: 2")  # no unit
        with open(path, "w") as file:
            file.write(text + "\nunknown_key: 1\n")
        done = self.zone.khu("policy", "check", path, check=False)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 1, said)
        places = re.findall(r"bad\.yaml:(\d+):\d+: (P\d+)", said)
        self.assertEqual(len({line for line, _ in places}), 2, said)
        self.assertIn("unknown_key", said)
        self.assertIn("amount", said)

    # --- agents -----------------------------------------------------------------------------

    def test_a_second_agent_of_the_same_name_is_refused(self):
        self.expect_agent_refused("hn-03", "D501")
        self.zone.wait_nodes_up(["hn-03"])

    def test_a_topology_that_cannot_be_read_is_refused_clearly(self):
        bad = self.shared + "/bad.xml"
        with open(CPU) as file:
            good = file.read()
        for text in (good[:len(good) // 2], good.replace('version="2.0"', 'version="3.0"'), ""):
            with open(bad, "w") as file:
                file.write(text)
            done = subprocess.run([BIN + "/khu-agent", "probe", "--topology", bad, "--format",
                                   "json"], capture_output=True, text=True, timeout=30)
            self.assertNotEqual(done.returncode, 0)
            self.assertTrue((done.stdout + done.stderr).strip())

    def expect_agent_refused(self, name, code):
        log = f"{self.zone.folder}/second.log"
        state = self.shared + "/second"
        os.makedirs(state, exist_ok=True)
        with open(log, "w") as output:
            second = subprocess.Popen(
                [BIN + "/khu-agent", "--controller", self.zone.address, "--name", name,
                 "--state", state, "--join-token", self.zone.state + "/join.token",
                 "--ca", self.zone.state + "/ca.pem", "--address", "127.0.0.1"],
                stdout=output, stderr=output)
        try:
            wait_for(lambda: code in read(log), f"{code} in the second agent's words")
        except Failed:
            raise Failed(read(log)) from None
        finally:
            second.kill()
            second.wait()


if __name__ == "__main__":
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    main(needs_hosts=False)
