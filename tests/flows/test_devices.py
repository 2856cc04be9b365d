"""Places for trainings: never more than there are, each for one."""

import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import devices
from flows.errors import DeviceError, EndedError
from tests.flows.workspaces import ROOT, wait_for


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in (devices.VARIABLE, "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def test_trainings_side_by_side_have_gpus_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, "0,1,2,3")
    lock, running, most = threading.Lock(), list[str](), 0

    def train(_: int) -> None:
        nonlocal most
        with devices.leased(2, side_by_side=6, ended=lambda: False) as env:
            mine = env["CUDA_VISIBLE_DEVICES"].split(",")
            with lock:
                assert not set(mine) & set(running)
                running.extend(mine)
                most = max(most, len(running))
            time.sleep(0.1)
            with lock:
                running[:] = [gpu for gpu in running if gpu not in mine]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(train, range(6)))
    assert most == 4


def test_a_place_is_free_again_when_its_holder_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(devices.VARIABLE, "0")
    code = f"import sys, tempfile, time; sys.path.insert(0, {str(ROOT)!r}); tempfile.tempdir = {str(tmp_path)!r}\n"
    code += "from flows import devices\nwith devices.leased(1, side_by_side=1, ended=lambda: False):\n"
    code += "    print('held', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        assert not devices.all_free(["0"])
        other.kill()
    wait_for(lambda: devices.all_free(["0"]), timeout_s=5)


def test_all_users_of_a_machine_share_its_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = os.umask(0o077)
    try:
        assert devices.all_free(["0"])
    finally:
        os.umask(before)
    (folder,) = tmp_path.glob("smis-devices*")
    assert not folder.name.endswith(str(os.getuid()))
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "0")] == [0o1777, 0o644]
    (folder / "0").chmod(0o444)
    assert devices.all_free(["0"])


def test_waiting_for_a_place_ends_with_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, "0")
    with (
        devices.leased(1, side_by_side=1, ended=lambda: False),
        pytest.raises(EndedError, match="was not started"),
        devices.leased(1, side_by_side=1, ended=lambda: True),
    ):
        pass


def test_trainings_on_a_cpu_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_cores", lambda: 8)
    monkeypatch.setenv(devices.VARIABLE, "cpu:4")
    with devices.leased(1, side_by_side=2, ended=lambda: False) as env:
        assert env == {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "4"}
    with devices.leased(2, side_by_side=16, ended=lambda: False) as env:
        assert env["OMP_NUM_THREADS"] == "1"


def test_visible_gpus_are_the_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert devices.places() == ["2", "3"]


@pytest.mark.parametrize(
    ("answer", "expected"), [("echo 0; echo 1", ["0", "1"]), ("echo 'No devices were found'; exit 6", ["cpu-0"])]
)
def test_the_gpus_that_the_driver_lists_are_the_places(
    answer: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script stands in for nvidia-smi: its words with two GPUs, and with a driver that finds none."""
    monkeypatch.setattr(devices, "_cores", lambda: 1)
    script = tmp_path / "nvidia-smi"
    script.write_text(f'#!/bin/sh\n[ "$*" = "--query-gpu=index --format=csv,noheader" ] || exit 2\n{answer}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert devices.places() == expected


def test_a_limit_that_a_person_has_lowered_stays_and_is_never_above_the_places(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(devices.MACHINE, "lowered")
    with temporary_settings({PREFECT_API_URL: server}), get_client(sync_client=True) as client:

        def told(places: str) -> int | None:
            monkeypatch.setenv(devices.VARIABLE, places)
            return client.read_concurrency_limit_by_tag(devices.limit()).concurrency_limit

        assert told("cpu:4") == 4
        client.update_global_concurrency_limit(f"tag:{devices.tag()}", GlobalConcurrencyLimitUpdate(limit=2))
        assert told("cpu:4") == 2
        assert told("cpu:1") == 1


@pytest.mark.parametrize("said", ["gpu:1", "cpu:none", "0,,1"])
def test_devices_that_are_none_are_told(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, said)
    with pytest.raises(DeviceError, match=f"^SMIS_DEVICES is '{said}'; write GPUs as 0,1 or room"):
        devices.places()


def test_more_gpus_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, "0,1")
    with (
        pytest.raises(DeviceError, match=r"^4 GPUs for each training are asked for, but this machine has 2: 0, 1$"),
        devices.leased(4, side_by_side=1, ended=lambda: False),
    ):
        pass
