"""`python -m flows.experiment` in real processes, with a real Prefect server and without one."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.experiment import main
from tests.flows.api import alive, ask, below, cancel, delete, last_run, run_filter
from tests.flows.workspaces import Workspace, wait_for

EXPERIMENT = "flows.experiment"


def test_an_experiment_runs_without_a_server_and_leaves_none(workspace: Workspace) -> None:
    process = workspace.start(EXPERIMENT, "--systems", "two")
    seen: set[psutil.Process] = set()
    while process.poll() is None:
        seen.update(below(process.pid) if psutil.pid_exists(process.pid) else [])
        time.sleep(0.2)
    assert process.returncode == 0, workspace.output()
    assert "train two says hello" in workspace.output()
    assert "not selected: train@doll-one-by-one, report" in workspace.output()
    wait_for(lambda: not alive(list(seen)))


@pytest.fixture(scope="module")
def completed(home: Path, server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Any]]:
    """A workspace whose experiment has completed, and its run."""
    workspace = Workspace(tmp_path_factory.mktemp("completed"), home=home)
    (workspace.path / "pipelines").mkdir()
    (workspace.path / "pipelines" / "__init__.py").touch()
    (workspace.path / "pipelines" / "tracking.py").write_text("print('runs at http://127.0.0.1:5000/#/compare-runs')\n")
    done = workspace.run(EXPERIMENT, PREFECT_API_URL=server)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("experiment: 4 completed\n")
    yield workspace, last_run(server)
    workspace.end()


def test_an_experiment_is_seen_through_the_api_with_its_stages_lines_and_artifacts(
    completed: tuple[Workspace, Any], server: str
) -> None:
    _, run = completed
    tasks = ask(server, "task_runs/filter", **run_filter(run), sort="EXPECTED_START_TIME_ASC")
    artifacts = {one["key"]: one for one in ask(server, "artifacts/filter", **run_filter(run))}
    lines = [one["message"] for one in ask(server, "logs/filter", logs={"flow_run_id": {"any_": [run["id"]]}})]
    assert (run["state_type"], {task["name"]: task["state_type"] for task in tasks}) == (
        "COMPLETED",
        dict.fromkeys(["prepare@doll", "train@doll-one-by-one", "train@doll-two", "report"], "COMPLETED"),
    )
    assert artifacts["report"]["data"] == "| system | mOCD |\n|---|---|\n| two | 0.1 |\n\n"
    assert artifacts["comparison"]["data"].startswith("data:image/png;base64,")
    assert artifacts["mlflow"]["data"] == "* [runs at](http://127.0.0.1:5000/#/compare-runs)"
    assert (
        lines.index("prepare doll says hello")
        < lines.index("train two says hello")
        < lines.index("report all says hello")
    )


def test_what_is_up_to_date_is_a_task_without_a_process(completed: tuple[Workspace, Any], server: str) -> None:
    workspace, _ = completed
    workspace.set(two="otherwise")
    done = workspace.run(EXPERIMENT, PREFECT_API_URL=server)
    assert done.stdout.endswith("experiment: 3 unchanged, 1 completed\n")  # the report reads the same model again
    assert "Stage 'train@doll-one-by-one' didn't change, skipping" in done.stderr


def test_a_failing_stage_fails_its_own_branch_only_and_the_end_says_which(workspace: Workspace, server: str) -> None:
    workspace.set(two="fails")
    done = workspace.run(EXPERIMENT, "--max-concurrent", "1", PREFECT_API_URL=server)
    assert done.returncode == 1
    told = "1 of 4 stages failed: train@doll-two; not run because of that: report"
    told += "\n  train@doll-two: it cannot be;\n  use another"
    assert f"error: {told}\n" in done.stderr
    assert (workspace.path / "runs" / "doll" / "one-by-one" / "model").exists()
    assert not (workspace.path / "report").exists()
    run = last_run(server)
    assert (run["state"]["type"], run["state"]["message"]) == ("FAILED", told)


def test_ending_the_experiment_ends_workers_that_lead_their_own_sessions(workspace: Workspace, server: str) -> None:
    workspace.set(one_by_one="hangs", two="hangs")
    process = workspace.start(EXPERIMENT, PREFECT_API_URL=server)
    workers = workspace.hanging("one-by-one") + workspace.hanging("two")
    everything = below(process.pid)
    assert set(workers) <= set(everything)
    process.terminate()
    assert process.wait(timeout=300) == 130
    wait_for(lambda: not alive(everything))
    assert "interrupted; all processes have ended" in workspace.output()


def test_cancelling_in_the_page_ends_the_experiment_and_its_workers(workspace: Workspace, server: str) -> None:
    workspace.set(two="hangs")
    process = workspace.start(EXPERIMENT, "--systems", "two", PREFECT_API_URL=server)
    workspace.hanging("two")
    everything = below(process.pid)
    run = last_run(server)
    cancel(server, run)
    assert process.wait(timeout=300) == 130
    wait_for(lambda: not alive(everything))
    assert "cancelled on Prefect's page" in workspace.output()
    assert last_run(server)["state_type"] == "CANCELLED"


def test_an_experiment_whose_run_is_deleted_in_the_page_ends_with_its_workers(
    workspace: Workspace, server: str
) -> None:
    workspace.set(two="hangs")
    process = workspace.start(EXPERIMENT, "--systems", "two", PREFECT_API_URL=server)
    workspace.hanging("two")
    everything = below(process.pid)
    delete(server, last_run(server))
    assert process.wait(timeout=300) == 130
    wait_for(lambda: not alive(everything))
    assert workspace.output().endswith("cancelled: its run was deleted on Prefect's page\n")


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # pygtrie's, inside DVC
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--systems", "three"], "system 'three' is not in dvc.yaml's matrix; there are: one-by-one, two"),
        (["--max-concurrent", "0"], "--max-concurrent '0': Input should be greater than or equal to 1"),
    ],
)
def test_what_is_impossible_is_told_in_one_line_with_exit_code_2(
    workspace: Workspace,
    arguments: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(workspace.path)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    said = capsys.readouterr().err
    assert said.startswith(f"error: {told}")
    assert said.count("\n") == 1
