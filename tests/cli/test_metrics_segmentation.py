from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smis.core.sample import Sample
from smis.data.schema import Header
from smis.data.writer import write

from .noise import noise, refused, save, told


def test_segmentation_is_counted_over_all_pixels_that_are_labeled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = np.array([[[0, 0, 0, 255]], [[0, 1, 1, 1]]], dtype=np.uint8)
    predicted = np.array([[[0, 0, 0, 7]], [[0, 0, 0, 1]]], dtype=np.uint8)
    folders = save(tmp_path / "p", predicted), save(tmp_path / "t", truth)
    found = told(capsys, "segmentation", *folders, "--classes", 2, "--ignore", 255, "--per-class")
    values = {entry["name"]: entry["value"] for entry in found}
    assert values == pytest.approx({"mIoU": (4 / 6 + 1 / 3) / 2, "accuracy": 5 / 7, "IoU_0": 4 / 6, "IoU_1": 1 / 3})
    assert found[0]["protocol"]["ignore"] == [255]
    line = refused(capsys, "segmentation", *folders, "--classes", 2)
    assert f"{folders[1] / '000.png'} has ids from 0 to 255 where they count, but there are 2 classes" in line
    Image.fromarray(np.zeros((2, 4), np.uint8)).save(folders[0] / "001.png")
    assert f"{folders[0] / '001.png'} is 2 x 4, but {folders[1] / '001.png'} is 1 x 4" in refused(
        capsys, "segmentation", *folders, "--classes", 2, "--ignore", 255
    )


def test_several_ids_may_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = np.array([[[0, 2, 255, 1]]], dtype=np.uint8)
    folders = save(tmp_path / "p", np.array([[[0, 0, 0, 0]]], dtype=np.uint8)), save(tmp_path / "t", truth)
    found = told(capsys, "segmentation", *folders, "--classes", 3, "--ignore", 2, 255)
    assert found[0]["protocol"]["ignore"] == [2, 255]
    assert {entry["name"]: entry["value"] for entry in found} == {"mIoU": 1 / 4, "accuracy": 1 / 2}


def test_ids_that_are_no_classes_are_said_of_the_side_that_has_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine, far = np.zeros((1, 2, 2), np.uint8), np.full((1, 2, 2), 9, np.uint8)
    folders = save(tmp_path / "fine", fine), save(tmp_path / "far", far)
    verb = "segmentation", "--classes", 2
    assert "9 where they count" in (line := refused(capsys, *verb, folders[1], folders[0]))
    assert "what is predicted must be one of them; is --classes too small?" in line
    assert "was --ignore forgotten?" in refused(capsys, *verb, *folders)
    assert "--ignore is 255; is --classes too small?" in refused(capsys, *verb, *folders, "--ignore", 255)


def test_true_label_maps_may_be_those_of_a_prepared_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, predicted = np.random.default_rng(0).integers(0, 3, (2, 4, 32, 32), dtype=np.uint8)
    picture = noise(1)[0]
    pairs = ((labels, labels.astype(np.uint16)) for labels in truth)
    samples = [Sample(f"{n:03d}", "test", picture, *pair) for n, pair in enumerate(pairs)]
    palette = ((0, 0, 0), (1, 1, 1), (2, 2, 2))
    header = Header("toy", ("coat", "skirt", "nobody's"), palette, height=32, width=32, ignored=(2,))
    write(tmp_path / "toy", samples, header=header)
    folder, verb = save(tmp_path / "predicted", predicted), ("segmentation", "--classes", 3)
    found = told(capsys, *verb, folder, tmp_path / "toy")
    assert found[0]["protocol"]["split"] == "test"
    for entry in found:
        del entry["protocol"]["split"]
    assert found == told(capsys, *verb, folder, save(tmp_path / "true", truth), "--ignore", 2)
    perfect = told(capsys, *verb, tmp_path / "toy", tmp_path / "toy")
    assert [entry["value"] for entry in perfect] == [1, 1]
    (folder / "000.png").unlink()
    assert f"{tmp_path / 'toy' / '000'} has no partner" in refused(capsys, *verb, folder, tmp_path / "toy")
