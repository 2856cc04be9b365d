"""A training that begins with a checkpoint of other classes, through the stage as it is run."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from pipelines.cell import Cell
from pipelines.params import read
from pipelines.tracking.cell_outputs import CellOutputs
from pipelines.train.run import Params, TrainingRun
from smis.core.errors import CheckpointError, ParamsError
from smis.core.sample import Sample
from smis.core.seeding import Noise, generator
from smis.data.schema import Header
from smis.data.shards import Prepared
from smis.data.writer import write
from smis.models.system_registry import SYSTEMS
from smis.training.distributed import DistributedContext
from smis.training.export import load_system, load_weights

ROOT = Path(__file__).parents[2]
SIZE = 32
COLORS = {
    "sky": (200, 220, 255),
    "hill": (90, 160, 90),
    "lake": (40, 80, 200),
    "house": (150, 60, 40),
    "road": (70, 70, 70),
    "roof": (150, 60, 40),
}
FIRST, OTHER = ("sky", "hill", "lake", "house"), ("road", "lake", "sky", "roof", "hill")
"""Other classes: three are the same in another order, one is renamed, one is new."""
RENAMED = {"roof": "house"}
SPADE = {"preset": "paperdoll", "width": 4, "hidden": 8, "discriminator": {"width": 8}}
TRAIN = {"steps": 4, "batch": 4, "lr_generator": 0.003, "ema": 0.9, "log_every": 4, "save_every": 1, "grid_every": 100}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a worker sees the world, within this process."""
    monkeypatch.setenv("SMIS_TRACKING", "off")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def _sample(split: str, number: int, classes: Sequence[str]) -> Sample:
    draws = np.random.default_rng([number, *split.encode()])
    labels = draws.integers(0, len(classes), size=(4, 4), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    noise = draws.integers(-20, 21, size=(SIZE, SIZE, 3))
    image = (np.array([COLORS[name] for name in classes])[labels] + noise).clip(0, 255).astype(np.uint8)
    instances = np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.uint16)
    return Sample(f"{split}-{number}", split, image, labels, instances)


def _lay_out(folder: Path, dataset: str, classes: Sequence[str], *, train: int = 40) -> None:
    palette = tuple((n, n, n) for n in range(len(classes)))
    header = Header(dataset, classes=tuple(classes), palette=palette, height=SIZE, width=SIZE)
    counts = {"train": train, "validation": 4, "test": 8}
    samples = [_sample(split, number, classes) for split, count in counts.items() for number in range(count)]
    write(folder / "data" / dataset, samples, header=header)


def _run(dataset: str, *, system: Mapping[str, Any] = SPADE, name: str = "spade", **train: object) -> TrainingRun:
    """Return a training in the current folder, as its params.yaml says."""
    params = {"train": {**TRAIN, **train}, "validation": {}, "systems": {name: dict(system)}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    return TrainingRun(Cell(dataset, name, 0), read(Params, system=name), DistributedContext())


def _error(checkpoint: Path, dataset: str) -> float:
    """Return how far a checkpoint's pictures of the test label maps are from the real ones, of 0..2."""
    system, test = load_system(checkpoint, SYSTEMS).system, Prepared(Path("data", dataset)).split("test")
    batch = test.batch(range(len(test)))
    with torch.no_grad():
        style = system.sample(batch.labels, batch.instances, Noise(generator(0, "test")))
        image = system.synthesize(batch.labels, batch.instances, style)
    return (image - batch.image).abs().mean().item()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets, and a SPADE that has learned the first."""
    folder = tmp_path_factory.mktemp("fine-tuning")
    _lay_out(folder, "first", FIRST, train=200)
    _lay_out(folder, "other", OTHER)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SMIS_TRACKING", "off")
        _run("first", steps=100, keep_discriminator=True).train()
        Path("runs/first/spade/seed-0/checkpoint.safetensors").rename("spade.safetensors")
    return folder


@pytest.fixture
def place(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Such a workspace in which nothing has been done yet."""
    for name in ("data", "spade.safetensors"):
        (tmp_path / name).symlink_to(workspace / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


CHECKPOINT = Path("runs/other/spade/seed-0/checkpoint.safetensors")
FINE = {"init_from": "spade.safetensors", "init_classes": RENAMED}


@pytest.mark.usefixtures("place")
def test_fine_tuned_on_forty_pictures_it_is_nearer_to_real_ones_than_after_the_same_steps_from_nothing() -> None:
    _run("other", steps=20).train()
    from_nothing = _error(CHECKPOINT, "other")
    _run("other", steps=20, **FINE).train()
    assert _error(CHECKPOINT, "other") < from_nothing


@pytest.mark.usefixtures("place")
def test_a_fine_tuning_says_what_it_took_and_its_checkpoint_what_it_began_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _run("other", **FINE).train()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "begins with" in line]
    assert line.startswith(
        "spade on other, seed 0 begins with spade.safetensors: 4 of 5 classes are known (new: road), "
    ), "all but the entries of one class"
    assert line.endswith(" weights are taken")
    digest = hashlib.sha256(Path("spade.safetensors").read_bytes()).hexdigest()
    tensors, metadata = load_weights(CHECKPOINT)
    assert (metadata["init_from"], metadata["init_from_sha256"]) == ("spade.safetensors", digest)
    assert not any(name.startswith("discriminator.") for name in tensors)
    assert CellOutputs(Cell("other", "spade", 0)).checkpoint_tags()["smis.init_from"] == digest


@pytest.mark.usefixtures("place")
def test_a_fine_tuning_that_stopped_ends_bit_for_bit_like_one_that_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    _run("other", **FINE).train()
    whole = CHECKPOINT.read_bytes()
    monkeypatch.setenv("SMIS_KEEP", "0")
    stopped = _run("other", keep=9, **FINE)
    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "_export", lambda self, trainer: 1 / 0)
        with pytest.raises(ZeroDivisionError, match="division by zero"):
            stopped.train()
    for path in sorted(stopped.scratch.glob("states/step-*.pt"))[2:]:
        path.unlink()
    CHECKPOINT.unlink()
    _run("other", keep=9, **FINE).train()
    assert CHECKPOINT.read_bytes() == whole


@pytest.mark.usefixtures("place")
def test_another_file_of_the_same_name_is_another_training() -> None:
    before = _run("other", **FINE)
    content = Path("spade.safetensors").read_bytes()
    Path("spade.safetensors").unlink()
    Path("spade.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert _run("other", **FINE).scratch != before.scratch


@pytest.mark.usefixtures("place")
def test_a_checkpoint_with_its_discriminator_is_used_like_any_other() -> None:
    tensors, metadata = load_weights(Path("spade.safetensors"))
    assert sum(name.startswith("discriminator.") for name in tensors) > 0
    assert "init_from" not in metadata
    assert load_system(Path("spade.safetensors"), SYSTEMS).metadata == metadata
    assert _error(Path("spade.safetensors"), "first") < 0.4


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"init_classes": {"roff": "house"}}, r"init_classes: 'roff' is no class of the data set; it has: road, lake"),
        (
            {"init_classes": {"roof": "hut"}},
            r"init_classes\.roof: 'hut' is no class of spade\.safetensors; it has: sky",
        ),
    ],
)
def test_names_that_name_nothing_are_refused(options: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        _run("other", **{**FINE, **options}).train()


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("name", "system", "message"),
    [
        ("vspade", SPADE, r"is a checkpoint of spade, not of vspade; give one of vspade as train\.init_from"),
        ("spade", {**SPADE, "width": 8}, r"has shape .*; set systems\.spade as it is there \(width is 4 there and 8"),
        (
            "spade",
            {**SPADE, "discriminator": {"width": 4}},
            r"fit the discriminator .*\(discriminator\.width is 8 the",
        ),
    ],
)
def test_a_checkpoint_of_other_networks_is_refused(name: str, system: Mapping[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        _run("other", name=name, system=system, **FINE).train()
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("place")
def test_a_file_that_is_not_there_is_one_line_and_exit_code_2() -> None:
    with pytest.raises(CheckpointError, match=r"no file gone\.safetensors, which train\.init_from names; give a che"):
        _run("other", init_from="gone.safetensors")
    own = {"PYTHONPATH": str(ROOT), "SMIS_TRACKING": "off", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pipelines.train", "other", "spade", "0"]
    done = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: there is no file gone.safetensors, which train.init_from names; ")
    assert done.stderr.count("\n") == 1
