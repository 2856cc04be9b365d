"""A run at a glance: one row of pictures, of the same test label maps in every run; rows of trials are compared."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pipelines.tracking.cell import Cell

NAME = "samples.png"
_MAPS, _DRAWS = 3, 4
_HIGH, _TITLE = 96, 22


def save(cell: Cell, path: Path) -> None:
    """Write, for each of the first sampled label maps: the map, the real picture, and draws that vary everything."""
    from smis.data.samples import read_samples
    from smis.data.shards import Prepared
    from smis.sampling.grid import colored

    test = Prepared(Path("data", cell.dataset)).split("test")
    drawn = read_samples(cell.samples / "everything.arrow")
    keys = test.keys.tolist()
    groups: list[Image.Image] = []
    for key in list(dict.fromkeys(drawn.keys))[:_MAPS]:
        real = test[keys.index(key)]
        draws = [number for number, other in enumerate(drawn.keys) if other == key][:_DRAWS]
        pictures = [colored(real.labels, test.header.palette), real.image, *drawn.image[draws]]
        groups.append(_joined([_enlarged(Image.fromarray(picture)) for picture in pictures], gap=2))
    _joined(groups, gap=12).save(path)


def stack(rows: Sequence[tuple[str, Path]], path: Path) -> None:
    """Write saved rows below each other, each under its title."""
    pictures = [(title, Image.open(row)) for title, row in rows]
    step = max(picture.height for _, picture in pictures) + _TITLE + 4
    sheet = Image.new("RGB", (max(picture.width for _, picture in pictures), step * len(pictures)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for number, (title, picture) in enumerate(pictures):
        pen.text((2, number * step + 3), title, fill="black", font=font)
        sheet.paste(picture, (0, number * step + _TITLE))
        picture.close()
    sheet.save(path)


def _enlarged(tile: Image.Image) -> Image.Image:
    return tile.resize((tile.width * _HIGH // tile.height, _HIGH), Image.Resampling.BILINEAR)


def _joined(pictures: Sequence[Image.Image], *, gap: int) -> Image.Image:
    width = sum(picture.width + gap for picture in pictures) - gap
    row = Image.new("RGB", (width, _HIGH), "white")
    x = 0
    for picture in pictures:
        row.paste(picture, (x, 0))
        x += picture.width + gap
    return row
