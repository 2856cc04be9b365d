"""The command line of a stage."""

import sys
from collections.abc import Callable

import pytest

from pipelines import params, stage
from pipelines.tracking import __main__ as publication
from pipelines.tracking import sweep
from pipelines.train.run import main
from smis.core.errors import ParamsError


def _arguments(monkeypatch: pytest.MonkeyPatch, *given: str, command: Callable[..., None] = main) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["command", *given])
    return stage.arguments(command)


def test_a_stage_takes_the_names_of_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _arguments(monkeypatch, "paperdoll", "inade") == ["paperdoll", "inade"]


@pytest.mark.parametrize("given", [(), ("paperdoll",), ("paperdoll", "inade", "3"), ("paperdoll", "--help")])
def test_other_arguments_are_refused_with_the_usage(given: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamsError, match=r"usage: python -m pipelines\.train DATASET SYSTEM$"):
        _arguments(monkeypatch, *given)


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        (publication.main, r"python -m pipelines\.tracking$"),
        (sweep.main, r"python -m pipelines\.tracking\.sweep NAME$"),
        (params.check_changes, r"python -m pipelines\.params$"),
    ],
)
def test_a_question_for_help_is_answered_with_the_usage(
    command: Callable[..., None], usage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ParamsError, match=rf"^the arguments are \['--help'\]; usage: {usage}"):
        _arguments(monkeypatch, "--help", command=command)


def test_a_command_with_options_of_its_own_gets_all_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _arguments(monkeypatch, "check", "--whole", command=lambda *arguments: None) == ["check", "--whole"]


def test_a_sweep_that_is_not_there_is_named(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"there is no sweep 'rates' with .*summary\.json; there are: none"):
        sweep.main("rates")
