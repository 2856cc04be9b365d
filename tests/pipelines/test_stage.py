"""The command line of a stage."""

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.repo import Repo
from dvc.stage import PipelineStage

from pipelines import params, stage
from pipelines.tracking import __main__ as publication
from pipelines.tracking import sweep
from pipelines.train.run import main
from smis.core.errors import ParamsError

ROOT = Path(__file__).parents[2]


def _arguments(monkeypatch: pytest.MonkeyPatch, *given: str, command: Callable[..., None] = main) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["command", *given])
    return stage.arguments(command)


def test_a_stage_takes_the_names_of_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _arguments(monkeypatch, "paperdoll", "inade", "0") == ["paperdoll", "inade", "0"]


def test_a_stage_takes_them_as_dvc_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ("--system", "inade", "--seed", "0", "--dataset", "paperdoll")
    assert _arguments(monkeypatch, *given) == ["paperdoll", "inade", "0"]
    with pytest.raises(ParamsError, match=r"^'x;touch y' is no name"):
        _arguments(monkeypatch, *given[:5], "x;touch y")


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # pygtrie's, inside DVC
def test_no_name_in_params_yaml_breaks_out_of_a_command_of_dvc_yaml(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    axes = {"dataset": ["a'b"], "system": ["x';touch y'", "$(touch y)"], "seed": [0]}
    sections = {f"{axis}s": {name: {} for name in axes[axis]} for axis in ("dataset", "system")}
    (tmp_path / "params.yaml").write_text(json.dumps({"axes": axes, "train": {"init_from": "weights"}, **sections}))
    with Repo(str(tmp_path)) as repo:
        commands = [shlex.split(str(stage.cmd)) for stage in repo.index.stages if isinstance(stage, PipelineStage)]
    for system in axes["system"]:
        cell = ["--dataset", "a'b", "--system", system, "--seed", "0"]
        assert ["exec", "python", "-m", "pipelines.train", *cell] in commands


@pytest.mark.parametrize(
    "given", [(), ("paperdoll", "inade"), ("paperdoll", "inade", "0", "3"), ("paperdoll", "inade", "--help")]
)
def test_other_arguments_are_refused_with_the_usage(given: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamsError, match=r"usage: python -m pipelines\.train DATASET SYSTEM SEED$"):
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
