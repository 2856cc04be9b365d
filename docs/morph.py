"""`python docs/morph.py`: draw docs/morph.webp, people whose clothes change, with a model of the zoo."""

from pathlib import Path

import numpy as np
from PIL import Image

import smis
from smis.core.checkpoint_path import zoo_folder
from smis.core.contact_sheet import Group, color_labels, grid, tile
from smis.styles import ImageStyle
from smis.zoo.collection import LABELS

HERE = Path(__file__).parent
MODEL = "inade-clothing"
CLOTHES = ("top", "outerwear", "dress", "skirt", "trousers", "hosiery", "shoes", "bag")
SEEDS = (5, 14, 8, 21)
STEPS, STEP_MS, REST_MS = 9, 70, 700
"""Frames from one look to the next, their length, and how long a look stands still."""


def main() -> None:
    """Save the frames of four people side by side, each beside its label map, without an end."""
    synth = smis.load(f"zoo:{MODEL}", device="cpu")
    people = [morph(synth, path) for path in sorted((zoo_folder(MODEL) / LABELS).glob("*.png"))]
    frames = [on_white([tile for person in people for tile in person[number]]) for number in range(len(people[0]))]
    lengths = [REST_MS if number % STEPS == 0 else STEP_MS for number in range(len(frames))]
    frames[0].save(
        HERE / "morph.webp", save_all=True, append_images=frames[1:], duration=lengths, loop=0, quality=70, method=6
    )


def morph(synth: smis.Synthesizer, path: Path) -> list[list[Image.Image]]:
    """Return the frames of a person, each a label map and a picture; what is no clothes stays as it is."""
    layout = synth.layout(path)
    person, *others = [synth.sample(layout, seed=seed) for seed in SEEDS]
    looks = [person, *[dressed(person, other) for other in others]]
    colored = tile(color_labels(layout.labels[0].numpy(), synth.palette), smallest=128, smooth=False)
    frames = []
    for start, end in zip(looks, [*looks[1:], person], strict=True):
        for amount in np.linspace(0, 1, STEPS, endpoint=False):
            picture = smis.to_uint8(synth(layout, start.morph(end, float(amount))))[0]
            frames.append([colored, tile(picture, smallest=128)])
    return frames


def dressed(person: ImageStyle, other: ImageStyle) -> ImageStyle:
    """Give a person the clothes of another look."""
    present = {person.model.classes[number] for number in person.labels.unique().tolist()}
    return person.mix(other, dict.fromkeys((name for name in CLOTHES if name in present), 1.0))


def on_white(tiles: list[Image.Image]) -> Image.Image:
    """Lay the tiles of a frame side by side."""
    sheet = grid([Group("", [tiles])])
    white = Image.new("RGB", sheet.size, "white")
    white.paste(sheet, mask=sheet)
    return white


if __name__ == "__main__":
    main()
