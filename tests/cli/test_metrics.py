import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from smis.cli import main
from smis.core.images import to_image
from smis.core.sample import RESAMPLED_ALL, Sample, SampleRow
from smis.data.samples import write_samples
from smis.data.schema import Header
from smis.data.writer import write
from smis.metrics.image import fid, inception
from smis.metrics.image.result import of_maps

from .noise import noise, refused, save, told


class Means(nn.Module):
    """Stands for Inception: 2048 numbers from the mean colors."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0, 1, 3 * 2048).reshape(3, 2048).cos())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.mean(dim=(2, 3)) @ self.weight


@pytest.fixture(autouse=True)
def small_inception(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inception, "load", Means)


def test_fid_of_folders_and_of_saved_statistics_is_one_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, fake = save(tmp_path / "real", noise(8)), save(tmp_path / "fake", noise(6, size=40, seed=1))
    (found,) = told(capsys, "fid", real, fake, "--save", tmp_path / "real.npz", "--batch", 3, "--workers", 2)
    expected = fid.measure(to_image(noise(8)), to_image(noise(6, size=40, seed=1)), network=Means())
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
    rows = [SampleRow(f"map {n}", 0, RESAMPLED_ALL, picture) for n, picture in enumerate(noise(6, seed=1))]
    write_samples(tmp_path / "single.arrow", rows, height=32, width=32)
    (found,) = told(capsys, "kid", real, tmp_path / "single.arrow")
    assert (found["name"], found["protocol"]["subset_images"]) == ("kid", 6)
    (again,) = told(capsys, "kid", real, save(tmp_path / "fake", noise(6, seed=1)))
    assert again["value"] == pytest.approx(found["value"], rel=1e-6)


def test_kid_takes_the_vectors_of_a_file_that_holds_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, fake = save(tmp_path / "real", noise(8)), save(tmp_path / "fake", noise(6, seed=1))
    vectors = inception.features(Means(), to_image(noise(8)))
    statistics = replace(fid.statistics(to_image(noise(8)), network=Means()), vectors=vectors)
    statistics.write(tmp_path / "real.npz")
    (found,) = told(capsys, "kid", tmp_path / "real.npz", fake)
    assert found["value"] == pytest.approx(told(capsys, "kid", real, fake)[0]["value"], rel=1e-6)
    replace(statistics, protocol=json.dumps({"network": "other"})).write(tmp_path / "other.npz")
    assert "other.npz holds vectors of 2048 numbers of other, but KID is of 2048 of" in refused(
        capsys, "kid", tmp_path / "other.npz", fake
    )
    fid.Statistics(torch.zeros(3).double(), torch.eye(3).double(), vectors=torch.zeros(2, 3)).write(
        tmp_path / "short.npz"
    )
    assert "short.npz holds vectors of 3 numbers" in refused(capsys, "kid", fake, tmp_path / "short.npz")
    replace(statistics, vectors=None).write(tmp_path / "moments.npz")
    line = refused(capsys, "kid", tmp_path / "moments.npz", fake)
    assert "moments.npz holds no single vectors, as KID needs and pytorch-fid never keeps" in line


@pytest.mark.parametrize("metric", ["fid", "kid"])
def test_the_protocol_says_which_pictures_were_compared_and_the_seed_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], metric: str
) -> None:
    real, fake = save(tmp_path / "real", noise(6)), save(tmp_path / "fake", noise(9, seed=1))
    other = save(tmp_path / "other", noise(9, seed=1), "other_{}".format)
    found, renamed, seeded = (told(capsys, metric, real, *rest)[0] for rest in ((fake,), (other,), (fake, "--seed", 1)))
    assert found["protocol"]["keys"] == of_maps([f"00{n}" for n in range(9)])["keys"]
    assert renamed["protocol"]["keys"] == of_maps([f"other_{n}" for n in range(9)])["keys"]
    assert (found["protocol"]["seed"], seeded["protocol"]["seed"]) == (0, 1)
    assert found["interval"] != seeded["interval"]


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


def test_what_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, fake = save(tmp_path / "real", noise(3)), save(tmp_path / "fake", noise(3))
    broken = fake / "001.png"
    broken.write_bytes(broken.read_bytes()[:200])
    assert f"cannot read {broken} (" in refused(capsys, "fid", real, fake)
    assert f"there is no {tmp_path / 'none'}" in refused(capsys, "fid", real, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert f"there is no image in {tmp_path / 'empty'}" in refused(capsys, "kid", real, tmp_path / "empty")
    assert "device 'tpu' cannot be used" in refused(capsys, "kid", real, real, "--device", "tpu")
    write_samples(tmp_path / "none.arrow", [], height=32, width=32)
    assert f"there is no image in {tmp_path / 'none.arrow'}" in refused(capsys, "fid", tmp_path / "none.arrow", fake)
    (tmp_path / "x.npz").write_bytes(b"no statistics")
    assert "x.npz holds no statistics" in refused(capsys, "fid", tmp_path / "x.npz", fake)
    assert "there is no" in refused(capsys, "fid", tmp_path / "y.npz", fake)


def test_a_seed_is_a_number_from_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["metrics", "kid", "a", "b", "--seed", "-1"])
    assert "argument --seed: '-1' is not a whole number from 0" in capsys.readouterr().err
