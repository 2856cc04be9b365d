"""A sweep compared with the workspace."""

from pathlib import Path
from typing import Any

import pytest

from flows.exceptions import SweepError
from flows.processes import ChildProcesses
from flows.sweep import Sweep, check
from flows.sweep.__main__ import main
from flows.sweep.space import Space
from tests.flows.sweeps import RATE, SweepWorkspace

CHECKER = """\
from pathlib import Path

import yaml


def check(path):
    rate = yaml.safe_load(path.read_text())["train"]["rate"]
    if rate > 1:
        raise ValueError(f"params.yaml does not fit:\\n  train.rate: Input should be less than 1 (it is {rate})")
"""


def sweep(**said: Any) -> Sweep:
    return Sweep.model_validate({"name": "a", "objectives": {"FD": "minimize"}} | said)


def test_systems_and_data_sets_are_those_of_the_workspace_if_none_are_named(inside: SweepWorkspace) -> None:
    assert check.space(sweep(), inside.path) == Space(["one", "two"], ["doll"], [])


def test_all_mistakes_are_told_at_once(inside: SweepWorkspace) -> None:
    metrics = inside.path / "metrics" / "doll" / "one.json"
    metrics.parent.mkdir(parents=True)
    metrics.write_text('{"mCSD": {"value": 1}}')
    wrong = {"train.rat": [1], "trin.rate": [1], "systems.two.width": [1], "train": [1], "systems.one.width.x": [1]}
    with pytest.raises(SweepError) as caught:
        check.space(sweep(systems=["one", "three"], space=wrong), inside.path)
    assert str(caught.value).splitlines() == [
        "sweep a does not fit params.yaml:",
        "  system 'three' is unknown; there are: one, two",
        "  train.rat: there is no such parameter; did you mean rate?",
        "  trin.rate: there is no section trin; did you mean train?",
        "  systems.two.width: no trial has system 'two'; there are: one, three",
        "  train: is a section; name one of its parameters: rate, how, steps",
        "  systems.one.width.x: there is no section systems.one.width; there are: axes, seed, datasets, systems, train",
        "  metric 'FD' is unknown; there are: mCSD",
    ]


def test_an_axis_is_no_dimension_of_the_space(inside: SweepWorkspace) -> None:
    with pytest.raises(SweepError) as caught:
        check.space(sweep(space={"axes.system": ["one"], "axes.dataset": ["doll"]}), inside.path)
    assert str(caught.value).splitlines()[1:] == [
        "  axes.system: a sweep has no dimension for it; name its values in systems",
        "  axes.dataset: a sweep has no dimension for it; name its values in datasets",
    ]


def test_the_projects_own_checker_reads_every_value(inside: SweepWorkspace) -> None:
    (inside.path / "pipelines").mkdir()
    (inside.path / "pipelines" / "__init__.py").touch()
    (inside.path / "pipelines" / "params.py").write_text(CHECKER)
    asked = sweep(space={RATE: [0.5, 2, 3]})
    with pytest.raises(
        SweepError, match=r"fit params.yaml:\n  train.rate: .* \(it is 2\)\n  train.rate: .* \(it is 3\)$"
    ):
        check.values(check.space(asked, inside.path), inside.path, ChildProcesses())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("objectives: {FD: up}", "error: s.yaml is no sweep:\n  objectives.0.direction: Input should be 'minimize'"),
        ("objectives: {FD: minimize}\nsystems: [nine]", "error: sweep s does not fit params.yaml:\n  system 'nine'"),
        ("[1", "error: s.yaml is not YAML:"),
    ],
)
def test_a_file_that_is_wrong_is_told_with_exit_code_2_before_prefect_starts(
    inside: SweepWorkspace,
    text: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("s.yaml").write_text(text)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit, match="2"):
        main(["--space", "s.yaml"])
    assert capsys.readouterr().err.startswith(told)
