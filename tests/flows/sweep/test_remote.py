"""Trials on other machines: workers in separate folders that share nothing but servers."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from flows.deployments import register
from tests import empty_databases
from tests.flows.api import alive, ask, cancel, last_run, running, send_all
from tests.flows.sweeps import RATE, SWEEP, SweepWorkspace
from tests.flows.workspaces import answers, end, wait_for
from tests.servers import S3, free_port

pytestmark = pytest.mark.timeout(600)


class Machine:
    """A clone of a workspace with a worker of its own, and room for one training."""

    def __init__(self, small: SweepWorkspace, name: str, *, server: str) -> None:
        self.name, self.path = name, small.path.parent / name
        shutil.copytree(small.path, self.path, ignore=shutil.ignore_patterns(".scratch", "cache", "tmp", "output"))
        own = {"SMIS_DEVICES": "cpu:1", "SMIS_MACHINE": name, "TMPDIR": str(self.path), "PREFECT_API_URL": server}
        with (self.path / "output").open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.worker"],
                cwd=self.path,
                env=small.env | own,
                stdout=out,
                stderr=out,
                text=True,
            )

    def stages(self) -> list[psutil.Process]:
        """Return what trains or evaluates now."""
        return running(self.process.pid, "tool.py")

    def kill(self) -> None:
        """Cut its power."""
        send_all(self.process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def pool(server: str) -> None:
    """The server knows the pool of machines, and the flow of a trial."""
    assert "trial/trial" in register(server)


@pytest.fixture
def machines(small: SweepWorkspace, server: str, pool: None) -> Iterator[list[Machine]]:
    small.env["PREFECT_API_URL"] = server
    started: list[Machine] = []
    yield started
    for machine in started:
        end(machine.process)


@pytest.fixture
def s3(small: SweepWorkspace) -> Iterator[S3]:
    """The workspace's DVC remote."""
    made = S3(small.path.parent / "s3")
    made.start()
    with made.client() as client:
        client.create_bucket(Bucket="machines")
    with (small.path / ".dvc" / "config").open("a") as config:
        config.write("    remote = shared\n['remote \"shared\"']\n    url = s3://machines/dvc\n")
    small.env |= made.environment
    yield made
    made.kill()


@pytest.mark.usefixtures("s3")
def test_every_trial_ends_once_though_a_machine_is_killed(
    small: SweepWorkspace, machines: list[Machine], server: str
) -> None:
    small.change(seconds=2)
    space = small.write(space={RATE: [0.1, 0.3]}, executor="pool", heartbeat_timeout_s=15, retries=2)
    process = small.start(SWEEP, "--space", space)
    machines.append(Machine(small, "right", server=server))
    wait_for(lambda: small.records("begins", stage="train", machine="right"), timeout_s=200)
    for one in machines[0].stages():
        one.suspend()  # it is in the middle of its trial, however long the other takes to begin
    machines.append(Machine(small, "left", server=server))
    wait_for(lambda: small.records("begins", stage="train", machine="left"), timeout_s=200)
    machines[0].kill()
    assert process.wait(timeout=300) == 0, small.output()
    assert [row["state"] for row in small.rows()] == ["finished"] * 2, small.output()
    assert sorted(row["rate"] for row in small.records(stage="evaluate")) == [0.1, 0.3]
    assert "is retried: no heartbeat for 15 s" in small.output()
    assert small.records(stage="train", machine="left")
    best = small.path / ".scratch/sweeps/small/trial-0000-seed-0"
    assert (best / "runs/doll/one/seed-0/model").read_text() == "one 0.1 0"  # where MLflow's registry takes it from
    brought = small.run("flows.sweep.apply", "small", "1", "--pull")
    assert brought.returncode == 0, brought.stderr
    assert (small.path / "runs/doll/one/seed-0/model").read_text() == "one 0.3 0"
    assert len(small.records(stage="train", rate=0.3)) == 1


def test_cancelling_a_sweep_ends_its_trials_on_other_machines(
    small: SweepWorkspace, machines: list[Machine], server: str
) -> None:
    small.change(how="hangs")
    space = small.write("stopped", space={RATE: [0.3, 0.4]}, executor="pool")
    machines.append(Machine(small, "left", server=server))
    process = small.start(SWEEP, "--space", space)
    wait_for(lambda: small.records("hangs"), timeout_s=200)
    training = machines[0].stages()
    assert training
    cancel(server, last_run(server, "sweep"))
    assert process.wait(timeout=30) == 130
    wait_for(lambda: not alive(training), timeout_s=30)
    trials = {"name": {"like_": "stopped trial"}, "state": {"type": {"not_any_": ["CANCELLED", "CANCELLING"]}}}
    assert ask(server, "flow_runs/filter", flow_runs=trials) == []


def test_a_trial_on_another_machine_that_learns_worse_is_ended_early(
    small: SweepWorkspace, machines: list[Machine], server: str
) -> None:
    small.change(how="learns", steps=5)
    with (small.path / ".dvc" / "config").open("a") as config:
        config.write(f"    remote = shared\n['remote \"shared\"']\n    url = {small.path.parent / 'remote'}\n")
    space = small.write(
        "judged", space={RATE: [0.1, 0.4]}, executor="pool", max_concurrent=1, pruner={"startup_trials": 1}
    )
    machines.append(Machine(small, "left", server=server))
    assert small.start(SWEEP, "--space", space).wait(timeout=400) == 0, small.output()
    assert [row["state"] for row in small.rows("judged")] == ["finished", "pruned"]
    assert not small.records(stage="train", rate=0.4)


class Prefect:
    """A server of its own, which comes back with what it knew."""

    def __init__(self, home: Path) -> None:
        self._port, self._home = free_port(), home
        self.api = f"http://127.0.0.1:{self._port}/api"

    def start(self) -> None:
        own = {"PREFECT_HOME": str(self._home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self._port)]
        with (self._home / "restarted.log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command], env=os.environ | own, stdout=log, stderr=log, text=True
            )
        wait_for(lambda: answers(f"{self.api}/health"), timeout_s=90)

    def stop(self) -> None:
        end(self._process)


@pytest.fixture
def prefect(small: SweepWorkspace, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    shutil.copy(empty_databases.prefect(tmp_path_factory), tmp_path)  # that of the session has a server already
    made = Prefect(tmp_path)
    made.start()
    small.env["PREFECT_API_URL"] = made.api
    yield made
    made.stop()


@pytest.mark.slow
def test_a_trial_ends_once_though_the_server_is_away_for_a_while(small: SweepWorkspace, prefect: Prefect) -> None:
    register(prefect.api)
    small.change(seconds=4)
    space = small.write(space={RATE: [0.1]}, executor="pool", heartbeat_timeout_s=25, retries=0)
    machine = Machine(small, "left", server=prefect.api)
    try:
        process = small.start(SWEEP, "--space", space)
        wait_for(lambda: small.records("begins", stage="train"), timeout_s=100)
        prefect.stop()
        wait_for(lambda: small.records("ends", stage="evaluate"), timeout_s=60)  # its end falls into the outage
        time.sleep(3)
        prefect.start()
        assert process.wait(timeout=200) == 0, small.output()
    finally:
        end(machine.process)
    assert [row["state"] for row in small.rows()] == ["finished"], small.output()
    assert len(small.records("begins", stage="train")) == 1
