"""`python docs/hero.py`: draw docs/hero.png, the README's first picture, with the models of the zoo."""

from pathlib import Path

from PIL import Image

import smis
from smis.core.checkpoint_path import zoo_folder
from smis.core.contact_sheet import Group, color_labels, paint, save, tile
from smis.zoo.collection import LABELS

HERE = Path(__file__).parent
MODELS = {"GroupDNet": "groupdnet-paperdoll", "INADE": "inade-paperdoll"}
ONE_CLASS = "top-clothes"
CLOTHES = ("top-clothes", "bottom-clothes", "shoes")


def main() -> None:
    """Draw a row of each model for two label maps: all varied, one class varied, mixed, morphed."""
    rows = [tiles for name in MODELS.values() for tiles in rows_of(name)]
    captions = (
        "label map",
        "everything varied",
        f"{ONE_CLASS} varied",
        "mixed: A, A in B's clothes, B",
        "morphed from A to B",
    )
    groups = [Group(caption, [row[number] for row in rows]) for number, caption in enumerate(captions)]
    save(HERE / "hero.png", paint(groups, blocks=list(MODELS)))


def rows_of(name: str) -> list[list[list[Image.Image]]]:
    """Return the tiles of two label maps, by group."""
    synth = smis.load(f"zoo:{name}", device="cpu")
    rows = []
    for number, (seed, other) in enumerate(((3, 8), (11, 6))):
        layout = synth.layout(zoo_folder(name) / LABELS / f"{number + 1}.png")
        first, second = synth.sample(layout, seed=seed), synth.sample(layout, seed=other)
        mixed = first.mix(second, dict.fromkeys(CLOTHES, 1.0))
        groups = [
            [synth.sample(layout, seed=20 + each) for each in range(3)],
            [first.resample(classes=[ONE_CLASS], seed=each) for each in (0, 5)],
            [first, mixed, second],
            [first.morph(second, amount) for amount in (0.35, 0.7)],
        ]
        pictures = [[tile(smis.to_uint8(synth(layout, style))[0]) for style in styles] for styles in groups]
        rows.append([[tile(color_labels(layout.labels[0].numpy(), synth.palette), smooth=False)], *pictures])
    return rows


if __name__ == "__main__":
    main()
