"""Locks on devices: never more trainings than devices, each device for one."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from flows import devices
from flows.exceptions import FlowError, StoppedError
from tests.flows.workspaces import ROOT, wait_for


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in (devices.VARIABLE, "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def lock(
    count: int = 1, *, max_concurrent: int = 1, should_stop: Callable[[], bool] = lambda: False
) -> AbstractContextManager[Mapping[str, str]]:
    return devices.locked(count, max_concurrent=max_concurrent, should_stop=should_stop)


def is_free() -> bool:
    """Ask once for the only device."""
    answers = iter([False, True])
    try:
        with lock(should_stop=lambda: next(answers)):
            return True
    except StoppedError:
        return False


def test_concurrent_trainings_have_gpus_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, "0,1,2,3")
    mutex, pair, running, most = threading.Lock(), threading.Barrier(2), list[str](), 0

    def train(_: int) -> None:
        nonlocal most
        with lock(2, max_concurrent=6) as env:
            gpus = env["CUDA_VISIBLE_DEVICES"].split(",")
            with mutex:
                assert not set(gpus) & set(running)
                running.extend(gpus)
                most = max(most, len(running))
            pair.wait(300)  # two of them run at a time
            with mutex:
                running[:] = [gpu for gpu in running if gpu not in gpus]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(train, range(6)))
    assert most == 4


def test_a_device_is_free_again_when_its_holder_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(devices.VARIABLE, "0")
    code = f"import sys, tempfile, time; sys.path.insert(0, {str(ROOT)!r}); tempfile.tempdir = {str(tmp_path)!r}\n"
    code += "from flows import devices\nwith devices.locked(1, max_concurrent=1, should_stop=lambda: False):\n"
    code += "    print('held', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        assert not is_free()
        other.kill()
    wait_for(is_free)


def test_all_users_of_a_machine_share_its_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(devices.VARIABLE, "0")
    before = os.umask(0o077)
    try:
        assert is_free()
    finally:
        os.umask(before)
    (folder,) = tmp_path.glob("smis-devices*")
    assert not folder.name.endswith(str(os.getuid()))
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "0")] == [0o1777, 0o644]
    (folder / "0").chmod(0o444)
    assert is_free()


def test_waiting_for_a_device_ends_with_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, "0")
    with lock(), pytest.raises(StoppedError, match="was not started"), lock(should_stop=lambda: True):
        pass


def test_trainings_on_a_cpu_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "count_cores", lambda: 8)
    monkeypatch.setenv(devices.VARIABLE, "cpu:4")
    with lock(max_concurrent=2) as env:
        assert env == {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "4"}
    with lock(2, max_concurrent=16) as env:
        assert env["OMP_NUM_THREADS"] == "1"


def test_visible_gpus_are_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert devices.list_devices() == ["2", "3"]


@pytest.mark.parametrize(
    ("answer", "expected"), [("echo 0; echo 1", ["0", "1"]), ("echo 'No devices were found'; exit 6", ["cpu-0"])]
)
def test_the_gpus_that_the_driver_lists_are_the_devices(
    answer: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script stands in for nvidia-smi: its output with two GPUs, and with a driver that finds none."""
    monkeypatch.setattr(devices, "count_cores", lambda: 1)
    script = tmp_path / "nvidia-smi"
    script.write_text(f'#!/bin/sh\n[ "$*" = "--query-gpu=index --format=csv,noheader" ] || exit 2\n{answer}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert devices.list_devices() == expected


@pytest.mark.parametrize("value", ["gpu:1", "cpu:none", "0,,1"])
def test_a_list_of_devices_that_is_none_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, value)
    with pytest.raises(FlowError, match=f"^SMIS_DEVICES is '{value}'; write GPUs as 0,1 or a number"):
        devices.list_devices()


def test_more_gpus_than_the_machine_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, "0,1")
    with pytest.raises(FlowError, match=r"^a training needs 4 GPUs, but this machine has 2: 0, 1$"), lock(4):
        pass
