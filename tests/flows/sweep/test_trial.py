"""One trial: how pages call it, and what its stages see."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from flows.exceptions import StageError, SweepError
from flows.processes import ChildProcesses
from flows.sweep import Sweep
from flows.sweep.scheduler import TrialBuilder
from flows.sweep.space import Space
from flows.sweep.trial import Trial, TrialJob, TrialResult, pull, read_metrics, run
from tests.flows.sweeps import RATE, SweepWorkspace
from tests.flows.workspaces import wait_for


def trial(**options: Any) -> Trial:
    values = {"sweep": "rates", "number": 0, "seed": 0, "dataset": "doll", "system": "one", "stages": ["train"]}
    return Trial.model_validate(values | {"values": {RATE: 0.0005}} | options)


def test_a_failure_of_a_trial_is_a_state_with_its_message() -> None:
    job = TrialJob(trial(), Mock(side_effect=StageError("rate is too high")))
    state = job.run(print)
    assert (state.is_failed(), state.message, job.reason) == (True, "rate is too high", "rate is too high")


def test_a_trial_is_refused_by_a_workspace_with_other_code(inside: SweepWorkspace) -> None:
    with pytest.raises(SweepError, match=r"has other code than sweep rates; bring it to the same state, for example"):
        run(TrialJob(trial(digest="0", code=["tool.py"]), Mock()), source=Path())


def test_outputs_that_dvc_cannot_pull_are_a_warning(inside: SweepWorkspace) -> None:
    warn = Mock()
    pull(trial(stages=["nothing"]), ChildProcesses(), source=Path(), warn=warn)
    (warning,) = warn.call_args.args
    assert warning.startswith("the outputs of trial-0000-seed-0 were not pulled: ")


def test_metrics_are_finite_numbers(inside: SweepWorkspace) -> None:
    path = trial().folder / "metrics/doll/one/seed-0.json"
    path.parent.mkdir(parents=True)
    values = {"FD": 1, "extra": float("nan"), "none": None}
    path.write_text(json.dumps({name: {"value": value} for name, value in values.items()}))
    assert TrialResult(read_metrics(trial()), 0.0).values == {"FD": 1.0}


def test_points_of_a_curve_are_judged_once_until_the_trial_is_pruned() -> None:
    judged: list[Any] = []
    job = TrialJob(trial(), Mock(), should_prune=lambda points: judged.append(points) or points[-1][1] > 5)
    for points in ([(1, 0.0)], [(1, 0.0)], [(1, 0.0), (2, 9.0)], [(1, 0.0), (2, 9.0), (3, 0.0)]):
        job.report(points)
    assert judged == [[(1, 0.0)], [(2, 9.0)]]
    assert (job.pruned, job.children.stopped) == (True, True)


def test_the_data_set_is_in_the_title_where_the_sweep_has_several() -> None:
    assert trial().title == "rates 0: one, rate 0.0005, seed 0"
    assert trial(datasets_tried=2).title == "rates 0: doll, one, rate 0.0005, seed 0"


def test_the_title_writes_values_as_params_does() -> None:
    values = {"a.spade": True, "a.decay_from": None, "a.betas": [0.5, 0.999], "a.norm": "batch"}
    assert (
        trial(values=values).title
        == "rates 0: one, spade true, decay_from null, betas [0.5, 0.999], norm batch, seed 0"
    )


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # pygtrie's, inside DVC
def test_a_plan_tells_its_trials_how_many_data_sets_there_are(inside: SweepWorkspace) -> None:
    text = (inside.path / "params.yaml").read_text()
    (inside.path / "params.yaml").write_text(text.replace("{doll: {size: 8}}", "{doll: {size: 8}, tree: {size: 4}}"))
    asked = Sweep.model_validate({"name": "a", "objectives": {"FD": "minimize"}, "datasets": ["doll", "tree"]})
    builder = TrialBuilder(asked, Space.load(asked, Path()), Path())
    assert builder.build(0, {"dataset": "tree", "system": "one"}, seed=0).title == "a 0: tree, one, seed 0"


@pytest.mark.parametrize(("address", "uri"), [("", "sqlite:////"), ("http://there", "http://there")])
def test_mlflow_is_the_mains_file_unless_an_address_is_given(
    inside: SweepWorkspace, address: str, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = "stages: {train: {cmd: 'echo MLflow: $MLFLOW_TRACKING_URI'}}"
    (inside.path / "dvc.yaml").write_text(stages)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    lines: list[str] = []
    job = TrialJob(trial(), partial(run, source=Path()))
    job.run(lines.append)
    assert job.reason == "trial-0000-seed-0 has no metrics/doll/one/seed-0.json; do its stages write it?"
    assert [line for line in lines if line.startswith(f"MLflow: {uri}")]


def test_a_trial_that_waits_for_what_another_makes_ends_with_its_sweep(
    inside: SweepWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMIS_DEVICES", "left,right")
    (inside.path / "dvc.yaml").write_text("stages: {prepare: {cmd: sleep 600}, train: {cmd: 'true'}}")
    trials = [trial(number=number, shared=["prepare"], inputs="same") for number in (0, 1)]
    making, waiting = (TrialJob(each, partial(run, source=Path())) for each in trials)
    lines: list[str] = []
    with ThreadPoolExecutor() as pool:
        first = pool.submit(making.run, lines.append)
        wait_for(lambda: "Running stage 'prepare':" in lines)
        second = pool.submit(waiting.run, print)
        wait_for(waiting.trial.folder.exists)
        waiting.children.terminate()
        assert second.result().is_cancelled()
        assert not first.done()
        making.children.terminate()
