"""The stage, in this process, on an untrained checkpoint."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.sample import run as stage
from smis.core.errors import CheckpointError
from smis.core.sample import RESAMPLED_ALL
from smis.data.samples import read_samples
from smis.data.shards import Prepared
from smis.models.groupdnet import Config
from smis.training.export import save_weights, tensors_of
from tests.cells import CLASSES, COUNTS, PARAMS, SIZE, lay_out

OUT = Path("runs/paperdoll/groupdnet/seed-0")
SAMPLES = OUT / "samples"


@pytest.fixture
def _cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMIS_DEVICE", "cpu")
    torch.manual_seed(0)
    section = PARAMS["systems"]["groupdnet"]
    system = Config(**section).build(classes=len(CLASSES), height=SIZE, width=SIZE, training=False)
    metadata = {"system": "groupdnet", "config": json.dumps(section), "dataset": "paperdoll", "step": "0"}
    metadata |= {
        "classes": json.dumps(CLASSES),
        "palette": json.dumps([[0, 0, 0]] * len(CLASSES)),
        "height": str(SIZE),
        "width": str(SIZE),
    }
    tensors = tensors_of({"generator": system.generator, "encoder": system.required_encoder()})
    save_weights(OUT / "checkpoint.safetensors", tensors, metadata=metadata)


@pytest.mark.usefixtures("_cell")
def test_there_is_a_file_for_each_kind_with_the_rows_that_were_planned(capsys: pytest.CaptureFixture[str]) -> None:
    stage.main("paperdoll", "groupdnet", "0")

    test = Prepared(Path("data/paperdoll")).split("test")
    single = read_samples(SAMPLES / "single.arrow")
    assert single.keys == list(test.keys)
    assert single.image.shape == (COUNTS["test"], SIZE, SIZE, 3)

    everything = read_samples(SAMPLES / "everything.arrow")
    assert everything.sample.tolist() == [0, 1, 2] * 2
    assert set(everything.resampled.tolist()) == {RESAMPLED_ALL}

    present = {key: set(np.flatnonzero(row)) for key, row in zip(test.keys, test.pixels, strict=True)}
    shown = {c for key in everything.keys for c in present[key]}
    assert {path.name for path in SAMPLES.glob("class-*")} == {f"class-{c}.arrow" for c in shown}
    for c in shown:
        table = read_samples(SAMPLES / f"class-{c}.arrow")
        assert set(table.resampled.tolist()) == {c}
        assert all(c in present[key] for key in table.keys)

    instances, at = read_samples(SAMPLES / "instances.arrow"), {key: number for number, key in enumerate(test.keys)}
    assert set(instances.keys) == set(everything.keys)
    for key, instance in set(zip(instances.keys, instances.resampled.tolist(), strict=True)):
        assert instance in test[at[key]].instances
    assert "sampling groupdnet on paperdoll, seed 0: " in capsys.readouterr().err


@pytest.mark.usefixtures("_cell")
def test_the_same_seed_gives_the_same_bytes() -> None:
    contents = []
    for _ in range(2):
        stage.main("paperdoll", "groupdnet", "0")
        contents.append({path.name: path.read_bytes() for path in sorted(SAMPLES.iterdir())})
    assert contents[0] == contents[1]


@pytest.mark.usefixtures("_cell")
def test_without_a_checkpoint_nothing_is_written() -> None:
    (OUT / "checkpoint.safetensors").unlink()
    with pytest.raises(CheckpointError, match="run the stage `train` first"):
        stage.main("paperdoll", "groupdnet", "0")
    assert not SAMPLES.exists()
