"""The picture that shows a system at work: rows are label maps, columns are what it makes of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from smis.core.batch import Batch
from smis.core.files import written
from smis.core.shapes import Picture, PictureLabels
from smis.sampling.sampler import Samplable, Sampler, pictures

_SMALLEST = 96
_GAP = 4
_CAPTION = 20

Column = tuple[str, Sequence[Picture]]


def rows(
    system: Samplable, label_maps: Sequence[Batch], *, palette: Sequence[Sequence[int]], seed: int, samples: int = 3
) -> list[Column]:
    """Make the columns labels, real, `samples` that vary everything, `samples` that vary one class; one row a map.

    Which class varies is the largest one of the map but for the very largest, which is often the background.
    """
    sampler = Sampler(system, seed=seed, batch=samples, device="cpu" if not label_maps else label_maps[0].image.device)
    named = [[] for _ in range(2 + 2 * samples)]
    for one in label_maps:
        labels = one.labels[0].cpu().numpy().astype(np.uint8)
        tiles = [colored(labels, palette), pictures(one.image)[0]]
        tiles += [made.image for made in sampler.vary_all(one, samples=samples)]
        tiles += [made.image for made in sampler.vary_class(one, chosen=_varied(labels), samples=samples)]
        for column, tile in zip(named, tiles, strict=True):
            column.append(tile)
    captions = ["labels", "real", *["everything"] * samples, *["one class"] * samples]
    return list(zip(captions, named, strict=True))


def colored(labels: PictureLabels, palette: Sequence[Sequence[int]]) -> Picture:
    """Paint each class in its color."""
    return np.asarray(palette, dtype=np.uint8)[labels]


def save(path: Path, columns: Sequence[Column]) -> None:
    """Write the columns beside each other, each under its caption, small pictures enlarged.

    Raises:
        DiskError: if the file cannot be written.
    """
    with written(path) as beside:
        Pictures.fromarray(joined(columns)).save(beside, format="PNG", optimize=True)


def joined(columns: Sequence[Column]) -> UInt8[np.ndarray, "height width 3"]:
    """Lay the columns out on white."""
    height, width = columns[0][1][0].shape[:2]
    scale = max(1, -(-_SMALLEST // min(height, width)))
    step_y, step_x = height * scale + _GAP, width * scale + _GAP
    sheet = Pictures.new("RGB", (len(columns) * step_x + _GAP, _CAPTION + len(columns[0][1]) * step_y), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for x, (caption, tiles) in enumerate(columns):
        pen.text((x * step_x + _GAP, 3), caption, fill="black", font=font)
        for y, tile in enumerate(tiles):
            large = np.repeat(np.repeat(tile, scale, axis=0), scale, axis=1)
            sheet.paste(Pictures.fromarray(large), (x * step_x + _GAP, _CAPTION + y * step_y))
    return np.asarray(sheet)


def _varied(labels: PictureLabels) -> int:
    classes, pixels = np.unique(labels, return_counts=True)
    return int(classes[np.argsort(pixels)[-2:][0]])
