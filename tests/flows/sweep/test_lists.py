"""Parameters that are lists, or nothing: Optuna knows them as words, all others as what they are."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.sweep import Dimension
from tests.flows.sweeps import SWEEP, SweepWorkspace

from .test_scheduler import Small

BETAS: list[Any] = [[0, 0.9], None, [0.5, 0.999]]


@pytest.mark.parametrize("sampler", ["grid", "tpe"])
def test_a_setting_has_the_list_and_a_dead_sweep_finds_it_again(inside: SweepWorkspace, sampler: str) -> None:
    options = {"sampler": sampler, "trials": 8}
    dead = Small(Dimension(path="train.betas", choices=BETAS), **options)
    first = dead.next()
    assert first is not None
    again = Small(Dimension(path="train.betas", choices=BETAS), **options)
    while (trial_seed := again.next()) is not None:
        again.end(trial_seed, FD=float(trial_seed[0]))
    found = [again.study.setting(trial.number)["train.betas"] for trial in again.study.trials]
    assert all(one in BETAS for one in found)
    assert found[0] == dead.study.setting(0)["train.betas"]
    if sampler == "grid":
        assert found == BETAS


def test_a_trials_parameters_have_the_list(small: SweepWorkspace, server: str) -> None:
    small.change(betas=[0])
    done = small.run(SWEEP, "--space", small.write(space={"train.betas": BETAS}), PREFECT_API_URL=server)
    assert done.returncode == 0, done.stderr
    assert [row["setting"]["train.betas"] for row in small.rows()] == BETAS
    places = sorted((small.path / ".scratch/sweeps/small").glob("trial-*"))
    assert [yaml.safe_load(Path(place, "params.yaml").read_text())["train"]["betas"] for place in places] == BETAS
    page = (small.path / ".scratch/sweeps/small/summary.md").read_text()
    assert "| 1 | null | 0.1 |" in page.replace("**", "")
    assert "| 2 | [0.5, 0.999] | 0.1 |" in page.replace("**", "")
    brought = small.run("flows.sweep.apply", "small", "2")
    assert brought.returncode == 0, brought.stderr
    assert yaml.safe_load((small.path / "params.yaml").read_text())["train"]["betas"] == [0.5, 0.999]
