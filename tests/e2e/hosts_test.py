#!/usr/bin/python3
"""tools/lib/hosts.sh: hosts that are apart from one another and the machine, and gone after."""
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import ROOT, main, wait_for

SCRIPT = ROOT + "/tools/lib/hosts.sh"


class Hosts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="khu-e2e-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def hosts(self, verb, *words, **how):
        return subprocess.run([SCRIPT, verb, self.folder, *words], check=True, text=True,
                              capture_output=True, **how).stdout

    def up(self, *names, owner=0):
        self.hosts("up", *names, env={**os.environ, "KHU_HOSTS_OWNER": str(owner)})
        self.addCleanup(self.hosts, "down")

    def holders(self):
        with open(self.folder + "/run/id") as file:
            label = f"khu-{file.read().strip()}-".encode()
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file:
                    if file.read().startswith(label):
                        found.append(path)
            except OSError:
                pass
        return found

    def test_each_has_its_name_address_files_and_processes(self):
        links = os.listdir("/sys/class/net")
        began = time.monotonic()
        self.up("hn-01", "hn-02", "hn-03", "hn-04")
        self.assertLess(time.monotonic() - began, 5, "0.2 s on a quiet machine")

        self.assertEqual(self.hosts("in", "hn-03", "hostname"), "hn-03\n")
        self.assertIn("10.77.0.13/24", self.hosts("in", "hn-03", "ip", "-br", "addr"))
        self.assertIn("10.77.0.14", self.hosts("in", "hn-03", "getent", "hosts", "hn-04"))
        self.hosts("in", "hn-01", "touch", "/tmp/mine", "/dev/shm/mine")
        self.assertEqual(self.hosts("in", "hn-02", "ls", "/dev/shm"), "")
        self.assertFalse(os.path.exists("/tmp/mine"))
        self.assertLess(len(self.hosts("in", "hn-01", "ps", "ax").splitlines()), 6)
        self.assertEqual(os.listdir("/sys/class/net"), links, "the machine's network changed")

    def test_they_reach_one_another(self):
        self.up("hn-01", "hn-02")
        server = subprocess.Popen(
            [SCRIPT, "in", self.folder, "hn-02", "/usr/bin/python3", "-c",
             "import socket; s = socket.create_server(('10.77.0.12', 5000)); print('on', "
             "flush=True); s.accept()[0].sendall(b'hello')"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        server.stdout.readline()

        said = self.hosts("in", "hn-01", "bash", "-c", "cat </dev/tcp/hn-02/5000")

        self.assertEqual(said, "hello")

    def test_down_ends_every_process_in_them(self):
        self.up("hn-01")
        sleeper = subprocess.Popen([SCRIPT, "in", self.folder, "hn-01", "setsid", "sleep", "999"])

        self.hosts("down")

        self.assertNotEqual(sleeper.wait(timeout=10), 0)
        wait_for(lambda: not self.holders(), "the holders to be gone")

    def test_they_go_when_their_owner_is_killed(self):
        owner = subprocess.Popen(["sleep", "999"])
        self.up("hn-01", owner=owner.pid)
        self.assertEqual(len(self.holders()), 2)

        owner.send_signal(signal.SIGKILL)
        owner.wait()

        wait_for(lambda: not self.holders(), "the holders to be gone")


if __name__ == "__main__":
    main(needs=())
