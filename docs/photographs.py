"""`python docs/photographs.py CHECKPOINT ...`: draw docs/photographs.webp, systems of `make photographs` on one map."""

import sys
from pathlib import Path

from PIL import Image

import smis
from smis.core.checkpoint_path import zoo_folder
from smis.core.contact_sheet import Group, color_labels, paint, tile
from smis.zoo.collection import LABELS

HERE = Path(__file__).parent
MAP = zoo_folder("inade-clothing") / LABELS / "0.png"
COLUMNS = 4
ONE_CLASS = "outerwear"


def main() -> None:
    """Draw a row of each system: everything varied, then one class varied."""
    synths = [smis.load(path, device="cpu") for path in sys.argv[1:]]
    rows = [tiles_of(synth) for synth in synths]
    captions = ("label map", "everything varied", f"{ONE_CLASS} varied")
    groups = [Group(caption, [row[number] for row in rows]) for number, caption in enumerate(captions)]
    note = "Empty: the system makes one image of a label map, or has no latent for a class."
    sheet = paint(groups, blocks=[synth.title for synth in synths], note=note)
    sheet.save(HERE / "photographs.webp", quality=92, method=6)


def tiles_of(synth: smis.Synthesizer) -> list[list[Image.Image | None]]:
    """Return the tiles of a system, by group."""
    layout = synth.layout(MAP)
    style = synth.sample(layout, seed=3)
    everything = [
        synth.sample(layout, seed=20 + number) for number in range(COLUMNS if synth.varies != "nothing" else 1)
    ]
    several = synth.varies in ("class", "instance")
    one_class = [style.resample(classes=[ONE_CLASS], seed=number) for number in range(COLUMNS if several else 0)]
    labels = tile(color_labels(layout.labels[0].numpy(), synth.palette), smooth=False)
    return [[labels], *(pictures(synth, layout, styles) for styles in (everything, one_class))]


def pictures(
    synth: smis.Synthesizer, layout: smis.LabelLayout, styles: list[smis.ImageStyle]
) -> list[Image.Image | None]:
    """Return the tiles of a group; what a system cannot do stays empty."""
    tiles = [tile(smis.to_uint8(synth(layout, style))[0]) for style in styles]
    return [*tiles, *[None] * (COLUMNS - len(tiles))]


if __name__ == "__main__":
    main()
