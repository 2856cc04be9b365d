"""The DAG is dvc.yaml's."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest

from flows import dag
from flows.cancellation import EventQueue
from flows.exceptions import DagError
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
    with pytest.raises(DagError, match=r"^system 'three' is not in dvc.yaml's matrix; there are: one-by-one, two; add"):
        dag.select(dag.read(workspace.path), {"system": ["three"]})


def test_a_folder_without_a_dag_says_so(tmp_path: Path) -> None:
    with pytest.raises(DagError, match=r"there is no dvc.yaml in .* run this in the folder of dvc.yaml"):
        dag.read(tmp_path)


def test_what_dvc_refuses_is_one_line(workspace: Workspace) -> None:
    (workspace.path / "dvc.yaml").write_text("stages: {a: {}}\n")
    with pytest.raises(DagError, match=r"^DVC refuses dvc.yaml: [^\n]*$"):
        dag.read(workspace.path)


DIAMOND = [
    dag.Stage("a"),
    dag.Stage("b", upstream=("a",)),
    dag.Stage("c", upstream=("a",)),
    dag.Stage("d", upstream=("b", "c", "made before")),
]


def test_a_stage_starts_after_all_that_it_reads() -> None:
    started: list[tuple[str, bool]] = []

    def start(stage: dag.Stage, upstream: list[Future[None]]) -> Future[None]:
        started.append((stage.name, all(future.done() for future in upstream)))
        return pool.submit(lambda: None)

    with ThreadPoolExecutor(4) as pool:
        futures = dag.run_in_order(DIAMOND, limit=4, start=start, events=SimpleQueue())
    assert [name for name, _ in started][0::3] == ["a", "d"]
    assert all(ready for _, ready in started)
    assert list(futures) == [name for name, _ in started]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_no_more_stages_run_than_the_limit_allows(limit: int) -> None:
    running: list[Future[None]] = []
    most = 0

    def start(stage: dag.Stage, upstream: list[Future[None]]) -> Future[None]:
        nonlocal most
        running[:] = [future for future in running if not future.done()]
        running.append(Future())
        most = max(most, len(running))
        if len(running) == limit or stage.name == "9":
            for future in reversed(running):
                pool.submit(future.set_result, None)
        return running[-1]

    with ThreadPoolExecutor(1) as pool:
        events: EventQueue = SimpleQueue()
        assert (
            len(dag.run_in_order([dag.Stage(str(n)) for n in range(10)], limit=limit, start=start, events=events)) == 10
        )
    assert most == limit


def test_a_reason_to_stop_ends_the_waiting() -> None:
    events: EventQueue = SimpleQueue()
    events.put(KeyboardInterrupt("enough"))
    with pytest.raises(KeyboardInterrupt, match="enough"):
        dag.run_in_order(DIAMOND, limit=1, start=lambda stage, upstream: Future(), events=events)
