"""The three stages that measure, in this process, on samples of a perfect generator."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from safetensors import safe_open

from pipelines.evaluate import run as evaluate
from pipelines.reference import run as reference
from pipelines.segmenter import run as segmenter
from smis.core.errors import ParamsError, ShardError, WeightsError
from smis.core.sample import SampleRow
from smis.data.samples import read_samples, write_samples
from smis.data.shards import Prepared
from tests.pipelines.measured import COUNTS, LABEL_MAPS, SAMPLES, lay_out, painted

NAMES = ["stlpips_alex", "mCSD", "mOCD", "mISD", "mOISD", "fd_stlpips_vgg", "kd_stlpips_vgg", "mIoU", "accuracy"]
COSTS = ["images_per_second", "flops", "peak_memory", "parameters_g", "parameters_ge"]
REAL = ["mIoU_real", "accuracy_real"]
TIMED = {"images_per_second", "peak_memory"}
RUN = Path("runs/paperdoll/painter/seed-0")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace where all three stages have run."""
    folder = tmp_path_factory.mktemp("measured")
    lay_out(folder)
    run(folder)
    return folder


def run(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(evaluate, "load_system", painted)
        reference.main("paperdoll")
        segmenter.main("paperdoll")
        evaluate.main("paperdoll", "painter", "0")


@pytest.fixture
def workspace(measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to break, without what `evaluate` wrote."""
    shutil.copytree(measured, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    monkeypatch.setattr(evaluate, "load_system", painted)
    shutil.rmtree("metrics")
    shutil.rmtree(RUN / "tables")
    return tmp_path / "w"


def metrics(measured: Path) -> dict[str, Any]:
    return json.loads((measured / "metrics/paperdoll/painter/seed-0.json").read_text())


def test_every_metric_is_there_with_an_interval_around_it_and_its_protocol(measured: Path) -> None:
    found = metrics(measured)
    assert list(found) == NAMES + COSTS + REAL
    for name, entry in found.items():
        low, high = entry["interval"]
        assert low <= entry["value"] <= high, name
        assert entry["protocol"]["interval"]


def test_a_perfect_generator_has_an_mocd_of_0(measured: Path) -> None:
    found = metrics(measured)
    assert (found["mOCD"]["value"], found["mOCD"]["interval"]) == (0, [0, 0])
    assert (found["mOISD"]["value"], found["mOISD"]["interval"]) == (0, [0, 0])
    assert 0 < found["mCSD"]["value"] < found["stlpips_alex"]["value"]
    assert 0 < found["mISD"]["value"] < found["stlpips_alex"]["value"]


def test_the_protocol_names_all_that_a_number_depends_on(measured: Path) -> None:
    found = metrics(measured)
    common = {"split": "test", "resize": "none", "device": "cpu", "precision": "float32", "seed": 0}
    for name in NAMES:
        assert common.items() <= found[name]["protocol"].items(), name
    diversity = {"network": "stlpips_alex", "weights": "b356b382", "label_maps": LABEL_MAPS, "samples": SAMPLES}
    assert diversity.items() <= found["stlpips_alex"]["protocol"].items()
    assert (diversity | {"pairs": "consecutive", "region": "mask"}).items() <= found["mOCD"]["protocol"].items()
    distance = {"network": "stlpips_vgg16", "weights": "44597da6", "reference_split": "train", "reference_images": 20}
    assert distance.items() <= found["fd_stlpips_vgg"]["protocol"].items()
    assert distance.items() <= found["kd_stlpips_vgg"]["protocol"].items()
    assert found["fd_stlpips_vgg"]["protocol"]["warning"].startswith("6 images")
    assert found["mIoU"]["protocol"]["label_maps"] == COUNTS["test"]


def test_on_real_images_the_segmenter_is_measured_by_the_same_protocol(measured: Path) -> None:
    found = metrics(measured)
    for name in ("mIoU", "accuracy"):
        of_real, of_fake = found[f"{name}_real"]["protocol"], found[name]["protocol"]
        assert of_real | {"resamples": 20} == of_fake  # what the segmenter's interval has is its own


def test_what_a_data_set_ignores_counts_in_no_metric_and_every_protocol_says_so(measured: Path, tmp_path: Path) -> None:
    lay_out(tmp_path, ignored=(0,))
    run(tmp_path)
    without, whole = metrics(tmp_path), metrics(measured)
    for name in ("mIoU", "accuracy", "mIoU_real", "accuracy_real", "mCSD", "mOCD", "mISD", "mOISD"):
        assert without[name]["protocol"]["ignore"] == [0], name
        assert "ignore" not in whole[name]["protocol"], name
    assert without["mCSD"]["protocol"]["classes"] == whole["mCSD"]["protocol"]["classes"] - 1
    assert without["stlpips_alex"] == whole["stlpips_alex"]
    with safe_open(tmp_path / "runs/paperdoll/segmenter.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["segmenter"])["ignored"] == [0]


def test_the_table_of_label_maps_has_a_row_for_each_and_says_what_was_not_measured(measured: Path) -> None:
    table = pq.read_table(measured / RUN / "tables/per_label_map.parquet")
    data = Prepared(measured / "data/paperdoll")
    assert table["key"].to_pylist() == sorted(data.split("test").keys)
    assert table["stlpips_alex"].null_count == COUNTS["test"] - LABEL_MAPS
    inside = [table[f"CSD {name}"].null_count for name in data.classes]
    assert inside == [table[f"OCD {name}"].null_count for name in data.classes]
    assert min(inside) == COUNTS["test"] - LABEL_MAPS


def test_the_table_of_classes_leads_to_the_metrics(measured: Path) -> None:
    columns = pq.read_table(measured / RUN / "tables/per_class.parquet").to_pydict()
    assert columns["class"] == Prepared(measured / "data/paperdoll").classes
    for column, name in (("CSD", "mCSD"), ("OCD", "mOCD"), ("IoU", "mIoU")):
        present = [value for value in columns[column] if value is not None]
        assert np.mean(present) == pytest.approx(metrics(measured)[name]["value"])
    assert sum(columns["pixels"]) == COUNTS["test"] * 32 * 32


def test_the_table_of_resamples_leads_to_the_intervals(measured: Path) -> None:
    table = pq.read_table(measured / RUN / "tables/resamples.parquet")
    assert sorted(table.column_names) == sorted(NAMES + COSTS[:3])
    found = metrics(measured)
    for name in table.column_names:
        low, high = np.percentile(table[name].to_numpy(), (2.5, 97.5))
        assert [max(0, low) if name.startswith("fd") else low, high] == found[name]["interval"]


def test_precision_and_recall_of_the_classes_are_drawn(measured: Path) -> None:
    with Image.open(measured / RUN / "tables/classes.png") as picture:
        assert picture.width > 600
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 20


@pytest.mark.usefixtures("workspace")
def test_the_same_samples_give_the_same_numbers(measured: Path) -> None:
    evaluate.main("paperdoll", "painter", "0")
    again = metrics(Path())
    before = metrics(measured)
    for name in before.keys() - TIMED:
        assert again[name] == before[name], name
    tables = [pq.read_table(folder / RUN / "tables/resamples.parquet") for folder in (Path(), measured)]
    assert tables[0].select(NAMES).equals(tables[1].select(NAMES))


@pytest.mark.usefixtures("workspace")
def test_one_sample_makes_no_pair_and_nothing_is_written() -> None:
    table = read_samples(RUN / "samples/everything.arrow")
    rows = [SampleRow(table.keys[0], 0, -1, table.image[0].copy())]
    write_samples(RUN / "samples/everything.arrow", rows, height=32, width=32)
    with pytest.raises(ParamsError, match=r"sample\.samples: 1 gives no pairs to compare; at least 2 are needed"):
        evaluate.main("paperdoll", "painter", "0")
    assert not Path("metrics").exists()
    assert not (RUN / "tables").exists()


@pytest.mark.usefixtures("workspace")
def test_what_is_missing_is_named_with_the_stage_that_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("runs/paperdoll/reference.npz").unlink()
    with pytest.raises(ShardError, match="the stage `reference` writes it"):
        evaluate.main("paperdoll", "painter", "0")
    Path("runs/paperdoll/segmenter.safetensors").unlink()
    with pytest.raises(WeightsError, match="`dvc repro segmenter`"):
        evaluate.main("paperdoll", "painter", "0")
    monkeypatch.setattr("smis.core.weights.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="install the package stlpips-pytorch"):
        reference.main("paperdoll")
    assert not Path("runs/paperdoll/reference.npz").exists()
