import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from smis.cli import main
from smis.cli.metrics import NETWORKS
from smis.core.sample import Sample
from smis.data.samples import EVERYTHING, SampleRow, write_samples
from smis.data.schema import Header
from smis.data.writer import write
from smis.metrics import fid, inception, networks
from smis.metrics.features import image_of
from smis.metrics.pairs import diversity


class Means(nn.Module):
    """Stands for Inception: 2048 numbers from the mean colours."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0, 1, 3 * 2048).reshape(3, 2048).cos())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.mean(dim=(2, 3)) @ self.weight


@pytest.fixture(autouse=True)
def small_inception(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inception, "load", Means)


def noise(count: int, *, size: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def save(folder: Path, pictures: np.ndarray, names: Callable[[int], str] = "{:03d}".format) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{names(number)}.png")
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: Any) -> list[dict[str, Any]]:
    assert main(["metrics", *map(str, arguments), "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return [json.loads(line) for line in printed.out.splitlines()]


def refused(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    assert main(["metrics", *map(str, arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


def test_fid_of_folders_and_of_saved_statistics_is_one_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, fake = save(tmp_path / "real", noise(8)), save(tmp_path / "fake", noise(6, size=40, seed=1))
    (found,) = told(capsys, "fid", real, fake, "--save", tmp_path / "real.npz", "--batch", 3, "--workers", 2)
    expected = fid.measure(image_of(noise(8)), image_of(noise(6, size=40, seed=1)), network=Means())
    assert found["value"] == pytest.approx(expected.value, rel=1e-6)
    assert found["interval"][0] < found["value"] < found["interval"][1]
    assert found["name"] == "fid"
    assert found["protocol"]["warning"] == "6 images: biased upwards below 2048"
    (again,) = told(capsys, "fid", tmp_path / "real.npz", fake)
    assert again["value"] == pytest.approx(found["value"], rel=1e-5)
    with np.load(tmp_path / "real.npz") as stored:
        assert (stored["mu"].shape, stored["sigma"].shape) == ((2048,), (2048, 2048))


def test_statistics_of_one_folder_can_be_saved_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = save(tmp_path / "real", noise(4))
    assert told(capsys, "fid", real, "--save", tmp_path / "a.npz") == []
    assert told(capsys, "fid", tmp_path / "a.npz", tmp_path / "a.npz")[0]["interval"] == [None, None]
    assert "nothing to compare with; give FAKE too, or --save" in refused(capsys, "fid", real)


def test_a_person_reads_a_line_for_each_value_and_the_warning_beside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, fake = save(tmp_path / "real", noise(4)), save(tmp_path / "fake", noise(4, seed=1))
    assert main(["metrics", "fid", str(real), str(fake)]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("fid ")
    assert printed.out.count("\n") == 1
    assert printed.err == "warning: 4 images: biased upwards below 2048\n"


def test_kid_is_measured_on_arrow_samples_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = save(tmp_path / "real", noise(8))
    rows = [SampleRow(f"map {n}", 0, EVERYTHING, picture) for n, picture in enumerate(noise(6, seed=1))]
    write_samples(tmp_path / "single.arrow", rows, height=32, width=32)
    (found,) = told(capsys, "kid", real, tmp_path / "single.arrow")
    assert (found["name"], found["protocol"]["subset_images"]) == ("kid", 6)
    (again,) = told(capsys, "kid", real, save(tmp_path / "fake", noise(6, seed=1)))
    assert again["value"] == pytest.approx(found["value"], rel=1e-6)


def test_a_split_of_a_prepared_data_set_is_a_set_of_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, flat = noise(5), np.zeros((32, 32), dtype=np.uint8)
    samples = [
        Sample(f"{split}/{number}", split, picture, flat, flat.astype(np.uint16))
        for split, of_split in (("train", pictures[:3]), ("test", pictures[3:]))
        for number, picture in enumerate(of_split)
    ]
    header = Header("toy", classes=("all",), palette=((0, 0, 0),), height=32, width=32)
    write(tmp_path / "toy", samples, header=header)
    fake = save(tmp_path / "fake", noise(4, seed=1))
    (found,) = told(capsys, "kid", tmp_path / "toy", fake, "--split", "train")
    assert found["protocol"]["reference_images"] == 3
    assert told(capsys, "kid", tmp_path / "toy", fake)[0]["protocol"]["reference_images"] == 2
    assert found["protocol"]["reference_split"] == "train"
    assert "has no pictures in split 'val'" in refused(capsys, "kid", tmp_path / "toy", fake, "--split", "val")


def test_lpips_is_the_mean_over_pairs_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = noise(3), noise(3, seed=1)
    a, b = save(tmp_path / "a", first), save(tmp_path / "b", second)
    (found,) = told(capsys, "lpips", a, b, "--network", "stlpips_alex")
    expected = networks.load("stlpips_alex")(image_of(first), image_of(second)).mean().item()
    assert found["value"] == pytest.approx(expected, rel=1e-4)
    assert (found["name"], found["protocol"]["label_maps"]) == ("stlpips_alex", 3)
    for folder, seed in ((a, 2), (b, 3)):  # pairs of another size than the rest are fine
        Image.fromarray(noise(1, size=40, seed=seed)[0]).save(folder / "001.png")
    assert told(capsys, "lpips", a, b, "--network", "stlpips_alex")[0]["value"] > 0
    Image.fromarray(noise(1, size=41)[0]).save(a / "001.png")
    assert f"{b / '001.png'} is 40 x 40, but {a / '001.png'} is 41 x 41" in refused(
        capsys, "lpips", a, b, "--network", "stlpips_alex"
    )
    (a / "001.png").unlink()
    assert f"{b / '001.png'} has no partner of that name in {a} (1 of 3" in refused(
        capsys, "lpips", a, b, "--network", "stlpips_alex"
    )


@pytest.mark.parametrize("form", ["numbered", "folders", "arrow"])
def test_diversity_is_over_the_pictures_of_each_label_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    drawn = {"a_b": noise(3), "c": noise(3, seed=1)}
    place = tmp_path / "samples"
    for stem, pictures in drawn.items():
        if form == "numbered":
            save(place, pictures, lambda n, stem=stem: f"{stem}_{n:02d}")
            Image.fromarray(pictures[0]).save(place / "sheet.png")
        elif form == "folders":
            save(place / stem, pictures)
    if form == "arrow":
        place = tmp_path / "everything.arrow"
        rows = [
            SampleRow(stem, n, EVERYTHING, picture) for stem, all_ in drawn.items() for n, picture in enumerate(all_)
        ]
        write_samples(place, rows, height=32, width=32)
    (found,) = told(capsys, "diversity", place, "--network", "stlpips_alex", "--pairs", "all")
    network = networks.load("stlpips_alex")
    expected = np.mean([diversity(image_of(each), network, pairs="all").mean().item() for each in drawn.values()])
    assert found["value"] == pytest.approx(expected, rel=1e-5)
    facts = {"network": "stlpips_alex", "label_maps": 2, "samples": 3, "pairs": "all", "weights": "b356b382"}
    assert facts.items() <= found["protocol"].items()


@pytest.mark.parametrize("form", ["numbered", "folders"])
def test_neighbours_are_those_of_the_next_number(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Twelve pictures, each a step away from the one before: 10 and 11 come after 9, and not after 1."""
    pictures = (noise(1) // 16 + 16 * np.arange(12)[:, None, None, None]).astype(np.uint8)
    place = save(tmp_path / "x" / ("" if form == "numbered" else "a"), pictures, "a_{}".format)
    (tmp_path / "x" / ".ipynb_checkpoints").mkdir()
    (found,) = told(capsys, "diversity", tmp_path / "x", "--network", "stlpips_alex")
    expected = diversity(image_of(pictures), networks.load("stlpips_alex")).mean().item()
    assert found["value"] == pytest.approx(expected, rel=1e-5)
    if form == "folders":
        save(place.parent, noise(1), "b_{:02d}".format)
        line = refused(capsys, "diversity", tmp_path / "x", "--network", "stlpips_alex")
        assert "has both b_00.png and the folder a; keep one kind of them" in line


def test_diversity_refuses_names_counts_and_sizes_that_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = "--network", "stlpips_alex"
    place = save(tmp_path / "x", noise(2), "a_{:02d}".format)
    save(place, noise(3), "b_{:02d}".format)
    assert "b has 3 pictures, but a has 2" in refused(capsys, "diversity", place, *verb)
    (place / "b_02.png").unlink()
    Image.fromarray(noise(1, size=33)[0]).save(place / "b_01.png")
    assert f"b_01 of {place} is 33 x 33, but b_00 of {place} is 32 x 32" in refused(capsys, "diversity", place, *verb)
    (place / "b_01.png").unlink()
    assert "b has only 1 picture, b_00" in refused(capsys, "diversity", place, *verb)
    (place / "b_00.png").rename(place / "b.png")
    assert f"b of {place} has no number" in refused(capsys, "diversity", place, *verb)


def ids(folder: Path, maps: np.ndarray) -> Path:
    return save(folder, maps)


def test_segmentation_is_counted_over_all_pixels_that_are_labelled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = np.array([[[0, 0, 0, 255]], [[0, 1, 1, 1]]], dtype=np.uint8)
    predicted = np.array([[[0, 0, 0, 7]], [[0, 0, 0, 1]]], dtype=np.uint8)
    folders = ids(tmp_path / "p", predicted), ids(tmp_path / "t", truth)
    found = told(capsys, "segmentation", *folders, "--classes", 2, "--ignore", 255, "--per-class")
    values = {entry["name"]: entry["value"] for entry in found}
    assert values == pytest.approx({"mIoU": (4 / 6 + 1 / 3) / 2, "accuracy": 5 / 7, "IoU_0": 4 / 6, "IoU_1": 1 / 3})
    assert found[0]["protocol"]["ignore"] == 255
    line = refused(capsys, "segmentation", *folders, "--classes", 2)
    assert f"{folders[1] / '000.png'} has ids from 0 to 255 where they count, but there are 2 classes" in line
    Image.fromarray(np.zeros((2, 4), np.uint8)).save(folders[0] / "001.png")
    assert f"{folders[0] / '001.png'} is 2 x 4, but {folders[1] / '001.png'} is 1 x 4" in refused(
        capsys, "segmentation", *folders, "--classes", 2, "--ignore", 255
    )


def test_what_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, fake = save(tmp_path / "real", noise(3)), save(tmp_path / "fake", noise(3))
    broken = fake / "001.png"
    broken.write_bytes(broken.read_bytes()[:200])
    assert f"{broken} is no picture that can be read" in refused(capsys, "fid", real, fake)
    assert f"there is no {tmp_path / 'none'}" in refused(capsys, "fid", real, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert f"there is no picture in {tmp_path / 'empty'}" in refused(capsys, "kid", real, tmp_path / "empty")
    assert "device 'tpu' cannot be used" in refused(capsys, "kid", real, real, "--device", "tpu")
    (tmp_path / "x.npz").write_bytes(b"no statistics")
    assert "x.npz holds no statistics" in refused(capsys, "fid", tmp_path / "x.npz", fake)
    assert "there is no" in refused(capsys, "fid", tmp_path / "y.npz", fake)


def test_lpips_without_its_trunk_says_how_to_bring_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMIS_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    a = save(tmp_path / "a", noise(2))
    assert "`smis weights fetch alexnet`" in refused(capsys, "lpips", a, a)


def test_the_networks_that_can_be_asked_for_are_those_that_there_are() -> None:
    assert NETWORKS == networks.DISTANCES


def test_a_seed_is_a_number_from_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["metrics", "kid", "a", "b", "--seed", "-1"])
    assert "argument --seed: '-1' is no number from 0" in capsys.readouterr().err
