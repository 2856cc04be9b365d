"""The stages on ADE20K's layout, of which training pictures are loaded larger than they are seen."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from pipelines.cell import Cell
from pipelines.params import read
from pipelines.prepare import run as prepare
from pipelines.reference import run as reference
from pipelines.train.run import Params, TrainingRun
from smis.core.errors import ParamsError
from smis.data.shards import Prepared
from smis.training.distributed import DistributedContext
from smis.training.export import load_weights
from tests.cells import PARAMS
from tests.datasets import releases


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workspace in which stages run within this process."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"TRACKING": "off", "WORKERS": "1", "DEVICE": "cpu"}.items():
        monkeypatch.setenv(f"SMIS_{name}", value)
    threads = torch.get_num_threads()
    yield tmp_path
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def lay_out(folder: Path, **section: object) -> None:
    raw = releases.ade20k(folder / "raw")
    datasets = {"ade20k": {"root": str(raw), "size": [24, 24], "validation": 1, **section}}
    axes = {"dataset": ["ade20k"], "system": ["groupdnet"], "seed": [0]}
    train = {"steps": 4, "batch": 4, "log_every": 1, "grid_every": 4}
    own = {"axes": axes, "datasets": datasets, "prepare": {}, "reference": {}, "validation": {}, "train": train}
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS | own))


def test_a_system_is_trained_on_what_is_seen_of_larger_pictures(folder: Path) -> None:
    lay_out(folder, load_size=[30, 28])
    prepare.main("ade20k")
    reference.main("ade20k")
    TrainingRun(Cell("ade20k", "groupdnet", 0), read(Params, system="groupdnet"), DistributedContext()).train()
    data = Prepared(folder / "data" / "ade20k")
    assert (data.height, data.width) == (24, 24)
    assert [data.header.size_of(split) for split in data.splits] == [(30, 28), (24, 24), (24, 24)]
    _, metadata = load_weights(folder / "runs/ade20k/groupdnet/seed-0/checkpoint.safetensors")
    assert (metadata["height"], metadata["width"], metadata["step"]) == ("24", "24", "4")


def test_a_load_size_that_is_smaller_than_what_is_seen_is_one_line(folder: Path) -> None:
    lay_out(folder, load_size=[20, 30])
    with pytest.raises(ParamsError, match=r"^params.yaml: datasets.ade20k: load_size \[20, 30\] is smaller") as refused:
        prepare.main("ade20k")
    assert str(refused.value).endswith("than size [24, 24], which is cut from it; load larger")
