"""A run at a glance: one row of images, of the same test label maps in every run; rows of trials are compared."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from pipelines.tracking.cell import Cell
from smis.core.contact_sheet import Group, color_labels, grid, paint, tile

NAME = "samples.png"
_MAPS, _SAMPLES = 3, 4
_SIDE = 128


def save(cell: Cell, path: Path) -> None:
    """Write, for each of the first sampled label maps: the map, the real image, and samples that vary everything."""
    from smis.data.samples import read_samples
    from smis.data.shards import Prepared

    test = Prepared(Path("data", cell.dataset)).split("test")
    drawn = read_samples(cell.samples / "everything.arrow")
    keys = test.keys.tolist()
    groups: list[Group] = []
    for key in list(dict.fromkeys(drawn.keys))[:_MAPS]:
        real = test[keys.index(key)]
        samples = [number for number, other in enumerate(drawn.keys) if other == key][:_SAMPLES]
        labels = tile(color_labels(real.labels, test.header.palette), smallest=_SIDE, largest=_SIDE, smooth=False)
        images = [tile(pixels, smallest=_SIDE, largest=_SIDE) for pixels in (real.image, *drawn.image[samples])]
        groups.append(Group("", [[labels, *images]]))
    grid(groups).save(path)


def stack(rows: Sequence[tuple[str, Path]], path: Path) -> None:
    """Write saved rows below each other, each under its title."""
    images = [[Image.open(row)] for _, row in rows]
    paint([Group("", images)], row_titles=[title for title, _ in rows], margin=0).save(path)
    for (image,) in images:
        image.close()
