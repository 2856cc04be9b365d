"""A morph as a moving picture: GIF of 256 colors, or WebP without loss."""

from collections.abc import Sequence
from io import BytesIO
from typing import Literal

from PIL import Image

from smis.core.shapes import ImageArray
from smis.studio.encoded_images import map_text
from smis.studio.recipe_evaluation import PaintedMap
from smis.studio.style_recipe import Morphed, PlacedOn, Step, StyleRecipe

FRAME_MS = 80


def frame_recipe(start: StyleRecipe, end: StyleRecipe, amount: float, painted: PaintedMap) -> StyleRecipe:
    """Return the recipe of a frame: both styles on the painted map, and what lies between them."""
    instances = None if painted.instances is None else map_text(painted.instances)
    there = Step(on=PlacedOn(labels=map_text(painted.labels), instances=instances))
    other = end.model_copy(update={"then": (*end.then, there)})
    morph = Morphed.model_construct(other=other, amount=amount, spherical=True)
    return start.model_copy(update={"then": (*start.then, there, Step.model_construct(morph=morph))})


def encode_animation(frames: Sequence[ImageArray], kind: Literal["gif", "webp"]) -> bytes:
    """Return an animation that runs to its last frame and back, without end.

    Example:
        >>> import numpy as np
        >>> frames = [np.full((8, 8, 3), level, np.uint8) for level in (0, 128, 255)]
        >>> Image.open(BytesIO(encode_animation(frames, "gif"))).n_frames
        4
    """
    pictures = [Image.fromarray(frame) for frame in [*frames, *frames[-2:0:-1]]]
    options = {"lossless": True} if kind == "webp" else {"optimize": False}
    target = BytesIO()
    pictures[0].save(
        target, format=kind, save_all=True, append_images=pictures[1:], duration=FRAME_MS, loop=0, **options
    )
    return target.getvalue()
