"""`python -m benchmarks.loader`: images per second of our loader and of the usual one, in the same run, as JSON.

The usual one is a torch Dataset over a folder of PNG files, as in the released code: open, resize, mirror, to a
tensor, one image at a time. Both give the same batches of random images; both run with the same workers.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from smis.core.sample import Sample
from smis.data.loader import Loader
from smis.data.schema import Header
from smis.data.shards import Prepared
from smis.data.writer import write

CLASSES = 8


def samples(count: int, *, size: int) -> list[Sample]:
    """Make smooth images, so that PNG compresses them as it does photographs."""
    draw = np.random.default_rng(0)
    made = []
    for number in range(count):
        coarse = Image.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        image = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))
        labels = np.asarray(coarse.convert("L").resize((size, size))) // (256 // CLASSES)
        _, instances = np.unique(labels, return_inverse=True)
        instances = instances.reshape(labels.shape).astype(np.uint16)
        made.append(Sample(f"{number:06d}", "train", image, labels, instances))
    return made


def write_folder(root: Path, made: list[Sample]) -> None:
    """Write what the usual loader reads."""
    for kind in ("image", "labels", "instances"):
        (root / kind).mkdir(parents=True)
        for sample in made:
            Image.fromarray(getattr(sample, kind)).save(root / kind / f"{sample.key}.png")


class Folder(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """The usual way: one file for each image and map, decoded when it is asked for."""

    def __init__(self, root: Path, *, size: int) -> None:
        self._root = root
        self._size = size, size
        self._names = sorted(path.name for path in (root / "image").iterdir())

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        turned = bool(torch.rand(()) < 0.5)
        image = self._opened("image", number, Image.Resampling.BICUBIC, turned=turned)
        labels = self._opened("labels", number, Image.Resampling.NEAREST, turned=turned)
        instances = self._opened("instances", number, Image.Resampling.NEAREST, turned=turned)
        colors = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float().div(255)
        return (colors - 0.5) / 0.5, _long(labels), _long(instances)

    def _opened(self, kind: str, number: int, how: Image.Resampling, *, turned: bool) -> Image.Image:
        image = Image.open(self._root / kind / self._names[number]).resize(self._size, how)
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if turned else image


def _long(ids: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(ids).astype(np.int64))


def for_ever(loader: DataLoader) -> Iterator:
    while True:
        yield from loader


def pictures_per_second(batches: Iterator, *, batch: int, count: int) -> float:
    """Time batches after a few that warm caches and workers up."""
    for _ in islice(batches, 5):
        pass
    start = time.perf_counter()
    for _ in islice(batches, count):
        pass
    return batch * count / (time.perf_counter() - start)


def measure(folder: Path, *, size: int, count: int, batch: int, workers: int) -> dict[str, float]:
    """Time both on the same images."""
    made = samples(count, size=size)
    header = Header("made", tuple(map(str, range(CLASSES))), ((0, 0, 0),) * CLASSES, size, size)
    write(folder / "shards", made, header=header)
    write_folder(folder / "png", made)
    ours = Loader(Prepared(folder / "shards").split("train"), batch=batch, seed=0, workers=workers)
    usual = DataLoader(Folder(folder / "png", size=size), batch, shuffle=True, drop_last=True, num_workers=workers)
    shards = pictures_per_second(ours.from_step(0), batch=batch, count=4 * count // batch)
    png = pictures_per_second(for_ever(usual), batch=batch, count=count // batch)
    return {"shards": round(shards), "folder_of_png": round(png), "ratio": round(shards / png, 1)}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sizes", type=int, nargs="+", default=[64, 256])
    asked.add_argument("--pictures", type=int, default=512)
    asked.add_argument("--batch", type=int, default=16)
    asked.add_argument("--workers", type=int, default=0)
    args = asked.parse_args()
    found = {}
    for size in args.sizes:
        with tempfile.TemporaryDirectory() as folder:
            result = measure(Path(folder), size=size, count=args.pictures, batch=args.batch, workers=args.workers)
        found[f"{size} x {size}"] = result
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    said = {"images_per_second": found, "batch": args.batch, "workers": args.workers, "machine": machine}
    json.dump(said | {"torch": torch.__version__}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
