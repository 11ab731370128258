"""Slurm from Debian's packages, set up by slurm/up on five hosts made of namespaces."""
import os
import subprocess

from measure import HERE, HOSTS, Impossible, alive, now, run, run_json, shell_loops, wait_for


class SlurmSide:
    name = "slurm"

    def __init__(self, folder, programs):
        """folder: an empty one for all state; programs: where mpi_hello lies."""
        self.folder, self.programs = folder, programs
        self.env = {**os.environ, "SLURM_CONF": folder + "/slurm.conf",
                    "KHU_HOSTS_OWNER": str(os.getpid()), "KHU_HOSTS_KEEP": programs,
                    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}

    # --- life -------------------------------------------------------------------------------

    def up(self):
        done = subprocess.run([HERE + "/slurm/up", self.folder], env=self.env, text=True,
                              stderr=subprocess.PIPE)
        if done.returncode:
            raise Impossible(done.stderr.strip().splitlines()[-1] if done.stderr else "up failed")

    def down(self):
        subprocess.run([HERE + "/slurm/down", self.folder], check=False)

    def reset(self, starting=True):
        """Forgets all jobs; with starting=False jobs queue but do not start until release()."""
        run([HERE + "/slurm/up", self.folder, "restart"],
            env={**self.env, "SLURM_PARTITION": "UP" if starting else "DOWN"})

    def release(self):
        self.on("ctl", "scontrol", "update", "partition=main", "state=up")

    def on(self, host, *command, **how):
        return run([HOSTS, "in", self.folder + "/hosts", host, *command], env=self.env, **how)

    # --- submitting -------------------------------------------------------------------------

    def submit_loop(self, clients, count):
        """sbatch in `clients` loops; jobs a second."""
        sbatch = ["sbatch", "--parsable", "-o", "/dev/null", self.folder + "/bin/true.sh"]
        return shell_loops(clients, self.inside(), sbatch, count, self.env)

    def inside(self, *command):
        """argv that runs a command on the controller host; one exec more, no process more."""
        holder = open(self.folder + "/hosts/run/ctl.pid").read().strip()
        return ["nsenter", "-t", holder, "-n", "-u", "-m", "--", *command]

    def submit_api(self, count, clients, acknowledged=None, seconds=600):
        command = self.inside(self.folder + "/bin/submit_api", count, clients)
        if acknowledged:
            command.append(acknowledged)
        try:
            return run_json(command, env=self.env, timeout=seconds)
        except subprocess.TimeoutExpired:
            return {"submitted": self.pending(), "per_s": self.pending() / seconds}

    def submitting(self, acknowledged):
        """Starts submitting without end over two connections; for crashes meanwhile."""
        return subprocess.Popen([str(word) for word in self.inside(
            self.folder + "/bin/submit_api", 1000000, 2, acknowledged)], env=self.env,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    # --- looking ----------------------------------------------------------------------------

    def completed(self):
        with open(self.folder + "/completed.txt", "rb") as log:
            return log.read().count(b"\n")

    def pending(self):
        return len(self.known(None))

    def known(self, jobs):
        """Those of `jobs` (None: all) that slurmctld knows."""
        queued = self.on("ctl", "squeue", "-h", "-r", "-o", "%i").split()
        return {int(word) for word in queued if jobs is None or int(word) in jobs}

    def round_trip_ms(self, count):
        return None  # Slurm has no request that a connection may repeat.

    # --- starting jobs ----------------------------------------------------------------------

    def start_job_writing_time(self, path):
        """Submits a job that writes the time of its start to `path`."""
        run(self.inside("sbatch", "-o", "/dev/null", "--wrap",
                        f"date +%s.%N >{path}.new && mv {path}.new {path}"), env=self.env)

    def mpi_hello(self):
        """Runs a 4-node MPI hello both ways there are; returns the seconds of the quicker one."""
        quickest = None
        hello = [self.programs + "/mpi_hello", "4"]
        for command in (["srun", "-N4", "-n4", "--mpi=pmix", *hello],
                        ["salloc", "-Q", "-N4", "-n4", "mpirun", "--mca",
                         "btl_tcp_if_include", "10.77.0.0/24", *hello]):
            began = now()
            said = run(self.inside(*command), env=self.env, timeout=60)
            took = now() - began
            if len(set(line.split("host=")[1].split()[0] for line in said.splitlines())) != 4:
                raise RuntimeError(f"{command[0]} did not use four hosts: {said}")
            quickest = took if quickest is None else min(took, quickest)
        return quickest

    # --- the controller ---------------------------------------------------------------------

    def controller_pid(self):
        """As seen from outside the hosts; None if it does not run."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                environ = open(f"/proc/{pid}/environ", "rb").read()
                if open(f"/proc/{pid}/comm").read().strip() == "slurmctld" and \
                        self.env["SLURM_CONF"].encode() in environ and alive(pid):
                    return int(pid)
            except OSError:
                pass
        return None

    def kill_controller(self):
        pid = self.controller_pid()
        os.kill(pid, 9)
        wait_for(lambda: not alive(pid), 30, "slurmctld to be gone")

    def start_controller(self):
        """Starts it and returns the seconds until it accepts a job (which is then cancelled)."""
        began = now()
        self.on("ctl", "slurmctld")
        while True:
            job = run(self.inside("sbatch", "--parsable", "-o", "/dev/null",
                                  self.folder + "/bin/true.sh"), env=self.env, check=False)
            if job.strip():
                break
        took = now() - began
        self.on("ctl", "scancel", job.strip())
        return took

    def next_id(self):
        return int(run(self.inside("sbatch", "--parsable", "-o", "/dev/null",
                                   self.folder + "/bin/true.sh"), env=self.env))


