"""Two real photographs with class and instance maps, laid out as somebody's folder.

They are the ones that the package `imgviz` ships: PASCAL VOC 2011 (people at a table) and ARC 2017 (things in a box).
Each is cut into three strips, so that no pixel of a test picture is seen in training, whatever tiles overlap.
"""

from pathlib import Path
from typing import Any

import imgviz
import numpy as np
from numpy import ndarray
from PIL import Image

STRIPS = {"train": (0.0, 0.6), "validation": (0.6, 0.8), "test": (0.8, 1.0)}
PHOTOGRAPHS = {"voc": "jpg", "arc2017": "png"}


def lay_out(root: Path) -> dict[str, Any]:
    """Write images/, labels/ and instances/ below `root`; return the section `datasets.folder`.

    Both photographs have their own class ids; the returned section lists the classes that either shows, background
    first, and the maps are numbered by that list.
    """
    opened = {name: _opened(name) for name in PHOTOGRAPHS}
    shown = sorted({label for _, labels, _ in opened.values() for label in np.unique(labels)} - {"background"})
    classes = ["background", *(str(name) for name in shown)]
    for name, (image, labels, instances) in opened.items():
        ids = np.searchsorted(shown, labels).astype(np.uint8) + 1
        ids[labels == "background"] = 0
        for strip, (start, stop) in STRIPS.items():
            columns = slice(round(start * image.shape[1]), round(stop * image.shape[1]))
            _write(root, f"{name}-{strip}", ending=PHOTOGRAPHS[name], image=image[:, columns])
            _write(root, f"{name}-{strip}", labels=ids[:, columns], instances=instances[:, columns])
    lists = {strip: [f"{name}-{strip}" for name in PHOTOGRAPHS] for strip in ("validation", "test")}
    return {"root": str(root), "classes": classes, "size": [64, 64], "tile": 80, "stride": 20, **lists}


def _opened(name: str) -> tuple[ndarray, ndarray, ndarray]:
    """Return colors, class names and instance ids (0: of no object)."""
    data = getattr(imgviz.data, name)()
    names = np.array([class_name.strip("_") for class_name in data["class_names"]])
    instances = np.zeros(data["class_label"].shape, dtype=np.uint16)
    for number, mask in enumerate(data["masks"], start=1):
        instances[mask == 1] = number
    shown = _around(instances > 0)
    return data["rgb"][shown], names[data["class_label"].clip(0)][shown], instances[shown]


def _around(objects: ndarray, margin: int = 8) -> tuple[slice, slice]:
    """Keep what lies around the objects: tiles that show background alone teach nothing."""
    rows, columns = (np.flatnonzero(objects.any(axis=axis)) for axis in (1, 0))
    return slice(max(rows[0] - margin, 0), rows[-1] + margin), slice(max(columns[0] - margin, 0), columns[-1] + margin)


def _write(root: Path, name: str, *, ending: str = "png", **arrays: ndarray) -> None:
    for kind, array in arrays.items():
        path = root / {"image": "images"}.get(kind, kind) / f"{name}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path, quality=95)
