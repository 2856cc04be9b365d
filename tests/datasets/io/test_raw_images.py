"""Pictures are read as they are stored or as viewers show them, and a file that cannot be read says why."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from smis.core.errors import ImageError, LabelError
from smis.core.images import read_photograph
from smis.datasets.io import raw_images
from smis.datasets.io.raw_files import open_files
from tests.datasets.releases import packed, photograph


def saved(folder, name, picture, **how):
    picture.save(folder / name, **how)
    return open_files(str(folder)), f"0:{name}"


def exif(orientation):
    found = Image.Exif()
    found[0x0112] = orientation
    return found


@pytest.mark.parametrize("ending", ["jpg", "png"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_a_picture_is_upright_as_viewers_show_it_or_as_it_is_stored(tmp_path, orientation, ending):
    picture = Image.fromarray(photograph(0, height=48, width=64))
    files, name = saved(tmp_path, f"a.{ending}", picture, exif=exif(orientation))
    with Image.open(tmp_path / f"a.{ending}") as stored:
        pixels, shown = np.asarray(stored), np.asarray(ImageOps.exif_transpose(stored))
    assert np.array_equal(np.asarray(raw_images.read_image(files, name)), pixels)
    assert np.array_equal(np.asarray(raw_images.read_image(files, name, upright=True)), shown)
    assert raw_images.image_size(files, name) == (48, 64)
    assert raw_images.image_size(files, name, upright=True) == shown.shape[:2]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_tiff_that_pillow_turns_is_not_turned_twice(tmp_path, orientation):
    picture = Image.fromarray(photograph(0, height=48, width=64))
    files, name = saved(tmp_path, "a.tif", picture, exif=exif(orientation))
    with Image.open(tmp_path / "a.tif") as stored:
        shown = np.asarray(stored)
    assert shown.shape[:2] == ((64, 48) if orientation >= 5 else (48, 64))
    assert np.array_equal(np.asarray(raw_images.read_image(files, name, upright=True)), shown)
    assert raw_images.image_size(files, name, upright=True) == shown.shape[:2]
    assert np.array_equal(read_photograph(tmp_path / "a.tif"), shown)


@pytest.mark.parametrize(
    "damaged", [b"Exif\0\0", b"Exif\0\0no tiff at all", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"]
)
def test_a_picture_with_damaged_exif_stands_as_it_is_stored(tmp_path, damaged):
    picture = Image.fromarray(photograph(0, height=48, width=64))
    files, name = saved(tmp_path, "a.jpg", picture, exif=damaged)
    assert raw_images.image_size(files, name, upright=True) == (48, 64)
    one, other = raw_images.read_image(files, name, upright=True), raw_images.read_image(files, name)
    assert np.array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize(("kind", "read"), [(ImageError, raw_images.read_image), (LabelError, raw_images.read_map)])
def test_colors_of_16_bits_are_refused_before_8_of_them_are_dropped(tmp_path, kind, read):
    rows = zlib.compress(4 * (b"\0" + 4 * 3 * b"\x01\x02"))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    ]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    with pytest.raises(kind, match=r"a\.png has (channels of 16 bits|16 bits a channel), .*; save it"):
        read(open_files(str(tmp_path)), "0:a.png")


def test_a_large_picture_is_read_without_a_warning_and_one_too_large_says_to_cut_it(tmp_path, monkeypatch):
    files, name = saved(tmp_path, "a.png", Image.fromarray(photograph(0, height=48, width=64)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 48 * 64 - 1)
    assert raw_images.read_image(files, name).size == (64, 48)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ImageError, match=r"\(Image size \(3072 pixels\) exceeds limit of 2000 pixels\); cut it into"):
        raw_images.read_image(files, name)


def test_the_size_of_a_picture_in_a_folder_is_read_from_its_head(tmp_path):
    files, name = saved(tmp_path, "a.jpg", Image.fromarray(photograph(0, height=480, width=640)))
    path = tmp_path / "a.jpg"
    path.write_bytes(path.read_bytes()[:1000])
    assert raw_images.image_size(files, name) == (480, 640)
    with pytest.raises(ImageError, match=r"a\.jpg \(image file is truncated.*\); is the file whole\?"):
        raw_images.read_image(files, name)


def test_a_picture_has_the_same_size_in_an_archive(tmp_path):
    saved(tmp_path, "a.jpg", Image.fromarray(photograph(0, height=480, width=640)))
    assert raw_images.image_size(open_files(packed(tmp_path, tmp_path / "all.zip")), "0:a.jpg") == (480, 640)


def test_a_picture_that_is_away_says_so_when_its_size_is_asked_for(tmp_path):
    with pytest.raises(ImageError, match=r"there is no file .*a\.jpg"):
        raw_images.image_size(open_files(str(tmp_path)), "0:a.jpg")
