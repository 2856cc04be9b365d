"""A small prepared data set."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smis.core.images import Encoding
from smis.core.sample import Sample
from smis.data.schema import Header
from smis.data.shards import Prepared
from smis.data.writer import write

CLASSES = ("background", "hair", "coat", "shoes", "socks")
HEIGHT, WIDTH = 12, 10
LOAD_SIZE = 16, 13


def header(encoding: Encoding = "raw", *, load_size: tuple[int, int] | None = None) -> Header:
    palette = tuple((20 * number, 0, 255 - number) for number in range(len(CLASSES)))
    return Header("small", CLASSES, palette, HEIGHT, WIDTH, encoding, load_size=load_size)


def sample(number: int, split: str = "train", *, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Sample:
    draw = np.random.default_rng([number, len(split)])
    labels = draw.integers(0, len(CLASSES), size=size, dtype=np.uint8)
    labels.flat[: len(CLASSES)] = range(len(CLASSES))
    image = draw.integers(0, 256, size=(*size, 3), dtype=np.uint8)
    return Sample(f"{split}/{number:04d}", split, image, labels, labels.astype(np.uint16))


def samples(*, train: int = 21, test: int = 3, size: tuple[int, int] = (HEIGHT, WIDTH)) -> list[Sample]:
    return [sample(number, size=size) for number in range(train)] + [sample(number, "test") for number in range(test)]


@pytest.fixture
def small_header() -> Header:
    return header()


@pytest.fixture
def samples_of() -> Callable[[str], list[Sample]]:
    return lambda split: [one for one in samples() if one.split == split]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Prepared]:
    def prepared(
        *,
        encoding: Encoding = "raw",
        train: int = 21,
        shard_mib: int = 128,
        load_size: tuple[int, int] | None = None,
    ) -> Prepared:
        folder = tmp_path / "small"
        made = samples(train=train, size=load_size or (HEIGHT, WIDTH))
        write(folder, made, header=header(encoding, load_size=load_size), shard_mib=shard_mib)
        return Prepared(folder)

    return prepared
