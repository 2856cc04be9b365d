"""The settings that a sweep may try, compared with the workspace."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.exceptions import SweepError
from flows.processes import ChildProcesses
from flows.sweep import Dimension, Sweep
from flows.sweep.__main__ import main
from flows.sweep.space import Space, grid_values
from tests.flows.sweeps import RATE, SweepWorkspace
from tests.flows.workspaces import ROOT

CHECKER = """\
from pathlib import Path

import yaml


def check(path):
    rate = yaml.safe_load(path.read_text())["train"]["rate"]
    if rate > 1:
        raise ValueError(f"params.yaml does not fit:\\n  train.rate: Input should be less than 1 (it is {rate})")
"""


def sweep(**options: Any) -> Sweep:
    return Sweep.model_validate({"name": "a", "objectives": {"FD": "minimize"}} | options)


def test_systems_and_data_sets_are_those_of_the_workspace_if_none_are_named(inside: SweepWorkspace) -> None:
    assert Space.load(sweep(), inside.path) == Space(["one", "two"], ["doll"], [])


def test_all_mistakes_are_told_at_once(inside: SweepWorkspace) -> None:
    metrics = inside.path / "metrics" / "doll" / "one" / "seed-0.json"
    metrics.parent.mkdir(parents=True)
    metrics.write_text('{"mCSD": {"value": 1}}')
    wrong = {"train.rat": [1], "trin.rate": [1], "systems.two.width": [1], "train": [1], "systems.one.width.x": [1]}
    with pytest.raises(SweepError) as caught:
        Space.load(sweep(systems=["one", "three"], space=wrong), inside.path)
    assert str(caught.value).splitlines() == [
        "sweep a does not fit params.yaml:",
        "  system 'three' is unknown; there are: one, two",
        "  train.rat: there is no such parameter; did you mean rate?",
        "  trin.rate: there is no section trin; did you mean train?",
        "  systems.two.width: no trial has system 'two'; there are: one, three",
        "  train: is a section; name one of its parameters: rate, how, steps",
        "  systems.one.width.x: there is no section systems.one.width; there are: axes, datasets, systems, train",
        "  metric 'FD' is unknown; there are: mCSD",
    ]


def test_an_axis_is_no_dimension_of_the_space(inside: SweepWorkspace) -> None:
    with pytest.raises(SweepError) as caught:
        Space.load(sweep(space={"axes.system": ["one"], "axes.dataset": ["doll"]}), inside.path)
    assert str(caught.value).splitlines()[1:] == [
        "  axes.system: cannot be a dimension; list the values in systems",
        "  axes.dataset: cannot be a dimension; list the values in datasets",
    ]


def test_the_projects_own_checker_reads_every_value(inside: SweepWorkspace) -> None:
    (inside.path / "pipelines").mkdir()
    (inside.path / "pipelines" / "__init__.py").touch()
    (inside.path / "pipelines" / "params.py").write_text(CHECKER)
    asked = sweep(space={RATE: [0.5, 2, 3]})
    with pytest.raises(
        SweepError, match=r"fit params.yaml:\n  train.rate: .* \(it is 2\)\n  train.rate: .* \(it is 3\)$"
    ):
        Space.load(asked, inside.path).check_values(inside.path, ChildProcesses())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("objectives: {FD: up}", "error: s.yaml is no sweep:\n  objectives.0.direction: Input should be 'minimize'"),
        (
            "objectives: {FD: minimize}\nside_by_side: 2",
            "error: s.yaml is no sweep:\n  side_by_side is now called max_",
        ),
        ("objectives: {FD: minimize}\nsystems: [nine]", "error: sweep s does not fit params.yaml:\n  system 'nine'"),
        ("[1", "error: s.yaml is not YAML:"),
    ],
)
def test_a_file_that_is_wrong_is_told_with_exit_code_2_before_prefect_starts(
    inside: SweepWorkspace,
    text: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("s.yaml").write_text(text)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit, match="2"):
        main(["--space", "s.yaml"])
    assert capsys.readouterr().err.startswith(message)


def test_the_old_name_of_a_parameter_is_refused_with_the_new_one(inside: SweepWorkspace) -> None:
    for name in ("pipelines", "smis"):
        (inside.path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "params.yaml", inside.path)
    space = Space.load(sweep(space={"train.rate_generator": [1e-4]}), inside.path)
    with pytest.raises(SweepError, match=r"rate_generator.*lr_generator"):
        space.check_values(inside.path, ChildProcesses())


WIDTH = Dimension(path="systems.one.width", choices=[1, 2])
RATES = Dimension(path="train.rate", choices=[0.1, 0.2])


def test_a_grid_has_every_combination_and_a_systems_own_parameters_for_it_alone() -> None:
    settings = list(Space(["one", "two"], ["doll"], [WIDTH, RATES]).grid())
    assert len(settings) == 2 * 2 + 2
    assert settings[0] == {"dataset": "doll", "system": "one", "systems.one.width": 1, "train.rate": 0.1}
    assert settings[-1] == {"dataset": "doll", "system": "two", "train.rate": 0.2}


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({"low": 0, "high": 1}, [0, 0.5, 1]),
        ({"low": 0.01, "high": 1, "log": True}, [0.01, 0.1, 1]),
        ({"low": 1, "high": 4, "integer": True, "points": 9}, [1, 2, 3, 4]),
        ({"choices": [8, 8, 4]}, [8, 4]),
        ({"choices": [[8], None, [8], [4, 2]]}, [[8], None, [4, 2]]),
    ],
)
def test_a_grid_tries_points_of_a_range_at_even_distances(options: dict[str, object], values: list[object]) -> None:
    assert grid_values(Dimension.model_validate({"path": "train.rate", **options})) == values
