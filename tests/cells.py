"""A workspace with one tiny cell: a prepared data set of colored quarters and a params.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from smis.core.sample import Sample
from smis.data.schema import Header
from smis.data.writer import write

CLASSES = ("sky", "hill", "lake", "house")
SIZE = 24
COUNTS = {"train": 12, "validation": 3, "test": 5}

PARAMS: dict[str, Any] = {
    "axes": {"dataset": ["paperdoll"], "system": ["groupdnet"], "seed": [0]},
    "datasets": {"paperdoll": {}},
    "systems": {
        "groupdnet": {
            "width": 2,
            "hidden": 8,
            "encoder_width": 8,
            "upsamplings": 3,
            "discriminator": {"width": 8},
            "perceptual": {"network": "stlpips_vgg16", "slices": [1.0]},
        },
    },
    "train": {"steps": 10, "batch": 4, "log_every": 2, "save_every": 1, "grid_every": 5},
    "sample": {"label_maps": 2, "samples": 3, "batch": 2},
}


def lay_out(folder: Path, *, size: int = SIZE, validation: Mapping[str, object] | None = None, **train: object) -> None:
    """Write data/paperdoll and params.yaml; `train` and `validation` change their sections' keys."""
    palette = ((200, 220, 255), (90, 160, 90), (40, 80, 200), (150, 60, 40))
    header = Header("paperdoll", classes=CLASSES, palette=palette, height=size, width=size)
    samples = [_sample(split, number, size) for split, count in COUNTS.items() for number in range(count)]
    write(folder / "data" / "paperdoll", samples, header=header)
    params = {**PARAMS, "train": {**PARAMS["train"], **train}, "validation": dict(validation or {})}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


def _sample(split: str, number: int, size: int) -> Sample:
    draws = np.random.default_rng([number, *split.encode()])
    quarters = draws.integers(0, len(CLASSES), size=(2, 2), dtype=np.uint8)
    labels = quarters.repeat(size // 2, axis=0).repeat(size // 2, axis=1)
    colors = draws.integers(0, 256, size=(len(CLASSES), 3), dtype=np.uint8)
    instances = np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.uint16)
    return Sample(f"{split}-{number}", split, colors[labels], labels, instances)
