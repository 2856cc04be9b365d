import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from smis.core.errors import ImageError, LabelError, ParamsError
from smis.core.images import read_photograph
from smis.metrics.image_files import Source, files_by_name, folder, image_batches, pair_up, read_ids

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def saved(path: Path, picture: Image.Image, **options: Any) -> Path:
    picture.save(path, **options)
    return path


def test_gray_palette_16_bit_and_opaque_alpha_become_rgb(tmp_path: Path) -> None:
    expected = np.repeat(GREY[:, :, None], 3, axis=2)
    gray = Image.fromarray(GREY)
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    pictures = {
        "gray": gray,
        "color": gray.convert("RGB"),
        "palette": gray.convert("P"),
        "deep": deep,
        "alpha": gray.convert("RGBA"),
        "gray alpha": gray.convert("LA"),
    }
    for name, picture in pictures.items():
        np.testing.assert_array_equal(read_photograph(saved(tmp_path / f"{name}.png", picture)), expected, err_msg=name)


def test_transparency_is_refused_with_the_name_and_how_much_of_it(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 4), 255, dtype=np.uint8)
    pixels[0, :3, 3] = 128
    with pytest.raises(ImageError, match=r"a\.png is transparent at 3 pixels"):
        read_photograph(saved(tmp_path / "a.png", Image.fromarray(pixels)))
    palette = Image.fromarray(GREY).convert("P")
    with pytest.raises(ImageError, match=r"b\.png is transparent at 1 pixels"):
        read_photograph(saved(tmp_path / "b.png", palette, transparency=int(np.asarray(palette)[0, 5])))


def test_floats_have_no_known_range(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.tif has mode F, whose range is not known"):
        read_photograph(saved(tmp_path / "a.tif", Image.fromarray(GREY.astype(np.float32))))


@pytest.mark.parametrize("cut", [0, 20, 50])
def test_a_broken_file_is_named(tmp_path: Path, cut: int) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(GREY))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ImageError, match=r"cannot read .*a\.png \("):
        read_photograph(path)
    with pytest.raises(LabelError, match=r"cannot read .*a\.png \("):
        read_ids(path)


def test_ids_are_read_from_gray_palette_and_16_bits_and_from_no_colors(tmp_path: Path) -> None:
    palette = Image.fromarray(GREY)
    palette.putpalette([value for color in range(256) for value in (255 - color, 0, color)])
    assert torch.equal(read_ids(saved(tmp_path / "p.png", palette)), torch.from_numpy(GREY).long())
    deep = GREY.astype(np.uint16) * 100
    assert int(read_ids(saved(tmp_path / "d.png", Image.fromarray(deep))).max()) == deep.max()
    with pytest.raises(LabelError, match=r"c\.png has mode RGB, but a map has one channel of ids"):
        read_ids(saved(tmp_path / "c.png", Image.fromarray(np.dstack([GREY, GREY, GREY + 1]))))
    gray = saved(tmp_path / "three.png", Image.fromarray(GREY).convert("RGB"))
    assert torch.equal(read_ids(gray), torch.from_numpy(GREY).long())


def test_a_folder_has_its_pictures_by_name_without_the_sheet_and_other_files(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "sheet.png"):
        saved(tmp_path / name, Image.fromarray(GREY))
    (tmp_path / "notes.txt").write_text("no picture")
    assert list(folder(tmp_path).names) == ["a", "b"]
    saved(tmp_path / "a.png", Image.fromarray(GREY))
    with pytest.raises(ImageError, match=r"a\.jpg and .*a\.png have one name"):
        folder(tmp_path)


def test_files_without_partners_are_named_and_counted(tmp_path: Path) -> None:
    folders = tmp_path / "x", tmp_path / "y"
    for place, names in zip(folders, ("abc", "b"), strict=True):
        place.mkdir()
        for name in names:
            saved(place / f"{name}.png", Image.fromarray(GREY))
    first, second = (files_by_name(place) for place in folders)
    with pytest.raises(ParamsError, match=r"x/a\.png has no partner of that name in .*y \(2 of 3 in .*x have none\)"):
        pair_up(first, second, folders=folders)
    with pytest.raises(ParamsError, match=r"x/a\.png has no partner"):
        pair_up(second, first, folders=(folders[1], folders[0]))


def test_batches_keep_the_order_and_only_a_few_pictures_wait() -> None:
    started = []
    lock = threading.Lock()

    def read(number: int) -> np.ndarray:
        with lock:
            started.append(number)
        return np.full((4, 4, 3), number, dtype=np.uint8)

    source = Source([str(number) for number in range(50)], read, "numbers")
    seen = []
    for names, image in image_batches(source, batch=4, workers=3):
        assert [float(value) for value in (image[:, 0, 0, 0] + 1) * 127.5] == pytest.approx([int(n) for n in names])
        seen += names
        assert len(started) <= len(seen) + 2 * 4 + 4
    assert seen == list(source.names)


def test_an_image_is_turned_as_its_exif_says_and_a_map_is_not(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = saved(tmp_path / "a.png", Image.fromarray(GREY[:6]), exif=exif)
    assert np.array_equal(read_photograph(path)[..., 0], np.rot90(GREY[:6], -1))
    assert np.array_equal(read_ids(path).numpy(), GREY[:6])


@pytest.mark.parametrize(("suffix", "format"), [("png", "JPEG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("tif", "TIFF")])
def test_maps_in_formats_that_change_ids_are_refused_whatever_they_are_called(
    tmp_path: Path, suffix: str, format: str
) -> None:
    options = {"compression": "jpeg"} if format == "TIFF" else {}
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(GREY), format=format, **options)
    with pytest.raises(LabelError, match=rf"a\.{suffix} is a (JPEG|WEBP) file, which does not keep ids as they are"):
        read_ids(path)
