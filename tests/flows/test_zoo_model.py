"""A model of the zoo is trained in a workspace of its own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flows import zoo_model
from flows.exceptions import FlowError
from tests.flows.workspaces import DVC, PARAMS, Workspace

# DVC itself asks pygtrie for what will soon be refused
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")

RECIPE = {"dataset": "doll", "system": "two", "params": {"systems": {"two": "fast"}}, "card": {"title": "Two"}}
EVALUATE = """\
  evaluate:
    matrix: {dataset: "${axes.dataset}", system: "${axes.system}", seed: "${axes.seed}"}
    cmd: exec python tool.py evaluate ${item.system} scores/${item.dataset}-${item.system}-${item.seed}
    deps: ["runs/${item.dataset}/${item.system}/model"]
    outs: ["scores/${item.dataset}-${item.system}-${item.seed}"]
"""

SEEDED = PARAMS.replace("system:", "seed: [0, 1], system:")


class _ZooWorkspace(Workspace):
    files = {**Workspace.files, "dvc.yaml": DVC + EVALUATE, "params.yaml": SEEDED}


@pytest.fixture
def workspace(tmp_path: Path, home: Path) -> Iterator[Workspace]:
    """A workspace with the recipe `tiny`."""
    made = _ZooWorkspace(tmp_path / "main", home=home)
    _write(made.path, RECIPE)
    yield made
    made.end()


def _write(root: Path, recipe: object) -> None:
    (root / "zoo").mkdir(exist_ok=True)
    (root / "zoo" / "tiny.yaml").write_text(yaml.safe_dump(recipe))


def test_it_runs_one_cell_to_its_evaluation_and_leaves_the_workspace_as_it_was(workspace: Workspace) -> None:
    first = workspace.run("flows.zoo_model", "tiny")
    assert first.returncode == 0, first.stderr
    assert "evaluate two says hello" in first.stdout
    folder = workspace.path / ".scratch" / "zoo" / "tiny"
    assert [path.name for path in (folder / "scores").iterdir()] == ["doll-two-0"]
    params = yaml.safe_load((folder / "params.yaml").read_text())
    assert params == {
        "axes": {"dataset": ["doll"], "system": ["two"], "seed": [0]},
        "systems": {"one-by-one": "works", "two": "fast"},
    }
    assert (workspace.path / "params.yaml").read_text() == SEEDED
    assert not any((workspace.path / name).exists() for name in ("data", "runs", "scores", "dvc.lock"))
    again = workspace.run("flows.zoo_model", "tiny")
    assert again.returncode == 0, again.stderr
    assert "says hello" not in again.stdout


def test_a_stage_that_fails_ends_in_its_own_line(workspace: Workspace) -> None:
    _write(workspace.path, RECIPE | {"params": {"systems": {"two": "fails"}}})
    done = workspace.run("flows.zoo_model", "tiny")
    assert done.returncode == 2
    assert done.stderr == "error: it cannot be;\n  use another\n"


def test_the_commit_is_known_if_nothing_differs_from_it(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.path)
    commit = workspace.path / ".scratch" / "zoo" / "tiny" / "commit"
    (workspace.path / ".gitignore").write_text(".scratch\n.dvc/tmp\n")
    for words in ("init -q", "add -A", "-c user.name=a -c user.email=a@b.c commit -qm first"):
        subprocess.run(["git", *words.split()], check=True)
    zoo_model.prepare("tiny")
    assert len(commit.read_text()) == 40
    (workspace.path / "tool.py").write_text("changed\n")
    zoo_model.prepare("tiny")
    assert not commit.exists()


def test_metrics_are_those_of_its_own_training(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.path)
    others, own = (root / "metrics/doll/two/seed-0.json" for root in (Path(), Path(".scratch/zoo/tiny")))
    others.parent.mkdir(parents=True)
    others.write_text("{}")
    zoo_model.prepare("tiny")
    assert not own.exists()
    own.write_text("its own")
    zoo_model.prepare("tiny")
    assert own.read_text() == "its own"


@pytest.mark.parametrize("name", ["tinny", "../tiny", "", "tiny.yaml"])
def test_a_name_without_a_recipe_names_those_that_have_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(workspace.path)
    with pytest.raises(FlowError, match=r"there is no zoo/.*; there are: tiny$"):
        zoo_model.read_recipe(name)


def test_a_recipe_that_does_not_fit_is_one_line(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.path)
    _write(workspace.path, {"dataset": "a b", "params": []})
    with pytest.raises(
        FlowError, match=r"^zoo/tiny\.yaml: dataset: .*; system: Field required; params: Input should be"
    ):
        zoo_model.read_recipe("tiny")
