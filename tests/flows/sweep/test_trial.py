"""One trial: how pages call it, and what its stages are told."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from flows.exceptions import DeviceError, StageError, UnfitError
from flows.sweep import Sweep, check
from flows.sweep.job import Job
from flows.sweep.plan import Plan
from flows.sweep.trial import Trial, _tracking
from tests.flows.sweeps import RATE, SweepWorkspace


def trial(**said: Any) -> Trial:
    values = {"sweep": "rates", "number": 0, "seed": 0, "dataset": "doll", "system": "one", "stages": ["train"]}
    return Trial.model_validate(values | {"values": {RATE: 0.0005}} | said)


def test_a_job_tells_a_machine_that_is_unfit_from_a_trial_that_fails() -> None:
    for error, unfit in ((UnfitError("other code"), True), (DeviceError("too few"), True), (StageError("x"), False)):
        job = Job(trial(), Mock(side_effect=error))
        assert job.run(print).is_failed()
        assert (job.why, job.unfit) == (str(error), unfit)


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
    plan = Plan(asked, check.space(asked, Path()), Path())
    assert plan.trial(0, {"dataset": "tree", "system": "one"}, seed=0).title == "a 0: tree, one, seed 0"


@pytest.mark.parametrize(("said", "own"), [(None, True), ("", True), ("http://there", False)])
def test_mlflow_is_the_mains_file_unless_an_address_is_given(
    said: str | None, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if said is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", said)
    assert ("MLFLOW_TRACKING_URI" in _tracking(trial())) is own
