"""A cluster of Debian's Slurm: two nodes, which are two slurmd of this machine, with files and ports of their own."""

import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

from tests.servers import free_port

PROGRAMS = ("sbatch", "slurmctld", "slurmd", "munged")
NODES = ("one", "two")
START_S, STOP_S = 300.0, 600.0
CONFIG = """\
ClusterName=smis
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
MessageTimeout=60
BatchStartTimeout=600
KillWait=600
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Say why there is no cluster here, if so."""
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent:
        return f"there is no {', '.join(absent)}; on Debian, as root: make slurm"
    return "" if os.geteuid() == 0 else "slurmd starts jobs as root only"


class UnavailableError(Exception):
    """Slurm is installed, and does not start on this machine."""


class Cluster:
    """The cluster's folder, and what asks it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._processes = folder, list[subprocess.Popen[bytes]]()
        self.env = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}

    def start(self) -> None:
        """Start the daemons; wait until the nodes are idle.

        Raises:
            UnavailableError: if a daemon ends, or the nodes do not become idle.
        """
        (self.folder / "state").mkdir()
        self._start_munge()
        host, text = socket.gethostname().partition(".")[0], CONFIG
        for name in NODES:
            (self.folder / name).mkdir()
            text += f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={free_port()} CPUs=1\n"
        config = text.format(host=host, port=free_port(), folder=self.folder)
        (self.folder / "slurm.conf").write_text(config)
        if self._version >= 23:
            (self.folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        self._run("slurmctld", "-D")
        for name in NODES:
            self._run("slurmd", "-D", "-N", name)
        self._wait_for(self._is_idle)

    def _is_idle(self) -> bool:
        with suppress(subprocess.CalledProcessError):  # slurmctld does not listen yet
            return self.ask("sinfo", "--noheader", "--format=%D %T") == "2 idle"
        return False

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        folder.mkdir(mode=0o700)
        (folder / "key").write_bytes(secrets.token_bytes(1024))
        (folder / "key").chmod(0o400)
        files = [f"--{name}-file={folder / name}" for name in ("key", "pid", "log", "seed")]
        self._run("munged", "--foreground", "--force", f"--socket={self.folder / 'munge.socket'}", *files)
        self._wait_for((self.folder / "munge.socket").exists)

    def _wait_for(self, happened: Callable[[], object]) -> None:
        deadline = time.monotonic() + START_S
        while not happened():
            ended = [str(process.args[0]) for process in self._processes if process.poll() is not None]  # type: ignore[index]
            if ended or time.monotonic() > deadline:
                outputs = [path.read_text(errors="replace").strip() for path in sorted(self.folder.glob("*.out"))]
                raise UnavailableError(f"ended: {ended}; {'; '.join(filter(None, outputs))[-2000:]}")
            time.sleep(0.2)

    @cached_property
    def _version(self) -> int:
        printed = subprocess.run(["slurmctld", "-V"], capture_output=True, text=True, check=True).stdout
        return int(re.findall(r"\d+", printed)[0])

    def _run(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.out").open("ab") as out:
            self._processes.append(subprocess.Popen(command, env=self.env, stdout=out, stderr=out))

    def ask(self, *command: str) -> str:
        """Run one of Slurm's commands; return what it printed."""
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=True).stdout.strip()

    def jobs(self, *states: str) -> list[str]:
        """List the numbers of the jobs in these states: of all that have not ended, if none is given."""
        which = [f"--states={','.join(states)}"] if states else []
        return self.ask("squeue", "--noheader", "--format=%i", *which).split()

    def end(self) -> None:
        """End all jobs, then the daemons."""
        with suppress(subprocess.CalledProcessError, OSError):
            self.ask("scancel", "--user=root")
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            process.wait(STOP_S)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a cluster in a folder that munge accepts: no part of its path may be written by others."""
    with tempfile.TemporaryDirectory(prefix="smis-slurm-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        made = Cluster(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.end()
