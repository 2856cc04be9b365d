"""What a person may say of a sweep, and what is refused at once."""

from typing import Any

import pytest
from pydantic import ValidationError

from flows.sweep import Sweep

SMALLEST: dict[str, Any] = {"name": "a", "objectives": {"FD": "minimize"}}


def test_mappings_are_short_for_lists() -> None:
    space = {"train.rate": [0.1, "1e-4"], "train.ema": {"low": "1e-3", "high": 0.1, "log": True}}
    sweep = Sweep.model_validate(SMALLEST | {"space": space})
    assert [one.metric for one in sweep.objectives] == ["FD"]
    assert [(one.path, one.choices, one.low) for one in sweep.space] == [
        ("train.rate", [0.1, 0.0001], None),
        ("train.ema", [], 0.001),
    ]
    assert Sweep.model_validate(sweep.model_dump(mode="json")) == sweep


def test_choices_hold_nothing_and_lists_too() -> None:
    options = {"space": {"train.betas": [[0, "1e-4"], None, "Adam"]}}
    sweep = Sweep.model_validate(SMALLEST | options)
    assert sweep.space[0].choices == [[0, 0.0001], None, "Adam"]
    assert Sweep.model_validate(sweep.model_dump(mode="json")) == sweep


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pruner": {}, "objectives": {"FD": "minimize", "mCSD": "maximize"}}, "more than one objective cannot prune"),
        ({"space": {"train.rate": {"low": 1}}}, "train.rate has neither choices nor both ends of a range"),
        ({"space": {"train.rate": {"low": 1, "high": 0}}}, "goes from 1 to 0; the first must be less"),
        ({"space": {"train.rate": {"low": 0, "high": 1, "log": True}}}, "a logarithmic range must begin above 0"),
        ({"space": {"train.rate": {"low": 0.5, "high": 2, "integer": True}}}, "whole numbers only"),
        ({"space": [{"path": "a", "choices": [1]}, {"path": "a", "choices": [2]}]}, "space names a twice"),
        ({"space": {"train.rate": {"low": ".nan", "high": float("nan")}}}, "finite number"),
        ({"space": {"train.rate": [0.1, float("inf")]}}, "train.rate has inf among its choices"),
        ({"space": {"train.betas": [[0.1, float("inf")]]}}, "train.betas has inf among its choices"),
        ({"space": {"train.rate": None}}, "train.rate has neither choices nor both ends of a range"),
        ({"systems": ["one", "one"]}, "systems names one twice"),
        ({"datasets": ["doll", "doll"]}, "datasets names doll twice"),
        ({"name": "../up"}, "should match pattern"),
        ({"trials": 0}, "greater than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Sweep.model_validate(SMALLEST | options)


def test_all_old_names_are_told_at_once() -> None:
    with pytest.raises(ValidationError, match=r"where is now called executor .*; prune is now called pruner"):
        Sweep.model_validate(SMALLEST | {"where": "pool", "prune": {}})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side_by_side": 2}, "side_by_side is now called max_concurrent"),
        ({"where": "pool"}, r"where is now called executor \(local or pool\)"),
        ({"lost_after_s": 90}, "lost_after_s is now called heartbeat_timeout_s"),
        ({"strategy": "grid"}, "strategy is now called sampler"),
        ({"prune": {}}, "prune is now called pruner"),
        ({"pruner": {"curve": "validation_fd"}}, "curve is now called metric"),
        ({"pruner": {"trials_first": 4}}, "trials_first is now called startup_trials"),
        ({"pruner": {"steps_first": 4}}, "steps_first is now called warmup_steps"),
    ],
)
def test_an_old_name_is_refused_with_the_new_one(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Sweep.model_validate(SMALLEST | options)
