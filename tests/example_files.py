"""What examples in docstrings and in the documentation find in their folder."""

from pathlib import Path

import numpy as np
from PIL import Image

from smis.core.sample import Sample
from smis.data import writer
from smis.data.schema import Header
from tests import checkpoints


def write(folder: Path) -> Path:
    """Write a tiny INADE of random weights, a label map, a picture, and a prepared data set of three pictures."""
    checkpoints.write(folder / "checkpoint.safetensors", "inade")
    height, width = checkpoints.SIZE
    labels = np.broadcast_to(np.arange(width) * 5 // width, (height, width)).astype(np.uint8)
    Image.fromarray(labels).save(folder / "labels.png")
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "photograph.png")
    palette = tuple((red, green, blue) for red, green, blue in checkpoints.PALETTE)
    header = Header("examples", tuple(checkpoints.NAMES), palette, height=height, width=width)
    images = [np.roll(pixels, n, axis=1) for n in range(3)]
    samples = [Sample(f"image-{n}", "train", image, labels, labels.astype(np.uint16)) for n, image in enumerate(images)]
    writer.write(folder / "prepared", samples, header=header)
    return folder
