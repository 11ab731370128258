"""A whole zone on this machine, for tests and measurements: khud and its agents as real processes.

    with Zone(folder, bin, nodes={"hn-01": "examples/topologies/dgx-h100.xml"}) as zone:
        zone.apply_policy("config/examples/demo.yaml")
        zone.khu("submit", "-n", "1", "-t", "1m", "--", "hostname")

With hosts=True (needs root) each node is a host made of namespaces (hosts.sh): own address, host
name, /tmp and process table, khud on "ctl". With hosts=False everything runs on loopback under
different agent names. Everything that is started is ended again by pid, whatever happens.
"""
import contextlib
import csv
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
HOSTS = os.path.join(ROOT, "tools/lib/hosts.sh")
DEADLINE = float(os.environ.get("KHU_TEST_DEADLINE", "30"))  # seconds for a thing to happen


class Failed(Exception):
    """Something did not happen; the text says what, with what was said instead."""


def wait_for(condition, what, seconds=DEADLINE, every=0.02):
    """Waits until condition() is true (or not None) and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {seconds:g} s in vain for {what}")
        time.sleep(every)


def why_no_hosts():
    """Why hosts cannot be made here; None if they can."""
    done = subprocess.run(["bash", "-c", f". {HOSTS}; hosts_possible"], capture_output=True,
                          text=True)
    return None if done.returncode == 0 else done.stdout.strip()


def alive(pid):
    """True while a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Daemon:
    """One process of ours, inside a host or not. `pid` is as seen from outside."""

    def __init__(self, name, command, log, holder=None):
        self.name, self.log = name, log
        prefix = [] if holder is None else ["nsenter", "-t", holder, "-n", "-u", "-m", "-p", "--"]
        with open(log, "ab") as output:
            self.outer = subprocess.Popen([*prefix, *command], stdin=subprocess.DEVNULL,
                                          stdout=output, stderr=output, start_new_session=True)
        # nsenter forks to enter the process table and waits for its child, which is ours.
        self.pid = self.outer.pid if holder is None else wait_for(self._child, f"{name} to start")

    def _child(self):
        try:
            with open(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children") as children:
                return int(children.read().split()[0])
        except (OSError, IndexError):
            if self.outer.poll() is not None:
                raise Failed(f"{self.name} ended at once:\n{self.said()}") from None
            return None

    def alive(self):
        return self.outer.poll() is None and alive(self.pid)

    def kill(self, number=signal.SIGKILL):
        """Sends a signal; after KILL and TERM waits until the process is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        if number != signal.SIGSTOP:
            self.outer.send_signal(signal.SIGCONT)  # nsenter stops itself with its child
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.outer.wait(timeout=DEADLINE)

    def said(self, bytes_max=4000):
        with open(self.log, errors="replace") as log:
            return log.read()[-bytes_max:]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("zone", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Zone:
    """See the file's head. `nodes` maps names to topology files (None: this machine's own)."""

    def __init__(self, folder, bin_folder, nodes, hosts=True, zone_id="e2e"):
        self.folder, self.bin, self.nodes, self.hosts = folder, bin_folder, dict(nodes), hosts
        self.zone_id = zone_id  # of a new zone; the policy must name the same
        self.state = os.path.join(folder, "zone")
        self.socket = os.path.join(self.state, "khud.sock")
        self.port = 7443 if hosts else free_port()
        self.address = f"{'10.77.0.1' if hosts else '127.0.0.1'}:{self.port}"
        self.khud, self.agents = None, {}
        self.certificate_life = None  # seconds; None: khud's own default
        self.token = None  # whose jobs submit() submits; None: root's, over the Unix socket

    # --- life -------------------------------------------------------------------------------

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        if self.hosts:
            self.call_hosts("up", *self.nodes)
        self.start_khud()
        for name in self.nodes:
            self.start_agent(name)
        self.wait_nodes_up()

    def stop(self):
        for daemon in [self.khud, *self.agents.values()]:
            if daemon is not None and daemon.alive():
                daemon.kill(signal.SIGCONT)
                daemon.kill(signal.SIGTERM if daemon is self.khud else signal.SIGKILL)
        if self.hosts:
            self.call_hosts("down")

    def call_hosts(self, verb, *words):
        keep = f"{self.bin} {os.environ.get('KHU_HOSTS_KEEP', '')}"
        done = subprocess.run(
            [HOSTS, verb, self.folder + "/hosts", *words], capture_output=True, text=True,
            env={**os.environ, "KHU_HOSTS_OWNER": str(os.getpid()),
                 "KHU_HOSTS_KEEP": f"{self.folder} {ROOT} {keep}"})
        if done.returncode:
            raise Failed(f"hosts {verb}: {done.stderr}")

    def holder(self, name):
        """The pid whose namespaces are host `name`'s; None on loopback."""
        if not self.hosts:
            return None
        with open(f"{self.folder}/hosts/run/{name}.pid") as file:
            return file.read().strip()

    def start_khud(self, wait=True):
        command = [self.bin + "/khud", "--zone", self.state, "--zone-id", self.zone_id,
                   "--listen", self.address]
        if self.certificate_life:
            command += ["--certificate-life", str(self.certificate_life)]
        self.khud = Daemon("khud", command, self.folder + "/khud.log",
                           self.holder("ctl") if self.hosts else None)
        if wait:
            self.wait_healthy()

    def wait_healthy(self):
        def answers():
            if not self.khud.alive():
                raise Failed(f"khud ended:\n{self.khud.said()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.api("GET", "/healthz", timeout=2)[0] == 200
            return False
        return wait_for(answers, "khud to answer /healthz", every=0.005)

    def agent_state(self, name):
        return os.path.join(self.folder, "agents", name)

    def start_agent(self, name, state=None):
        state = state or self.agent_state(name)
        os.makedirs(state, exist_ok=True)
        command = [self.bin + "/khu-agent", "--controller", self.address, "--name", name,
                   "--state", state, "--join-token", self.state + "/join.token",
                   "--ca", self.state + "/ca.pem", "--address", self.host_address(name)]
        if self.nodes[name]:
            command += ["--topology", os.path.join(ROOT, self.nodes[name])]
        self.agents[name] = Daemon(f"khu-agent {name}", command, f"{self.folder}/{name}.log",
                                   self.holder(name))

    def host_address(self, name):
        return f"10.77.0.{11 + list(self.nodes).index(name)}" if self.hosts else "127.0.0.1"

    def wait_nodes_up(self, names=None):
        names = set(names or self.nodes)

        def up():
            nodes = self.api_ok("GET", "/v1/nodes")["nodes"]
            return names <= {node["name"] for node in nodes if node["state"] == "up"}
        return wait_for(up, f"nodes {sorted(names)} to be up")

    # --- talking ----------------------------------------------------------------------------

    def api(self, method, path, body=None, headers=None, timeout=DEADLINE):
        """One request over the Unix socket as root: (status, parsed JSON or text)."""
        connection = UnixConnection(self.socket, timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        is_json = "json" in (answer.getheader("Content-Type") or "") and "\n{" not in text
        return answer.status, json.loads(text) if is_json and text else text

    def api_ok(self, method, path, body=None, headers=None, **how):
        status, answer = self.api(method, path, body, headers, **how)
        if status >= 300:
            raise Failed(f"{method} {path}: {status} {answer}")
        return answer

    def environment(self, token=None):
        """For khu: the Unix socket, where we are root, or a user's token over TLS."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("KHU_")}
        env.update(KHU_LANG="en", HOME=self.folder, KHU_ENDPOINT="unix:" + self.socket)
        if token:
            env.update(KHU_ENDPOINT="https://" + self.address, KHU_TOKEN=token,
                       KHU_CA_FILE=self.state + "/ca.pem")
        return env

    def khu(self, *words, check=True, token=None, stdin=None, timeout=120, cwd=None):
        """Runs khu on the controller's host; returns CompletedProcess with text output."""
        holder = self.holder("ctl")
        # The process table stays ours (no -p): nothing then has to be reaped in between.
        inside = ["nsenter", "-t", holder, "-n", "-m", f"--wdns={cwd or self.folder}", "--"] \
            if holder else []
        done = subprocess.run([*inside, self.bin + "/khu", *map(str, words)], text=True,
                              input=stdin, capture_output=True, timeout=timeout,
                              env=self.environment(token), cwd=cwd or self.folder)
        if check and done.returncode:
            raise Failed(f"khu {' '.join(map(str, words))}: exit {done.returncode}\n"
                         f"{done.stdout}{done.stderr}")
        return done

    def apply_policy(self, path):
        path = os.path.join(ROOT, path)
        with open(path) as file:
            answer = self.api_ok("POST", "/v1/policy", {"text": file.read(), "file": path})
        if not answer["accepted"]:
            raise Failed(f"policy {path}: {answer['complaints']}")

    def user_token(self, user, enterprise, **more):
        return self.api_ok("POST", "/v1/tokens",
                           {"user": user, "enterprise": enterprise, **more})["secret"]

    def submit(self, **request):
        """Submits over the API; returns the job's number."""
        return self.api_ok("POST", "/v1/jobs", request, self.bearer(self.token))["job"]

    @staticmethod
    def bearer(token):
        return {"Authorization": f"Bearer {token}"} if token else {}

    def job(self, number):
        return self.api_ok("GET", f"/v1/jobs/{number}")

    def views(self, numbers):
        """{number: view} of those of `numbers` that the zone knows, over one kept connection."""
        connection, found = UnixConnection(self.socket, DEADLINE), {}
        try:
            for number in numbers:
                connection.request("GET", f"/v1/jobs/{number}")
                answer = connection.getresponse()
                text = answer.read()
                if answer.status == 200:
                    found[number] = json.loads(text)
                elif answer.status != 404:
                    raise Failed(f"job {number}: {answer.status} {text}")
        finally:
            connection.close()
        return found

    def live_jobs(self):
        """How many jobs wait or run."""
        for line in self.api_ok("GET", "/metrics").splitlines():
            if line.startswith("khu_jobs_live"):
                return int(float(line.split()[-1]))
        raise Failed("/metrics has no khu_jobs_live")

    def ended_jobs(self):
        """The numbers of all jobs that have ended."""
        ended, after = [], ""
        while True:
            page = self.api_ok("GET", f"/v1/jobs?state=done&limit=1000&after={after}")
            ended += [job["job"] for job in page["jobs"]]
            after = page["next"]
            if not after:
                return ended

    def report(self):
        """This month's rows of the job report, as dictionaries of text."""
        # Months are cut at the policy's offset, which is +07:00 in all our policies.
        period = time.strftime("%Y-%m", time.gmtime(time.time() + 7 * 3600))
        text = self.api_ok("GET", f"/v1/reports/jobs?period={period}&format=csv")
        return list(csv.DictReader(io.StringIO(text)))

    def wait_job(self, number, *phases, seconds=DEADLINE):
        """Waits until the job is in one of the phases (default: done) and returns its view."""
        wanted = phases or ("done",)
        view = {}

        def there():
            view.update(self.job(number))
            return view["phase"] in wanted
        try:
            wait_for(there, f"job {number} to be {' or '.join(wanted)}", seconds)
        except Failed as why:
            raise Failed(f"{why}; it is {view.get('phase')}, {view.get('reason')}, "
                         f"{view.get('detail')}") from None
        return view

    def in_host(self, name, *command, check=True, timeout=60):
        done = subprocess.run([HOSTS, "in", self.folder + "/hosts", name, *map(str, command)],
                              capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            raise Failed(f"on {name}: {command}: {done.stderr}")
        return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
