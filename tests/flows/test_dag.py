"""The DAG is dvc.yaml's."""

from pathlib import Path

import pytest

from flows import dag
from flows.exceptions import FlowError
from tests.flows.workspaces import Workspace

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # pygtrie's, inside DVC


def names(stages: list[dag.Stage]) -> list[str]:
    return [stage.name for stage in stages]


def test_stages_come_from_dvc_in_their_order_with_their_cells(workspace: Workspace) -> None:
    stages = {stage.name: stage for stage in dag.read(workspace.path)}
    assert list(stages) == ["prepare@doll", "train@doll-one-by-one", "train@doll-two", "report"]
    assert stages["train@doll-one-by-one"].cell == {"dataset": "doll", "system": "one-by-one"}
    assert stages["train@doll-two"].upstream == ("prepare@doll",)
    assert stages["report"].upstream == ("train@doll-one-by-one", "train@doll-two")


def test_a_selection_takes_what_its_cells_read_and_leaves_a_report_that_misses_others(workspace: Workspace) -> None:
    kept, left = dag.select(dag.read(workspace.path), {"system": ["two"], "dataset": []})
    assert names(kept) == ["prepare@doll", "train@doll-two"]
    assert names(left) == ["train@doll-one-by-one", "report"]


def test_the_report_stays_if_the_cells_left_out_were_made_before(workspace: Workspace) -> None:
    made = workspace.path / "runs" / "doll" / "one-by-one" / "model"
    made.parent.mkdir(parents=True)
    made.write_text("before")
    kept, _ = dag.select(dag.read(workspace.path), {"system": ["two"]})
    assert names(kept) == ["prepare@doll", "train@doll-two", "report"]


def test_an_unknown_system_is_told_with_those_that_there_are(workspace: Workspace) -> None:
    with pytest.raises(
        FlowError, match=r"^system 'three' is not in dvc.yaml's matrix; there are: one-by-one, two; add"
    ):
        dag.select(dag.read(workspace.path), {"system": ["three"]})


def test_a_folder_without_a_dag_says_so(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"there is no dvc.yaml in .* run this in the folder of dvc.yaml"):
        dag.read(tmp_path)


def test_what_dvc_refuses_is_one_line(workspace: Workspace) -> None:
    (workspace.path / "dvc.yaml").write_text("stages: {a: {}}\n")
    with pytest.raises(FlowError, match=r"^DVC refuses dvc.yaml: [^\n]*$"):
        dag.read(workspace.path)
