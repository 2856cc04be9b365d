"""Validation in the stage: what is measured, by how many processes, and which step becomes the checkpoint."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.cell import Cell
from pipelines.params import read
from pipelines.train.run import Params, TrainingRun, ValidationMetrics
from smis.core.batch import Batch
from smis.core.seeding import Noise
from smis.core.style import Style
from smis.data.shards import Prepared
from smis.training.distributed import DistributedContext
from smis.training.export import load_weights
from tests.cells import lay_out

ROOT = Path(__file__).parents[2]
SECTION = {"every": 1, "batch": 1, "label_maps": 2, "samples": 2}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lay_out(tmp_path, validation=SECTION | {"publish": "best"}, steps=4)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMIS_TRACKING", "off")
    return tmp_path


class Perfect:
    """Gives each label map the image that belongs to it."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def sample(self, labels: torch.Tensor, instances: torch.Tensor, noise: Noise) -> Style:
        return Style(global_latent=noise.normal(len(labels), 1))

    def synthesize(self, labels: torch.Tensor, instances: torch.Tensor, style: Style) -> torch.Tensor:
        found = (self._batch.labels[None] == labels[:, None]).flatten(2).all(dim=2).int().argmax(dim=1)
        return self._batch.image[found]


@pytest.mark.usefixtures("folder")
def test_images_that_are_the_real_ones_are_no_distance_away_and_not_diverse() -> None:
    split = Prepared(Path("data/paperdoll")).split("validation")
    system = Perfect(split.batch(range(len(split))))
    metrics = ValidationMetrics(
        read(Params, system="groupdnet").validation, split, system, DistributedContext(), seed=0
    )()
    assert metrics["fd"] == pytest.approx(0, abs=1e-9)
    assert metrics["lpips"] == 0


def test_two_processes_measure_what_one_does(folder: Path) -> None:
    script = str(Path(__file__).with_name("validation_worker.py"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    for launcher, name in ([], "alone.json"), (torchrun, "shared.json"):
        subprocess.run([sys.executable, *launcher, script, name], check=True, env=environment, capture_output=True)
    alone, first, second = (
        json.loads((folder / name).read_text()) for name in ("alone.0.json", "shared.0.json", "shared.1.json")
    )
    assert first == second
    # fewer images than features: "fd" has roots of eigenvalues that are round-off, as sums are in another order here
    assert first == pytest.approx(alone, rel=1e-9)


@pytest.mark.usefixtures("folder")
def test_the_step_with_the_lowest_distance_becomes_the_checkpoint() -> None:
    threads = torch.get_num_threads()
    TrainingRun(Cell("paperdoll", "groupdnet", 0), read(Params, system="groupdnet"), DistributedContext()).train()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    out = Path("runs/paperdoll/groupdnet/seed-0")
    distances = [json.loads(line)["validation_fd"] for line in (out / "history.jsonl").read_text().splitlines()]
    assert len(distances) == 4
    step = 1 + int(np.argmin(distances))
    assert load_weights(out / "checkpoint.safetensors")[1]["step"] == str(step)
