"""One stage, one `dvc repro`, without Prefect."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Lock, Semaphore
from unittest.mock import Mock

import pytest
from prefect.logging import disable_run_logger

from flows import dag
from flows.exceptions import DvcError, StageError
from flows.processes import ChildProcesses
from flows.stages import child_environment, error_message, find_unchanged, outcome, repro, run_stage
from tests.flows.workspaces import Workspace


@pytest.fixture
def inside(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(workspace.path)
    for name in os.environ:
        if name not in workspace.env:
            monkeypatch.delenv(name)
    return workspace


def reproduce(name: str, on_line: Callable[[str], object] = str) -> list[str]:
    return repro(["--single-item", name], ChildProcesses(), on_line=on_line)


def test_a_stage_runs_then_is_unchanged_then_restored_from_the_cache(inside: Workspace) -> None:
    lines: list[str] = []
    outcomes = [outcome(reproduce("prepare@doll", lines.append)) for _ in range(2)]
    (inside.path / "data" / "doll").unlink()
    (inside.path / "dvc.lock").unlink()
    outcomes.append(outcome(reproduce("prepare@doll", lines.append)))
    assert outcomes == ["Completed", "Unchanged", "Restored"]
    assert lines.count("prepare doll says hello") == 1


def test_a_stage_that_fails_gives_its_own_words(inside: Workspace) -> None:
    reproduce("prepare@doll")
    inside.set(two="fails")
    with pytest.raises(StageError, match=r"^it cannot be;\n  use another$"):
        reproduce("train@doll-two")


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # pygtrie's, inside DVC
def test_dvc_says_at_once_which_stages_no_change_can_reach(inside: Workspace) -> None:
    stages = dag.read()
    assert find_unchanged(stages, ChildProcesses()) == set()
    for stage in stages:
        reproduce(stage.name)
    assert find_unchanged(stages, ChildProcesses()) == {stage.name for stage in stages}
    inside.set(two="otherwise")
    assert find_unchanged(stages, ChildProcesses()) == {"prepare@doll", "train@doll-one-by-one"}
    (inside.path / "dvc.yaml").write_text("stages: {a: {}}\n")
    assert find_unchanged(stages, ChildProcesses()) == set()


def test_the_reason_is_the_last_line_that_is_not_dvcs_wrapping() -> None:
    traceback = ["Traceback (most recent call last):", "  File", "ValueError: odd", "ERROR: failed to reproduce 'x'"]
    assert error_message(traceback) == "ValueError: odd"
    assert error_message(["ERROR: 'dvc.yaml' validation failed"]) == "ERROR: 'dvc.yaml' validation failed"
    assert error_message([]) == ""


def test_dvcs_chatter_is_no_reason() -> None:
    wrapped = "ERROR: failed to reproduce 'prepare@doll': missing data 'source': raw/doll"
    lines = ["Stage 'a' didn't change, skipping", "Running stage 'prepare@doll':", "> exec python tool.py", wrapped]
    assert (
        error_message([*lines, "Having any troubles? Hit us up at https://dvc.org/support, we are always happy"])
        == wrapped
    )


def test_children_find_this_interpreters_programs_first() -> None:
    assert child_environment({"PATH": "/elsewhere"})["PATH"] == f"{Path(sys.executable).parent}{os.pathsep}/elsewhere"


def test_dvc_that_fails_itself_is_told_from_a_stage_that_fails() -> None:
    def fails(*lines: str) -> Mock:
        def run(*_: object, on_line: Callable[[str], object], **__: object) -> int:
            for line in lines:
                on_line(line)
            return 255

        return Mock(run=run)

    away = fails('ERROR: unexpected error - Could not connect to the endpoint URL: "x"', "", "Having any troubles? ...")
    with pytest.raises(DvcError, match=r'Could not connect to the endpoint URL: "x"$'):
        repro(["--pull", "train@doll-two"], away, on_line=str)
    with pytest.raises(StageError, match=r"^it cannot be$") as caught:
        repro(["train@doll-two"], fails("error: it cannot be", "ERROR: failed to reproduce 'x'"), on_line=str)
    assert caught.type is StageError


@pytest.mark.parametrize("limit", [1, 2])
def test_as_many_stages_run_as_there_are_places_and_no_more(limit: int) -> None:
    places, full, lock = Semaphore(limit), Barrier(limit), Lock()
    running: list[int] = [0]

    def run(*_: object, **__: object) -> int:
        with lock:
            running.append(running[-1] + 1)
        full.wait(300)
        with lock:
            running.append(running[-1] - 1)
        return 0

    def start(number: int) -> str | None:
        return run_stage.fn(f"prepare@{number}", Mock(run=run), places).name

    with disable_run_logger(), ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, range(4))) == ["Completed"] * 4
    assert max(running) == limit
