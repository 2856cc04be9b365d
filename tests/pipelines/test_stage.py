"""The command line of a stage."""

import sys

import pytest

from pipelines import stage
from pipelines.tracking import sweep
from pipelines.train.run import main
from smis.core.errors import ParamsError


def _arguments(monkeypatch: pytest.MonkeyPatch, *given: str) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["train", *given])
    return stage.arguments(main)


def test_a_stage_takes_the_names_of_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _arguments(monkeypatch, "paperdoll", "inade") == ["paperdoll", "inade"]


@pytest.mark.parametrize("given", [(), ("paperdoll",), ("paperdoll", "inade", "3"), ("paperdoll", "--help")])
def test_other_arguments_are_refused_with_the_usage(given: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamsError, match=r"usage: python -m pipelines\.train DATASET SYSTEM$"):
        _arguments(monkeypatch, *given)


def test_a_sweep_that_is_not_there_is_named(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"there is no sweep 'rates' with .*summary\.json; there are: none"):
        sweep.main("rates")
