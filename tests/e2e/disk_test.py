#!/usr/bin/python3
"""The disk fills up, or gives back other bytes than were written: khud promises nothing that it
cannot keep, says what is wrong, and never goes on from a state that is not true.

Runs in a mount namespace of its own, so that its small file systems are seen by nobody else.
"""
import contextlib
import glob
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

from harness import BIN, CPU, POLICY, SKIPPED, Failed, Zone, ZoneTest, main, wait_for

JOB = {"programme": "free", "partition": "cpu", "nodes": 1, "time_limit_s": 60,
       "launcher": "fork", "argv": ["/bin/true"], "chdir": "/", "output": "/dev/null"}


class DiskFull(ZoneTest):
    hosts = False
    nodes = {"hn-03": CPU}

    @classmethod
    def setUpClass(cls):
        make = Zone.__init__

        def on_small_disk(zone, folder, *more, **how):
            make(zone, folder, *more, **how)
            os.makedirs(zone.state, mode=0o700)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs",
                            zone.state], check=True)
        Zone.__init__ = on_small_disk
        try:
            super().setUpClass()
        finally:
            Zone.__init__ = make

    @classmethod
    def tearDownClass(cls):
        subprocess.run(["umount", "-l", cls.zone.state], check=False)
        super().tearDownClass()

    def fill_disk(self):
        path = self.zone.state + "/filler"
        with open(path, "wb") as file:
            try:
                while True:
                    file.write(b"x" * 65536)
                    file.flush()
            except OSError:
                pass
        return path

    def submit_until_refused(self):
        """Submits until khud says no; returns (acknowledged jobs, the refusal)."""
        given = []
        for _ in range(5000):
            status, answer = self.zone.api("POST", "/v1/jobs", JOB,
                                           self.zone.bearer(self.an))
            if status >= 300:
                return given, (status, answer)
            given.append(answer["job"])
        raise Failed("5,000 jobs were accepted on a full disk")

    def test_writes_are_refused_reads_work_and_freeing_space_is_enough(self):
        filler = self.fill_disk()

        given, (status, problem) = self.submit_until_refused()

        self.assertEqual((status, problem["code"]), (503, "L209"), problem)
        self.assertTrue(self.zone.khud.alive())
        self.assertEqual(self.zone.api("GET", "/v1/queue")[0], 200)
        self.assertEqual(self.zone.khu("queue").returncode, 0)

        os.unlink(filler)
        wait_for(lambda: self.zone.api("POST", "/v1/jobs", JOB, self.zone.bearer(self.an))[0] < 300,
                 "khud to accept jobs again", every=0.2)
        self.assertTrue(self.zone.khud.alive())
        for job in given:
            self.assertEqual(self.zone.wait_job(job)["cause"], "completed")

        self.zone.khud.kill()
        self.zone.start_khud()
        for job in given:
            self.assertEqual(self.zone.job(job)["cause"], "completed")
        self.assertEqual(self.zone.khu("ledger", "verify").returncode, 0)


class DamagedStore(unittest.TestCase):
    """One state, made once with real jobs and a killed khud; each test damages a copy of it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="khu-e2e-")
        os.chmod(cls.folder, 0o755)
        cls.zone = Zone(cls.folder + "/z", BIN, {"hn-03": CPU}, hosts=False)
        try:
            cls.zone.start()
            cls.zone.apply_policy(POLICY)
            cls.zone.token = cls.zone.user_token("an", "0499000001")
            cls.given = [cls.zone.submit(**JOB) for _ in range(30)]
            for job in cls.given:
                cls.zone.wait_job(job)
            cls.zone.agents["hn-03"].kill()
            cls.given += [cls.zone.submit(**JOB) for _ in range(30)]
            cls.zone.khud.kill()
        except BaseException:
            for daemon in [cls.zone.khud, *cls.zone.agents.values()]:
                print(daemon.said() if daemon else "", file=sys.stderr)
            cls.zone.stop()
            raise
        cls.good = cls.folder + "/good"
        shutil.copytree(cls.zone.state, cls.good, ignore=shutil.ignore_patterns("*.sock"))

    @classmethod
    def tearDownClass(cls):
        cls.zone.stop()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def setUp(self):
        shutil.rmtree(self.zone.state)
        shutil.copytree(self.good, self.zone.state)

    def tearDown(self):
        if self.zone.khud.alive():
            self.zone.khud.kill()

    def database(self):
        return glob.glob(self.zone.state + "/*.db")[0]

    def starts(self):
        """True if khud answers; False if it refused to start (and said why)."""
        self.zone.start_khud(wait=False)
        try:
            self.zone.wait_healthy()
            return True
        except Failed:
            self.zone.khud.outer.wait(timeout=10)
            return False

    def jobs(self):
        page = self.zone.api_ok("GET", "/v1/jobs?state=all&limit=1000")
        return sorted(job["job"] for job in page["jobs"])

    def test_the_undamaged_copy_starts_with_everything(self):
        self.assertTrue(self.starts(), self.zone.khud.said())

        self.assertEqual(set(self.given) - set(self.jobs()), set())

    def test_a_torn_tail_is_cut_off_and_the_rest_is_a_prefix(self):
        seed = time.time_ns() % 1000000
        print(f"seed={seed}")
        chance = random.Random(seed)
        wal = self.database() + "-wal"
        if not os.path.exists(wal) or os.path.getsize(wal) < 4096:
            self.skipTest("there is no write-ahead log to tear")
        for _ in range(10):
            self.setUp()
            size = os.path.getsize(wal)
            os.truncate(wal, chance.randrange(size // 2, size))

            self.assertTrue(self.starts(), self.zone.khud.said())
            known = self.jobs()
            self.assertEqual(known, sorted(self.given)[:len(known)], "not a prefix")
            self.assertEqual(self.zone.khu("ledger", "verify").returncode, 0)
            self.zone.khud.kill()

    def test_a_flipped_byte_is_never_believed(self):
        """Either khud does not start and says the state is damaged, or what it says is true."""
        seed = time.time_ns() % 1000000
        print(f"seed={seed}")
        chance = random.Random(seed)
        self.checkpoint()
        self.assertTrue(self.starts(), self.zone.khud.said())
        self.good_report = self.zone.report()
        self.assertEqual(len(self.good_report), 30)
        self.zone.khud.kill()
        silent = []
        for _ in range(60):
            shutil.rmtree(self.zone.state)
            shutil.copytree(self.folder + "/checkpointed", self.zone.state)
            place = self.flip(chance)
            if not self.starts():
                self.assertIn("S60", self.zone.khud.said(), "it does not say what is wrong")
                continue
            if not self.true_or_said():
                silent.append(place)
            self.zone.khud.kill()
        self.assertEqual(silent, [], "went on from a damaged state")

    def true_or_said(self):
        """True if jobs, books and report are what they were, or khud says that they are not."""
        try:
            verified = self.zone.khu("ledger", "verify", check=False)
            if verified.returncode != 0:
                return "broken" in verified.stdout + verified.stderr
            return self.jobs() == sorted(self.given) and self.zone.report() == self.good_report
        except Failed as why:
            return "S603" in str(why)

    def checkpoint(self):
        """The same state with everything in the one database file."""
        with sqlite3.connect(self.database()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        shutil.rmtree(self.folder + "/checkpointed", ignore_errors=True)
        shutil.copytree(self.zone.state, self.folder + "/checkpointed")

    def index_pages(self):
        """Pages of indexes: a byte flipped there may hide a row from a listing, which khud does not
        notice; it changes no amount, and SQLite's REINDEX makes them anew."""
        with contextlib.closing(sqlite3.connect(self.database())) as connection:
            (size,) = connection.execute("PRAGMA page_size").fetchone()
            rows = connection.execute("SELECT pageno FROM dbstat JOIN sqlite_schema USING (name) "
                                      "WHERE type = 'index'").fetchall()
        return size, {page for (page,) in rows}

    def flip(self, chance):
        """Flips some bits of one byte that is neither empty space nor an index; returns where."""
        size, indexes = self.index_pages()
        with open(self.database(), "r+b") as file:
            content = file.read()
            place = chance.randrange(len(content))
            while content[place] == 0 or place // size + 1 in indexes:
                place = chance.randrange(len(content))
            file.seek(place)
            file.write(bytes([content[place] ^ chance.randrange(1, 256)]))
        return place

    def test_a_second_khud_on_the_same_state_is_refused(self):
        self.assertTrue(self.starts(), self.zone.khud.said())

        second = subprocess.run([BIN + "/khud", "--zone", self.zone.state, "--listen",
                                 "127.0.0.1:0"], capture_output=True, text=True, timeout=20)

        self.assertNotEqual(second.returncode, 0)
        self.assertIn("S602", second.stdout + second.stderr)

    def test_a_port_in_use_is_said_with_its_number(self):
        self.assertTrue(self.starts(), self.zone.khud.said())

        second = subprocess.run([BIN + "/khud", "--zone", self.folder + "/other", "--listen",
                                 self.zone.address], capture_output=True, text=True, timeout=20)

        self.assertNotEqual(second.returncode, 0)
        self.assertIn("S604", second.stdout + second.stderr)
        self.assertIn(str(self.zone.port), second.stdout + second.stderr)


if __name__ == "__main__":
    if os.environ.get("KHU_E2E_INSIDE") != "1":
        if os.geteuid() != 0:
            print("SKIPPED disk_test.py: small file systems need root")
            sys.exit(SKIPPED)
        os.environ["KHU_E2E_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-m", "/usr/bin/python3", *sys.argv])
    main(needs_hosts=False)
