"""Packed files of a data set that are no pictures, or unpack to far more than they are."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smis.core.errors import ImageError, LabelError, SmisError
from smis.core.images import encode_map
from smis.datasets.io import archives
from smis.datasets.io.raw_files import MultiRoot, open_files
from smis.datasets.io.raw_images import image_size, read_image, read_map
from tests.bad_input.test_images import _png

MIB = 2**20
FAULTS = {
    "is 64 MiB of nothing": lambda: bytes(64 * MIB),
    "is a picture of 100,000 x 100,000": lambda: _png(100_000, 100_000, data=bytes(64 * MIB)),
    "is a picture of 100,000 x 100,000 that goes on": lambda: _png(100_000, 100_000) + bytes(64 * MIB),
}


def packed(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", content)
    return path


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("read", [read_image, read_map, image_size])
def test_a_packed_file_that_is_no_picture_is_refused_by_its_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[MultiRoot, str], object], fault: str
) -> None:
    files = open_files(str(packed(tmp_path / "bad.zip", FAULTS[fault]())))
    monkeypatch.setattr(archives.Zip, "read", lambda *_: pytest.fail("it is unpacked whole"))
    with pytest.raises((ImageError, LabelError), match=r"bad\.zip:a\.png"):
        read(files, "0:a.png")


def test_a_packed_picture_that_is_longer_than_its_head_is_read_whole(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400)).astype(np.uint8)
    content = encode_map(noise)
    assert len(content) > 128 * 2**10
    files = open_files(str(packed(tmp_path / "good.zip", content)))
    assert (read_map(files, "0:a.png") == noise).all()
    assert image_size(files, "0:a.png") == noise.shape


@pytest.mark.parametrize("side", [20, 400])
def test_a_packed_picture_whose_checksum_is_another_is_refused(tmp_path: Path, side: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (side, side)).astype(np.uint8)
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.png", encode_map(noise) + b"after its end")
    path.write_bytes(path.read_bytes().replace(b"after its end", b"after the end"))
    with pytest.raises(SmisError, match=r"bad\.zip:a\.png"):
        read_map(open_files(str(path)), "0:a.png")
