"""A cell is a data set, a system and a seed; adding a seed makes stale nothing that there is."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo
from dvc.stage import PipelineStage

from flows import dag
from pipelines import params
from pipelines.cell import Cell
from smis.core.errors import ParamsError

ROOT = Path(__file__).parents[2]
RAW: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
CELL_STAGES = ("train", "sample", "evaluate")
DATASET_STAGES = ("prepare", "reference", "segmenter")
# DVC itself asks pygtrie for what will soon be refused
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The DAG alone, without what its stages read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    write([0])
    return tmp_path


def write(seeds: list[int]) -> None:
    """Write params.yaml with these seeds."""
    axes = {"dataset": ["paperdoll"], "system": ["inade"], "seed": seeds}
    Path("params.yaml").write_text(yaml.safe_dump({**RAW, "axes": axes}))


def stages() -> dict[str, dict[str, Any]]:
    """What DVC would record of each stage: its command, dependencies, parameters and outs."""
    with Repo() as repo:
        found = [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]
        return {
            str(stage.name): {
                "cmd": stage.cmd,
                "deps": sorted(dep.def_path for dep in stage.deps),
                "params": sorted(path for dep in stage.deps for path in getattr(dep, "params", ())),
                "outs": sorted(out.def_path for out in stage.outs),
            }
            for stage in found
        }


def test_one_seed_is_the_default() -> None:
    assert RAW["axes"]["seed"] == [0]
    assert "seed" not in RAW


def test_adding_a_seed_adds_its_cells_and_leaves_all_others_as_they_are(workspace: Path) -> None:
    before = stages()
    write([0, 1])
    after = stages()
    added = {Cell("paperdoll", "inade", 1).stage(name) for name in CELL_STAGES}
    assert after.keys() - before.keys() == added
    assert {name: after[name] for name in before} == before
    assert not any("axes" in after[name]["params"] for name in after if name != "report")


def test_only_the_report_reads_the_axes_and_gathers_all_seeds(workspace: Path) -> None:
    write([0, 1])
    (report,) = (stage for stage in dag.read() if stage.name == "report")
    assert {Cell("paperdoll", "inade", seed).stage("evaluate") for seed in (0, 1)} < set(report.upstream)
    assert set(report.params) == {"axes", "report"}


def test_reference_and_segmenter_are_shared_by_all_seeds(workspace: Path) -> None:
    write([0, 1])
    names = set(stages())
    assert {f"{name}@paperdoll" for name in DATASET_STAGES} < names
    assert sum(name.partition("@")[0] in DATASET_STAGES for name in names) == len(DATASET_STAGES)


def test_dvc_the_stages_and_the_flows_agree_on_where_a_cell_writes(workspace: Path) -> None:
    cell = Cell("paperdoll", "inade", 0)
    outs = {path for name in CELL_STAGES for path in stages()[cell.stage(name)]["outs"]}
    expected = {cell.checkpoint, cell.history, cell.grids, cell.samples, cell.tables, cell.metrics}
    assert outs == {path.as_posix() for path in expected}
    assert dag.metrics_file("paperdoll", "inade", 0) == cell.metrics
    assert dag.is_metrics_file(cell.metrics)
    assert not dag.is_metrics_file(Path("metrics/paperdoll/study/she.json"))


def test_the_old_name_of_the_seed_is_refused_with_the_new_one(workspace: Path) -> None:
    old = {**RAW, "axes": {"dataset": ["paperdoll"], "system": ["inade"]}, "seed": 0}
    Path("params.yaml").write_text(yaml.safe_dump(old))
    with pytest.raises(ParamsError, match=r"seed: was renamed; it is called axes\.seed now, a list such as \[0\]"):
        params.check()
    write([0])
    with Path("params.yaml").open("a") as file:
        file.write("seed: 0\n")
    with pytest.raises(ParamsError, match=r"seed: was renamed; it is called axes\.seed now"):
        params.check()


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ([], "axes.seed: List should have at least 1 item"),
        ([0, 0], "axes.seed: names 0 twice; once is enough"),
        ([-1], r"axes.seed.0: Input should be greater than or equal to 0 \(it is -1\)"),
        (["0"], r"axes.seed.0: Input should be a valid integer \(it is '0'\)"),
        ([True], r"axes.seed.0: Input should be a valid integer \(it is True\)"),
        (0, r"axes.seed: Input should be a valid list \(it is 0\)"),
    ],
)
def test_an_axis_of_seeds_that_is_none_is_one_line(workspace: Path, seeds: Any, message: str) -> None:
    write(seeds)
    with pytest.raises(ParamsError, match=message):
        params.check()
