"""`python -m flows.sweep` in real processes, with a real Prefect server."""

import os
import signal
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from subprocess import CompletedProcess

import psutil
import pytest

from tests.flows.api import alive, ask, below, cancel, last_run, run_filter
from tests.flows.sweeps import RATE, SWEEP, SweepWorkspace
from tests.flows.workspaces import wait_for

Swept = tuple[SweepWorkspace, "CompletedProcess[str]", str]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, home: Path, server: str) -> Iterator[Swept]:
    """A grid of four trials, two of which fail, each tried twice, on a machine with room for all at once."""
    small = SweepWorkspace(tmp_path_factory.mktemp("swept") / "main", home=home)
    small.change(how="fails")
    space = small.write(space={RATE: [0.1, 0.2, 0.3, 0.4]}, retries=1, max_concurrent=2)
    room = {"SMIS_DEVICES": "cpu:4"}
    yield small, small.run(SWEEP, "--space", space, PREFECT_API_URL=server, **room), server
    small.end()


def test_a_grid_ends_with_a_row_for_each_trial(swept: Swept) -> None:
    small, done, _ = swept
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("sweep: 2 finished, 2 failed\n")
    states = {row["setting"][RATE]: row["state"] for row in small.rows()}
    assert states == {0.1: "finished", 0.2: "finished", 0.3: "failed", 0.4: "failed"}
    assert small.rows()[0]["metrics"]["FD"] == [0.1, None]


def test_a_trial_that_fails_is_repeated_then_reported_with_its_own_words(swept: Swept) -> None:
    small, _, _ = swept
    assert len(small.records("begins", stage="train", rate=0.3)) == 2
    assert {row["why"] for row in small.rows() if row["state"] == "failed"} == {"rate is too high;\n  use another"}


def test_what_trials_share_is_made_once_and_not_in_the_main_workspace(swept: Swept) -> None:
    small, _, _ = swept
    assert len(small.records(stage="prepare")) == 1
    assert not (small.path / "data").exists()


def test_trials_never_touch_each_others_files(swept: Swept) -> None:
    small, _, _ = swept
    places = {row["rate"]: row["place"] for row in small.records("begins", stage="train")}
    assert len(set(places.values())) == 4
    for rate in (0.1, 0.2):
        assert (Path(places[rate]) / "runs/doll/one/seed-0/model").read_text() == f"one {rate} 0"
    assert (small.path / "params.yaml").read_text().startswith("# Every number")


def test_as_many_trials_run_side_by_side_as_asked_for(swept: Swept) -> None:
    _, _, server = swept
    tasks = ask(server, "task_runs/filter", **run_filter(last_run(server, "sweep")))
    times = sorted((one[at], step) for one in tasks for at, step in (("start_time", 1), ("end_time", -1)))
    running = list(accumulate(step for _, step in times))
    assert len(tasks) == 4 + 2
    assert max(running) == 2


def test_a_sweep_is_seen_on_its_page(swept: Swept) -> None:
    _, _, server = swept
    run = last_run(server, "sweep")
    artifacts = {one["key"]: one["data"] for one in ask(server, "artifacts/filter", **run_filter(run))}
    assert run["name"] == "small"
    assert "| **0** | 0.1 | 0.1 |" in artifacts["sweep-small"]
    assert "python -m flows.sweep.apply small 0" in artifacts["sweep-small"]


def test_a_trial_comes_back_with_its_parameters_and_nothing_is_trained_again(swept: Swept) -> None:
    small, _, _ = swept
    before = len(small.records("begins"))
    done = small.run("flows.sweep.apply", "small", "1")
    assert done.returncode == 0, done.stderr
    assert "rate: 0.2" in (small.path / "params.yaml").read_text()
    assert (small.path / "runs/doll/one/seed-0/model").read_text() == "one 0.2 0"
    assert len(small.records("begins")) == before


def test_a_sweep_that_was_killed_goes_on_where_it_was(small: SweepWorkspace, server: str) -> None:
    space = small.write(space={RATE: [0.1, 0.3]})
    process = small.start(SWEEP, "--space", space, PREFECT_API_URL=server, HOW="hangs")
    wait_for(lambda: small.records("hangs") and small.records(stage="evaluate", rate=0.1), timeout_s=200)
    wait_for(lambda: "trial-0000-seed-0 has FD 0.1" in small.output(), timeout_s=30)
    everything = below(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    workers = [psutil.Process(int(row["word"].split()[1])) for row in small.records("hangs")]
    wait_for(lambda: not [one for one in alive(everything) if one not in workers], timeout_s=15)
    for worker in workers:  # it hears nothing of its parent's death, and no flow is left that could end it
        worker.kill()
    done = small.run(SWEEP, "--space", space, PREFECT_API_URL=server)
    assert done.returncode == 0, done.stderr
    assert [(row["number"], row["state"]) for row in small.rows()] == [(0, "finished"), (1, "finished")]
    assert len(small.records("begins", stage="train", rate=0.1)) == 1


def test_cancelling_in_the_page_ends_every_process_of_every_trial(small: SweepWorkspace, server: str) -> None:
    small.change(how="hangs")
    space = small.write(space={RATE: [0.3, 0.4]})
    process = small.start(SWEEP, "--space", space, PREFECT_API_URL=server)
    wait_for(lambda: len(small.records("hangs")) == 2, timeout_s=200)
    everything = below(process.pid)
    workers = {int(row["word"].split()[1]) for row in small.records("hangs")}
    assert workers <= {one.pid for one in everything}
    cancel(server, last_run(server, "sweep"))
    assert process.wait(timeout=20) == 130
    wait_for(lambda: not alive(everything), timeout_s=1)
    assert last_run(server, "sweep")["state_type"] == "CANCELLED"


def test_a_trial_that_learns_worse_than_others_is_ended_early(small: SweepWorkspace, server: str) -> None:
    small.change(how="learns", steps=5)
    space = small.write(space={RATE: [0.1, 0.4]}, max_concurrent=1, pruner={"startup_trials": 1})
    done = small.run(SWEEP, "--space", space, PREFECT_API_URL=server)
    assert done.returncode == 0, done.stderr
    assert {row["setting"][RATE]: row["state"] for row in small.rows()} == {
        0.1: "finished",
        0.4: "pruned",
    }
    assert not small.records(stage="train", rate=0.4)
    assert small.rows()[1]["why"].startswith("pruned at step")


def test_a_curve_that_no_history_has_is_reported_once_with_those_that_there_are(
    small: SweepWorkspace, server: str
) -> None:
    small.change(how="learns", steps=2)
    space = small.write(space={RATE: [0.1, 0.2]}, max_concurrent=1, pruner={"metric": "validation_fid"})
    done = small.run(SWEEP, "--space", space, PREFECT_API_URL=server)
    assert done.returncode == 0, done.stderr
    (warning,) = [line for line in (done.stdout + done.stderr).splitlines() if "nothing is pruned" in line]
    assert "trial-0000-seed-0 has no validation_fid in its history.jsonl, so that" in warning
    assert "; there are: validation_fd; set pruner.metric to a value that training writes" in warning
    assert [row["state"] for row in small.rows()] == ["finished"] * 2


def test_a_sweep_with_other_code_than_before_is_refused(swept: Swept) -> None:
    small, _, server = swept
    tool = small.path / "tool.py"
    text = tool.read_text()
    tool.write_text(text + "# changed\n")
    refused = small.run(SWEEP, "--space", "small.yaml", PREFECT_API_URL=server)
    tool.write_text(text)
    assert refused.returncode == 1
    assert "sweep small was started with other code for doll/one, whose trials do not compare" in refused.stderr
    assert "choose another name" in refused.stderr
