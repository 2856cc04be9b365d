import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from smis.cli import main
from smis.core.images import to_image
from smis.core.sample import Sample, SampleRow
from smis.data.samples import write_samples
from smis.data.schema import Header
from smis.data.writer import write
from smis.metrics.image import lpips
from smis.metrics.image.result import Bootstrap
from smis.metrics.image.sample_diversity import RegionDiversity

SIZE = 32
LABELS = np.zeros((SIZE, SIZE), np.uint8)
LABELS[8:24, 8:20] = 1
SEGMENTS = np.where(LABELS == 1, 0, 1).astype(np.uint8)


def drawn(of: int, seed: int, *, leak: bool = False) -> np.ndarray:
    """Three pictures that differ where the map says `of`, or everywhere."""
    numbers = np.random.default_rng(seed)
    base = numbers.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    fresh = numbers.integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    return fresh if leak else np.where(np.equal(LABELS, of)[None, :, :, None], fresh, base)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Two label maps, each class and one instance drawn anew; class 0 leaks."""
    samples, labels, instances = (tmp_path / name for name in ("samples", "labels", "instances"))
    for place in (labels, instances):
        place.mkdir()
    for number, stem in enumerate("ab"):
        Image.fromarray(LABELS).save(labels / f"{stem}.png")
        Image.fromarray(SEGMENTS).save(instances / f"{stem}.png")
        for part, of in (("class-0", 0), ("class-1", 1), ("instance-0", 1)):
            (samples / part).mkdir(parents=True, exist_ok=True)
            for sample, picture in enumerate(drawn(of, seed=number, leak=of == 0)):
                Image.fromarray(picture).save(samples / part / f"{stem}_{sample:02d}.png")
    return samples, labels, instances


def told(capsys: pytest.CaptureFixture[str], *arguments: Any) -> dict[str, dict[str, Any]]:
    words = ["metrics", "regions", *map(str, arguments), "--network", "stlpips_alex", "--json"]
    assert main(words) == 0
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {result["name"]: result for result in results}


def refused(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    assert main(["metrics", "regions", *map(str, arguments), "--network", "stlpips_alex"]) == 2
    return capsys.readouterr().err


def test_folders_of_pictures_give_all_four(
    folders: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    samples, labels, instances = folders
    found = told(capsys, samples, labels, "--instances", instances)
    assert list(found) == ["mCSD", "mOCD", "mISD", "mOISD"]
    regions = RegionDiversity(lpips.load("stlpips_alex"), classes=2)
    for of in (0, 1):
        for number, stem in enumerate("ab"):
            image = to_image(drawn(of, seed=number, leak=of == 0))
            regions.update(stem, image, torch.from_numpy(of == LABELS), resampled=of)
    for result in regions.compute(Bootstrap()):
        assert found[result.name]["value"] == pytest.approx(result.value, rel=1e-6)
        assert found[result.name]["interval"] == pytest.approx(result.interval, rel=1e-6)
    assert found["mOCD"]["value"] > 0 == found["mOISD"]["value"]
    expected = {"network": "stlpips_alex", "region": "mask", "pairs": "consecutive", "samples": 3, "classes": 2}
    assert expected.items() <= found["mCSD"]["protocol"].items()


def test_a_folder_for_each_label_map_is_found_by_its_name(
    folders: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    samples, labels, instances = folders
    expected = told(capsys, samples, labels, "--instances", instances)
    for picture in list(samples.glob("*/*.png")):
        place = picture.parent / picture.stem.split("_")[0]
        place.mkdir(exist_ok=True)
        picture.rename(place / picture.name)
    assert told(capsys, samples, labels, "--instances", instances) == expected


def test_what_the_pipeline_drew_is_measured_with_its_prepared_data(
    folders: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, labels, instances = folders
    expected = told(capsys, samples, labels, "--instances", instances)
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    palette = ((0, 0, 0), (9, 9, 9))
    real = [Sample(stem, "test", image, LABELS, SEGMENTS.astype(np.uint16)) for stem in "ab"]
    write(tmp_path / "data", real, header=Header("d", ("ground", "coat"), palette, SIZE, SIZE))
    for name, of, resampled in (("class-0", 0, 0), ("class-1", 1, 1), ("instances", 1, 0)):
        rows = [
            SampleRow(stem, sample, resampled, picture)
            for number, stem in enumerate("ab")
            for sample, picture in enumerate(drawn(of, seed=number, leak=of == 0))
        ]
        write_samples(tmp_path / "drawn" / f"{name}.arrow", rows, height=SIZE, width=SIZE)
    found = told(capsys, tmp_path / "drawn", tmp_path / "data")
    assert {name: each["value"] for name, each in found.items()} == pytest.approx(
        {name: each["value"] for name, each in expected.items()}
    )


def test_what_does_not_fit_is_named(
    folders: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, labels, instances = folders
    assert "has no class-ID or instance-ID" in refused(capsys, labels, labels)
    given = samples, labels, "--instances", instances
    Image.fromarray(LABELS[:16]).save(labels / "b.png")
    assert "the images of b in" in (said := refused(capsys, *given))
    assert "are 32 x 32, but its map is 16 x 32" in said
    (labels / "b.png").unlink()
    assert "has no map 'b', of which there are images" in refused(capsys, *given)


def test_a_part_that_is_in_no_map_is_named(
    folders: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    samples, labels, instances = folders
    (samples / "class-1").rename(samples / "class-9")
    said = refused(capsys, samples, labels, "--instances", instances)
    assert f"no map has class 9, of which there are images in {samples / 'class-9'}; give the maps" in said
    assert "mCSD" in told(capsys, samples, labels, "--instances", instances, "--ignore", 9)


def test_label_maps_stand_for_no_instance_maps(
    folders: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    samples, labels, _ = folders
    said = refused(capsys, samples, labels)
    assert f"{samples / 'instance-0'} has instances, but {labels} are label maps; give --instances MAPS" in said


def test_an_ignored_class_and_the_instances_in_it_do_not_count(
    folders: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    samples, labels, instances = folders
    found = told(capsys, samples, labels, "--instances", instances, "--ignore", 1)
    assert list(found) == ["mCSD", "mOCD"]
    assert {"classes": 1, "ignore": [1]}.items() <= found["mCSD"]["protocol"].items()
    shutil.rmtree(samples / "class-0")
    said = refused(capsys, samples, labels, "--instances", instances, "--ignore", 1)
    assert f"all parts in {samples} are of classes 1, which do not count" in said
    for stem in "ab":
        Image.fromarray(SEGMENTS[:16]).save(instances / f"{stem}.png")
    said = refused(capsys, samples, labels, "--instances", instances, "--ignore", 1)
    assert "the instance map of a is 16 x 32, but its label map is 32 x 32" in said


def test_what_a_prepared_data_set_ignores_does_not_count(
    folders: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, labels, instances = folders
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    real = [Sample(stem, "test", image, LABELS, SEGMENTS.astype(np.uint16)) for stem in "ab"]
    header = Header("d", ("sky", "coat"), ((0, 0, 0), (9, 9, 9)), SIZE, SIZE, ignored=(0,))
    write(tmp_path / "data", real, header=header)
    found = told(capsys, samples, tmp_path / "data")
    assert found["mCSD"]["protocol"]["ignore"] == [0]
    plain = told(capsys, samples, labels, "--instances", instances, "--ignore", 0)
    for name, entry in plain.items():
        entry["protocol"]["split"] = "test"
        assert found[name] == entry
