"""A data set prepared by two "machines": workers in separate folders that share the Prefect server and the remote."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipelines.prepare import prepare
from smis.data.writer import PrepareConfig
from smis.datasets.paperdoll import Config
from tests.flows.api import ask, send_all
from tests.flows.workspaces import Workspace, end, wait_for
from tests.servers import S3

SECTION = {"size": 64, "train": 1500, "validation": 64, "test": 64}
CHUNKS = 24 + 1 + 1
SHARE = 5
"""Chunks in a share: all of them in three shares for each of two machines."""
DVC = """\
stages:
  prepare:
    matrix: {dataset: "${axes.dataset}"}
    cmd: python -m pipelines.prepare ${item.dataset}
    params: [prepare, "datasets.${item.dataset}"]
    outs: ["data/${item.dataset}"]
"""
PARAMS = {"axes": {"dataset": ["paperdoll"]}, "prepare": {"shard_mib": 4}, "datasets": {"paperdoll": SECTION}}


class Raw(Workspace):
    """A DVC project with one data set, which is not prepared yet."""

    files = {"dvc.yaml": DVC, "params.yaml": yaml.safe_dump(PARAMS)}

    def __init__(self, path: Path, *, home: Path, remote: str) -> None:
        super().__init__(path, home=home)
        with (path / ".dvc" / "config").open("a") as config:
            config.write(f"    remote = shared\n['remote \"shared\"']\n    url = {remote}\n")
        self.env |= {"OMP_NUM_THREADS": "1", "SMIS_WORKERS": "1", "TMPDIR": str(path)}

    def worker(self, name: str) -> "subprocess.Popen[str]":
        """Start a worker in a clone."""
        place = self.path.parent / name
        shutil.copytree(self.path, place, ignore=shutil.ignore_patterns(".scratch", "output", "tmp"))
        own = {"SMIS_MACHINE": name, "TMPDIR": str(place)}
        command = [sys.executable, "-m", "flows.worker", "--queue", "shares"]
        with (place / "output").open("w") as out:
            return subprocess.Popen(command, cwd=place, env=self.env | own, stdout=out, stderr=out, text=True)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    made = S3(tmp_path_factory.mktemp("s3"))
    made.start()
    with made.client() as client:
        client.create_bucket(Bucket="machines")
    yield made
    made.kill()


@pytest.fixture
def raw(tmp_path: Path, home: Path, server: str, s3: S3) -> Iterator[Raw]:
    made = Raw(tmp_path / "main", home=home, remote="s3://machines/dvc")
    made.env |= s3.environment | {"PREFECT_API_URL": server}
    yield made
    made.end()


def in_remote(s3: S3) -> list[str]:
    with s3.client() as client:
        found = client.list_objects_v2(Bucket="machines", Prefix="dvc/prepare/").get("Contents", [])
    return [each["Key"] for each in found]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def stands_halfway(worker: "subprocess.Popen[str]", s3: S3) -> bool:
    """Stop the only machine if a part of a share is in the remote, and see whether it still is a part."""
    halfway = range(1, SHARE - 1)  # one chunk may be on its way still
    if len(in_remote(s3)) % SHARE not in halfway:
        return False
    send_all(worker.pid, signal.SIGSTOP)
    if len(in_remote(s3)) % SHARE in halfway:
        return True
    send_all(worker.pid, signal.SIGCONT)
    return False


def unfinished(server: str, *flows: str) -> list[dict[str, object]]:
    """Runs of these flows alone: the server is the session's, and other tests kill theirs."""
    states = {"state": {"type": {"any_": ["RUNNING", "SCHEDULED"]}}}
    return ask(server, "flow_runs/filter", flow_runs=states, flows={"name": {"any_": list(flows)}})


@pytest.mark.timeout(800)
def test_two_machines_one_of_them_killed_make_to_the_byte_what_one_makes(
    raw: Raw, s3: S3, server: str, tmp_path: Path
) -> None:
    assert raw.run("flows.deployments").returncode == 0
    process = raw.start("flows.prepare", "--dataset", "paperdoll", "--lost-after-s", "15")
    lost = raw.worker("left")
    try:
        wait_for(lambda: stands_halfway(lost, s3), timeout_s=300)
    finally:
        send_all(lost.pid, signal.SIGKILL)
        lost.wait()
    rest = SHARE - len(in_remote(s3)) % SHARE
    other = raw.worker("right")
    try:
        assert process.wait(timeout=400) == 0, raw.output()
    finally:
        end(other)
    assert f"{rest} of them are given away again: nothing was heard of it for 15 s" in raw.output()
    assert f"prepare: prepare@paperdoll completed from {CHUNKS} chunks" in raw.output()
    prepare(
        Config(**SECTION).build(), tmp_path / "one" / "paperdoll", config=PrepareConfig(shard_mib=4), scratch=tmp_path
    )
    assert contents(raw.path / "data" / "paperdoll") == contents(tmp_path / "one" / "paperdoll")
    assert in_remote(s3) == []
    status = raw.run("dvc", "repro", "--dry")
    assert "Stage 'prepare@paperdoll' didn't change, skipping" in status.stdout
    again = raw.run("flows.prepare", "--dataset", "paperdoll")
    assert "prepare@paperdoll is up to date" in again.stdout
    assert not unfinished(server, "prepare", "share")
