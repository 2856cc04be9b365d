from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from smis.core.errors import ImageError, LabelError
from smis.styles.inputs import ArrayOrFile, read_ids, read_image

IDS = np.array([[0, 1, 2], [44, 4, 5]], dtype=np.uint8)
COLOURS = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3) * 10
SIGNED = torch.from_numpy(COLOURS).permute(2, 0, 1)[None] / 127.5 - 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.png"


@pytest.mark.parametrize(
    "given",
    [
        IDS,
        IDS[None],
        IDS[:, ::-1].astype(np.uint16)[:, ::-1],
        torch.from_numpy(IDS),
        torch.from_numpy(IDS.astype(np.int32))[None],
        Image.fromarray(IDS),
        Image.fromarray(IDS.astype(np.uint16)),
    ],
)
def test_maps_come_as_arrays_and_pictures(given: ArrayOrFile) -> None:
    assert torch.equal(read_ids(given, name="map"), torch.from_numpy(IDS.astype(np.int64))[None])


@pytest.mark.parametrize("kind", [Path, str])
def test_maps_come_as_files_of_ids_whatever_their_palette(file: Path, kind: Any) -> None:
    picture = Image.fromarray(IDS)
    picture.putpalette([7] * 768)
    picture.save(file)
    assert torch.equal(read_ids(kind(file), name="map")[0], torch.from_numpy(IDS.astype(np.int64)))


@pytest.mark.parametrize(
    "given",
    [COLOURS, COLOURS[None], torch.from_numpy(COLOURS), SIGNED, SIGNED[0], SIGNED.numpy(), Image.fromarray(COLOURS)],
)
def test_pictures_come_as_arrays_and_pictures(given: ArrayOrFile) -> None:
    torch.testing.assert_close(read_image(given), SIGNED)


def test_pictures_come_as_files(file: Path) -> None:
    Image.fromarray(COLOURS).save(file)
    torch.testing.assert_close(read_image(file), SIGNED)


def test_what_is_no_map_of_ids_is_refused(file: Path) -> None:
    Image.fromarray(COLOURS).save(file)
    with pytest.raises(LabelError, match=r"file\.png has mode RGB, but a map has one channel of ids; save it as gray"):
        read_ids(file, name="map")
    with pytest.raises(LabelError, match=r"map: \(3, 2\) of float32, but a map is \(height, width\) or"):
        read_ids(torch.zeros(3, 2), name="map")
    with pytest.raises(LabelError, match=r"map: \(1, 1, 3, 2\) of int64"):
        read_ids(torch.zeros(1, 1, 3, 2, dtype=torch.long), name="map")


def test_what_is_no_picture_is_refused(file: Path) -> None:
    with pytest.raises(ImageError, match=r"there is no file .*file\.png"):
        read_image(file)
    file.write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"cannot read .*file\.png \(it is no picture\); is the file whole"):
        read_image(file)
    with pytest.raises(ImageError, match=r"\(1, 3, 4, 4\) of int64, but images are a tensor \(b, 3"):
        read_image(torch.zeros(3, 4, 4, dtype=torch.long))
    with pytest.raises(
        ImageError, match=r"values from 0 to 255, but images are floats of -1\.\.1; scale them: image / 127\.5 - 1"
    ):
        read_image(torch.tensor([0.0, 255.0]).expand(3, 4, 2))
    with pytest.raises(ImageError, match=r"values from nan to nan"):
        read_image(torch.full((3, 4, 2), float("nan")))
