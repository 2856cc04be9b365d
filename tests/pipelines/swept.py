"""A sweep whose trials are tiny real checkpoints, published to MLflow and summarized, without training anything."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pipelines import tracking
from pipelines.cell import Cell
from pipelines.tracking import sweep
from smis.core.sample import Sample, SampleRow
from smis.data.samples import write_samples
from smis.data.schema import Header
from smis.data.shards import Prepared
from smis.data.writer import write
from tests import checkpoints

from .conftest import write_cell

ROOT = Path(tracking.__file__).parents[2]
NAME = "rates"


class Swept:
    """Trials below the workspace, which is the working folder between the calls."""

    def __init__(self, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workspace, self.uri = workspace, f"sqlite:///{workspace / 'mlflow.db'}"
        self._monkeypatch = monkeypatch
        self._rows: list[dict[str, Any]] = []
        monkeypatch.setenv("MLFLOW_TRACKING_URI", self.uri)

    def folder(self, number: int) -> Path:
        return self.workspace / sweep.SWEEPS / NAME / f"trial-{number:04d}-seed-0"

    def add(self, number: int, system: str, *, mcsd: float, deviation: float | None = None) -> Path:
        """Make a trial and publish it as it would itself; return its checkpoint."""
        place = self.folder(number)
        place.mkdir(parents=True)
        with self._monkeypatch.context() as own:
            own.chdir(place)
            for name, told in {
                "SWEEP": NAME,
                "TRIAL": str(number),
                "RUN": f"{NAME} {number}: {system}, seed 0",
            }.items():
                own.setenv(f"SMIS_{name}", told)
            checkpoint = self._write(place, system)
            tracking.publish(Cell("paperdoll", system, 0))
        setting = {"dataset": "paperdoll", "system": system, "train.ema": 0.99}
        metrics = {"mCSD": [mcsd, deviation]}
        self._rows.append({"number": number, "state": "finished", "setting": setting, "seeds": [0], "metrics": metrics})
        return checkpoint

    def fail(self, number: int) -> None:
        setting = {"dataset": "paperdoll", "system": "groupdnet"}
        self._rows.append({"number": number, "state": "failed", "setting": setting, "seeds": [], "metrics": {}})

    def summarize(self, *, best: int | None) -> None:
        """Write what `flows.sweep.summary` writes, and publish it."""
        objectives = [{"metric": "mCSD", "direction": "maximize"}]
        folder = self.workspace / sweep.SWEEPS / NAME
        found = {"objectives": objectives, "best": best, "front": [best], "importance": {}, "trials": self._rows}
        (folder / "summary.json").write_text(json.dumps(found))
        (folder / "summary.md").write_text("# Sweep rates\n")
        (folder / "plots").mkdir(exist_ok=True)
        (folder / "plots" / "history-mCSD.png").write_bytes(b"a picture")
        sweep.main(NAME)

    def _write(self, place: Path, system: str) -> Path:
        write_cell(system)
        _write_data(place / "data" / "paperdoll")
        (place / "smis").symlink_to(ROOT / "smis")
        folder = Path("runs", "paperdoll", system, "seed-0")
        outs = [{"path": "data/paperdoll", "md5": "da7a.dir"}]
        outs += [{"path": f"{folder}/checkpoint.safetensors", "md5": f"{system} md5"}]
        (place / "dvc.lock").write_text(yaml.safe_dump({"stages": {"all": {"outs": outs}}}))
        test = Prepared(place / "data" / "paperdoll").split("test")
        rows = [SampleRow(test.keys[n], draw, -1, test[n].image) for n in range(4) for draw in range(5)]
        (place / folder / "samples").mkdir()
        height, width = checkpoints.SIZE
        write_samples(place / folder / "samples" / "everything.arrow", rows, height=height, width=width)
        weights = checkpoints.write(self.workspace / "cache" / system, system)
        checkpoint = place / folder / "checkpoint.safetensors"
        checkpoint.unlink()
        checkpoint.symlink_to(weights)  # as DVC may leave it
        return checkpoint


def _write_data(folder: Path) -> None:
    """Write five test label maps of four classes in random quarters, each quarter an instance."""
    height, width = checkpoints.SIZE
    header = Header(
        "paperdoll", tuple(checkpoints.NAMES), tuple((r, g, b) for r, g, b in checkpoints.PALETTE), height, width
    )
    draws = np.random.default_rng(0)
    samples = []
    for number in range(5):
        quarters = np.kron([[0, 1], [2, 3]], np.ones((height // 2, width // 2), int))
        labels = draws.integers(0, len(checkpoints.NAMES), size=4, dtype=np.uint8)[quarters]
        image = draws.integers(0, 256, size=(4, 3), dtype=np.uint8)[quarters]
        samples.append(Sample(f"test-{number}", "test", image, labels, quarters.astype(np.uint16)))
    write(folder, samples, header=header)


@pytest.fixture
def swept(database: str, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Swept:
    return Swept(workspace, monkeypatch)
