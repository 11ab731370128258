#!/usr/bin/python3
"""The API as programs use it: pages that lose and repeat nothing, answers that are known already,
events that are resumed, and haste of one user that keeps nobody else waiting."""
import base64
import http.client
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

from harness import CPU, FIRST, ZoneTest, main, wait_for, zones

HELD = 1250  # more than one page


class Api(ZoneTest):
    nodes = {"hn-03": CPU}
    hosts = False

    def ask(self, method, path, body=None, token=None, headers=None):
        """(status, headers, text) over the Unix socket; as root without a token."""
        connection = zones.UnixConnection(self.zone.socket, zones.DEADLINE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {**self.zone.bearer(token), **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def over_tls(self):
        """A connection of the caller's own, to close."""
        trusted = ssl.create_default_context(cafile=self.zone.state + "/ca.pem")
        return http.client.HTTPSConnection("localhost", self.zone.port, timeout=10,
                                           context=trusted)

    def hold_jobs(self, count, token):
        """Jobs that wait until somebody releases them."""
        self.zone.token, before = token, self.zone.token
        try:
            return [self.submit(["/bin/true"], held=True) for _ in range(count)]
        finally:
            self.zone.token = before


class Pages(Api):
    def pages(self, path, limit, token=None):
        after = ""
        while True:
            joint = "&" if "?" in path else "?"
            status, _, text = self.ask("GET", f"{path}{joint}limit={limit}&after={after}",
                                       token=token)
            self.assertEqual(status, 200, text)
            page = json.loads(text)
            yield page
            after = page["next"]
            if not after:
                return

    def test_a_queue_that_changes_meanwhile_is_listed_without_loss_or_repetition(self):
        jobs = self.hold_jobs(HELD, self.an)
        foreign = self.hold_jobs(3, self.chi)
        seen, ended = [], set()
        for number, page in enumerate(self.pages("/v1/queue", 100, self.an)):
            self.assertLessEqual(len(page["jobs"]), 100)
            seen += [job["job"] for job in page["jobs"]]
            # One that was listed, and one that was not, end; a new one comes.
            for job in (seen[-1], jobs[-1 - number]):
                self.ask("POST", f"/v1/jobs/{job}/cancel", {}, self.an)
                ended.add(job)
            self.hold_jobs(1, self.an)

        self.assertEqual(len(seen), len(set(seen)), "a job was listed twice")
        self.assertEqual(set(jobs) - set(seen) - ended, set(), "a job was lost")
        self.assertEqual(set(seen) & set(foreign), set(), "another enterprise's job was shown")
        self.assertEqual(seen, sorted(seen))

        whole = self.zone.khu("queue", "--format", "json", token=self.an)
        live = [job["job"] for job in json.loads(whole.stdout)["jobs"]]
        self.assertGreater(len(live), 1000)
        self.assertEqual(set(seen) - set(live) - ended, set())

        everything = [job["job"] for page in self.pages("/v1/jobs?state=all", 1000, self.an)
                      for job in page["jobs"]]
        self.assertEqual(len(everything), len(set(everything)))
        self.assertEqual(ended - set(everything), set(), "one that has ended is missing")

    def test_a_cursor_of_something_else_is_refused_with_what_to_do(self):
        for path in ("/v1/queue?after=7", "/v1/queue?after=n.3", "/v1/queue?after=q.w.x.y.z",
                     "/v1/queue?after=q.w", "/v1/nodes?after=q.r.1.2.3", "/v1/nodes?after=n.x",
                     "/v1/grants?after=n.1", "/v1/tokens?after=g.1", "/v1/queue?limit=0",
                     "/v1/queue?limit=1001", "/v1/queue?limit=many", "/v1/jobs?state=some"):
            status, _, text = self.ask("GET", path)

            self.assertEqual(status, 422, path)
            problem = json.loads(text)
            self.assertEqual(problem["code"], "H422", path)
            self.assertIn(problem["data"][0]["value"], ("after", "limit", "state"))

    def test_small_pages_of_grants_and_tokens_make_the_whole(self):
        for path, rows in (("/v1/grants", "grants"), ("/v1/tokens", "tokens")):
            whole = json.loads(self.ask("GET", path)[2])[rows]
            single = [row for page in self.pages(path, 1) for row in page[rows]]

            self.assertEqual(single, whole)
            self.assertGreater(len(whole), 1)


class Known(Api):
    def test_an_answer_that_is_known_comes_without_its_body(self):
        for path in ("/v1/policy", "/v1/grants", "/v1/tokens", "/v1/queue"):
            status, headers, text = self.ask("GET", path)
            self.assertEqual((status, bool(text)), (200, True))

            again = self.ask("GET", path, headers={"If-None-Match": headers["ETag"]})

            self.assertEqual((again[0], again[2]), (304, ""), path)
            self.assertEqual(again[1]["ETag"], headers["ETag"])

    def test_a_policy_is_not_applied_over_one_that_was_not_seen(self):
        tag = self.ask("GET", "/v1/policy")[1]["ETag"]
        with open(os.path.join(zones.ROOT, "tests/e2e/policy.yaml")) as file:
            text = file.read()

        def policy(number):
            at = time.gmtime(time.time() + (3 if number == 2 else 3600))
            later = text.replace("2026-01-01T00:00:00+07:00",
                                 time.strftime("%Y-%m-%dT%H:%M:%S+00:00", at))
            head = f"id: e2e.{number}\n  supersedes: e2e.{number - 1}"
            return {"text": later.replace("id: e2e.1", head, 1), "file": "p"}
        second, third = policy(2), policy(3)

        review = json.loads(self.ask("POST", "/v1/policy", second, headers={"If-Match": tag})[2])
        self.assertTrue(review["accepted"], review)
        zones.wait_for(lambda: json.loads(self.ask("GET", "/v1/policy")[2])["policy"] == "e2e.2",
                         "the second policy is in force", 20)
        status, _, text = self.ask("POST", "/v1/policy", third, headers={"If-Match": tag})

        self.assertEqual((status, json.loads(text)["code"]), (412, "H412"))
        self.assertEqual(json.loads(self.ask("GET", "/v1/policy")[2])["policy"], "e2e.2")


class Page(Api):
    def test_the_dashboard_is_one_page_that_needs_nothing_from_elsewhere(self):
        status, headers, page = self.ask("GET", "/")
        self.assertEqual(status, 200)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertNotRegex(page, r"(?i)(https?:)?//[a-z]")
        for part in re.findall(r'(?:src|href)="([^"]+)"', page):
            status, headers, text = self.ask("GET", "/" + part)
            self.assertEqual((status, bool(text)), (200, True), part)
            self.assertRegex(headers["Content-Type"], "javascript|css")
            self.assertNotRegex(text, r"https?://|innerHTML|eval\(")


class Hammer(threading.Thread):
    """Asks as fast as it can over a connection of its own; counts the answers by status."""

    def __init__(self, test, path, token):
        super().__init__(daemon=True)
        self.connection, self.path, self.stopping = test.over_tls(), path, False
        self.headers, self.statuses, self.retry = test.zone.bearer(token), {}, None

    def run(self):
        while not self.stopping:
            self.connection.request("GET", self.path, headers=self.headers)
            answer = self.connection.getresponse()
            answer.read()
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            self.retry = answer.getheader("Retry-After") or self.retry
        self.connection.close()


class Haste(Api):
    def hammer(self, path, token, seconds):
        """Statuses that the hasty one got, Retry-After, and how long another one waited, sorted."""
        hammers = [Hammer(self, path, token) for _ in range(4)]
        for each in hammers:
            each.start()
        other, waits, end = self.over_tls(), [], time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            other.request("GET", "/v1/queue", headers=self.zone.bearer(self.chi))
            answer = other.getresponse()
            answer.read()
            self.assertEqual(answer.status, 200)
            waits.append(time.monotonic() - began)
            time.sleep(0.05)
        for each in hammers:
            each.stopping = True
            each.join(timeout=10)
        other.close()
        statuses = {}
        for each in hammers:
            for status, count in each.statuses.items():
                statuses[status] = statuses.get(status, 0) + count
        return statuses, hammers[0].retry, sorted(waits)

    def test_a_hasty_user_is_slowed_down_and_others_are_answered(self):
        statuses, retry, waits = self.hammer("/v1/queue", self.an, 4)
        print(f"hasty: {statuses}; another waited {waits[-1] * 1000:.0f} ms at most")

        self.assertEqual(set(statuses), {200, 429})
        # 4,000 saved up, 1,000 a second, 20 for a page.
        self.assertLess(statuses[200], (4000 + 6 * 1000) / 20)
        self.assertGreaterEqual(int(retry), 1)
        self.assertLess(waits[-1], 1)
        # khu waits as long as it is told, and is answered.
        self.assertEqual(self.zone.khu("queue", token=self.an).returncode, 0)

    def test_a_stranger_is_slowed_down_too(self):
        statuses, _, waits = self.hammer("/v1/queue", "khu_no_token", 2)
        print(f"stranger: {statuses}")

        self.assertEqual(set(statuses), {401, 429})
        self.assertLess(statuses[401], 500 + 4 * 50)
        self.assertLess(waits[-1], 1)


class Watching(Api):
    def lines(self, path, token, count, headers=None):
        """The first `count` lines of a stream that goes on."""
        connection = zones.UnixConnection(self.zone.socket, 10)
        try:
            connection.request("GET", path, headers={**self.zone.bearer(token), **(headers or {})})
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            return [answer.readline().decode().rstrip("\n") for _ in range(count)]
        finally:
            connection.close()

    def next_number(self):
        text = self.ask("GET", "/v1/events?from=999999999")[2]
        return int(json.loads(text)["data"][1]["value"].rsplit(" ", 1)[1])

    def test_the_past_is_told_from_a_number_on_and_to_each_only_its_own(self):
        first = self.next_number()
        (job,), (foreign,) = self.hold_jobs(1, self.an), self.hold_jobs(1, self.chi)
        self.ask("POST", f"/v1/jobs/{job}/cancel", {}, self.an)
        wait_for(lambda: self.zone.job(job)["phase"] == "done", "the cancelled job's end")
        # The job has left memory: a restart leaves nothing but the store.
        self.zone.khud.kill(signal.SIGTERM)
        self.zone.start_khud()

        pulse, *events = map(json.loads, self.lines(f"/v1/events?from={first}", self.an, 3))

        self.assertEqual(pulse, {"resume_from": first, "cut": ""})
        self.assertEqual({event["enterprise"] for event in events}, {FIRST})
        mine = [event for event in events if event["job"] == job]
        self.assertEqual([event["type"] for event in mine], ["job_queued", "job_dropped"])
        self.assertRegex(mine[0]["at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$")
        self.assertNotIn(foreign, [event["job"] for event in events])
        resumed = self.lines(f"/v1/events?from={mine[1]['seq']}", self.an, 2)
        self.assertEqual(json.loads(resumed[1]), mine[1])
        everything = map(json.loads, self.lines("/v1/events?from=1", None, 6)[1:])
        self.assertEqual([event["seq"] for event in everything], [1, 2, 3, 4, 5])

    def test_server_sent_events_resume_after_the_last_id(self):
        self.hold_jobs(2, self.an)
        sent = {"Accept": "text/event-stream"}
        first = self.lines("/v1/events?from=1", None, 10, sent)
        identity = [line for line in first if line.startswith("id: ")][1]

        again = self.lines("/v1/events", None, 6, {**sent, "Last-Event-ID": identity[4:]})

        self.assertEqual(identity, "id: 1")
        self.assertEqual(again[:3], ["id: 1", "", "id: 2"])
        self.assertTrue(again[3].startswith("event: "))
        self.assertEqual(json.loads(again[4].removeprefix("data: "))["seq"], 2)

    def test_a_websocket_gets_the_same_lines(self):
        raw = socket.socket(socket.AF_UNIX)
        raw.settimeout(10)
        raw.connect(self.zone.socket)
        key = base64.b64encode(os.urandom(16)).decode()
        raw.sendall((f"GET /v1/events?from=1 HTTP/1.1\r\nHost: zone\r\nUpgrade: websocket\r\n"
                     f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     f"Sec-WebSocket-Key: {key}\r\n\r\n").encode())
        stream = raw.makefile("rb")
        self.assertIn(b"101", stream.readline())
        while stream.readline() != b"\r\n":
            pass

        def message():
            kind, length = stream.read(2)
            self.assertEqual(kind, 0x81)
            if length == 126:
                length, = struct.unpack(">H", stream.read(2))
            return json.loads(stream.read(length))
        messages = [message() for _ in range(4)]
        raw.close()

        self.assertEqual(messages[0], {"resume_from": 1, "cut": ""})
        self.assertEqual([each["seq"] for each in messages[1:]], [1, 2, 3])

    def test_numbers_that_make_no_sense_are_refused(self):
        for path in ("/v1/events?from=x", "/v1/events?from=999999999", "/v1/events?from=-1"):
            status, _, text = self.ask("GET", path)
            self.assertEqual((status, json.loads(text)["code"]), (422, "H422"), path)

    def test_khu_watch_outlives_khud_without_loss_or_repetition(self):
        out = os.path.join(self.folder, "watched")
        with open(out, "wb") as file:
            watch = subprocess.Popen([self.zone.bin + "/khu", "watch", "--from", "1"], stdout=file,
                                     env={**self.zone.environment(), "KHU_RETRY_SECONDS": "30"})
        try:
            for _ in range(3):
                self.hold_jobs(20, self.an)
                self.zone.khud.kill()
                self.zone.start_khud()
            self.hold_jobs(20, self.an)
            next_seq = self.next_number()

            def seen():
                with open(out) as file:
                    return [json.loads(line)["seq"] for line in file.read().splitlines()]
            wait_for(lambda: seen() and seen()[-1] >= next_seq - 1, "khu watch to catch up")
            self.assertEqual(seen()[:next_seq - 1], list(range(1, next_seq)))
        finally:
            watch.kill()
            watch.wait()

    def test_one_who_takes_nothing_costs_no_memory(self):
        def resident():
            with open(f"/proc/{self.zone.khud.pid}/status") as file:
                return int(next(line for line in file if line.startswith("VmRSS")).split()[1])
        self.hold_jobs(300, self.an)
        lazy = []
        for _ in range(20):
            raw = socket.socket(socket.AF_UNIX)
            raw.connect(self.zone.socket)
            raw.sendall(b"GET /v1/events?from=1 HTTP/1.1\r\nHost: zone\r\n\r\n")
            lazy.append(raw)
        before = resident()
        self.hold_jobs(700, self.an)

        self.assertLess(resident() - before, 20 * 512 + 8192)
        self.assertEqual(self.zone.api("GET", "/v1/queue?limit=1")[0], 200)
        for raw in lazy:
            raw.close()


if __name__ == "__main__":
    main(needs_hosts=False)
