"""The models of the zoo: listed, shown, and added."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray
from PIL import Image

from smis.core import checkpoint_path
from smis.core.checkpoint_path import FILE, resolve_checkpoint, zoo_folder, zoo_names
from smis.core.errors import CheckpointError, DiskError, LabelError, ParamsError, shown
from smis.core.files import written_folder
from smis.core.images import MAP_ENDINGS, files_in, read_ids
from smis.core.sample import check_range
from smis.models.system_registry import SYSTEMS
from smis.training.export import Checkpoint, SystemDescription, load_system, load_weights, read_checkpoint, save_weights
from smis.zoo import readme
from smis.zoo.card import Card
from smis.zoo.half_precision import largest_difference, to_half

ALLOWED_LEVELS = 2
"""Of 255. Rounding to 8 bits makes 1 of any difference, however small; nobody sees 2 at a few pixels."""
LABELS = "labels"
_MIB = 2**20


@dataclass(frozen=True)
class Model:
    """A row of `smis zoo list`."""

    name: str
    system: str
    dataset: str
    size: tuple[int, int]
    """Height and width."""
    step: int
    metrics: dict[str, float]
    mib: float
    """Of the whole folder."""


@dataclass(frozen=True)
class Added:
    """A folder that was written."""

    folder: Path
    name: str
    bytes: int
    """Of the checkpoint."""
    bytes_before: int
    difference: int | None
    """Largest difference of a pixel from the original, in levels of 8 bits; None of one that was stored as it is."""


def read_models() -> list[Model]:
    """Read what the models of this package say about themselves.

    Raises:
        CheckpointError, ParamsError: if one is damaged.
    """
    return [_read_model(zoo_folder(name)) for name in zoo_names()]


def read_card_text(name: str) -> str:
    """Return the Markdown of a model's card; `zoo:` may stand before the name.

    Raises:
        CheckpointError: if there is no such model.
        ParamsError: if its card is damaged.
    """
    return readme.read(zoo_folder(name.removeprefix("zoo:")) / readme.FILE)[1]


def _read_model(folder: Path) -> Model:
    _, metadata = load_weights(folder / FILE)
    about = SystemDescription.read(metadata, source=folder / FILE)
    front_matter, _ = readme.read(folder / readme.FILE)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Model(
        folder.name,
        about.system,
        metadata.get("dataset", ""),
        (about.height, about.width),
        _step(metadata),
        readme.metrics_of(front_matter),
        size / _MIB,
    )


def add_model(
    checkpoint: Path,
    card: Card,
    *,
    name: str | None = None,
    labels: Path | None = None,
    out: Path | None = None,
    half: bool = True,
) -> Added:
    """Write a model's folder: its checkpoint with weights of float16, its card, and label maps.

    Args:
        checkpoint: As `smis.load` takes it.
        card: What it says.
        name: Default: SYSTEM-DATASET.
        labels: A folder of label maps of the checkpoint's size.
        out: The folder (default: NAME in this package's zoo); a model that is there is replaced.
        half: Whether weights are stored as float16.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or pictures of float16 weights would differ by more than
            `ALLOWED_LEVELS`.
        LabelError: if a label map does not fit the checkpoint.
        ParamsError: if the name is none.
        DiskError: if `out` is another folder with files, or cannot be written.
    """
    source = resolve_checkpoint(checkpoint)
    read = read_checkpoint(source, SYSTEMS)
    name = _check_name(name or f"{read.description.system}-{read.metadata.get('dataset', '')}")
    folder = _check_folder(out or checkpoint_path.ZOO / name)
    label_maps = _read_label_maps(labels, read.description) if labels is not None else {}
    with written_folder(folder) as beside:
        save_weights(beside / FILE, to_half(read.tensors) if half else read.tensors, metadata=read.metadata)
        difference = _check_difference(read, beside / FILE, list(label_maps.values())) if half else None
        _write_label_maps(beside / LABELS, label_maps, read.description)
        stored = "float32"
        if half:
            stored = f"float16, biases and norms float32; pictures differ by at most {difference} of 255 levels"
        text = readme.render(card, name=name, model=read.description, step=_step(read.metadata), stored=stored)
        (beside / readme.FILE).write_text(text, encoding="utf-8")
    return Added(folder, name, (folder / FILE).stat().st_size, source.stat().st_size, difference)


def _check_name(name: str) -> str:
    if not re.fullmatch(checkpoint_path.NAME, name):
        raise ParamsError(
            f"{shown(name)} is no name of a model; give --name with lower-case letters, digits, - and _, at most 80"
        )
    return name


def _check_folder(folder: Path) -> Path:
    """Refuse to replace a folder that is no model's."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / FILE).is_file():
        raise DiskError(f"cannot write {folder}: it has files, but no {FILE}; give an empty folder or a new one")
    return folder


def _check_difference(original: Checkpoint, stored: Path, label_maps: Sequence[ndarray]) -> int:
    system = load_system(original.path, SYSTEMS).system
    maps = label_maps or [_bars(original.description, slots=getattr(system, "slots", None))]
    difference = largest_difference(system, load_system(stored, SYSTEMS).system, maps)
    if difference > ALLOWED_LEVELS:
        raise CheckpointError(
            f"{original.path} was not added: with float16 weights a pixel differs by {difference} of 255 levels, "
            f"allowed is {ALLOWED_LEVELS}; --float32 stores the weights as they are"
        )
    return difference


def _bars(about: SystemDescription, *, slots: int | None) -> ndarray:
    """Return a label map with a vertical bar of each class, of as many as the system has instances for."""
    classes = min(len(about.classes), about.width, slots or len(about.classes))
    return np.broadcast_to(np.arange(about.width) * classes // about.width, (about.height, about.width))


def _read_label_maps(folder: Path, about: SystemDescription) -> dict[str, ndarray]:
    paths = files_in(folder, MAP_ENDINGS)
    if not paths:
        raise LabelError(f"there is no label map in {folder}; give a folder with some, or leave --labels out")
    maps: dict[str, ndarray] = {}
    for path in paths:
        ids = read_ids(path, title=str(path))
        check_range(int(ids.min()), int(ids.max()), name=str(path), classes=len(about.classes))
        if ids.shape != (about.height, about.width):
            sizes = [f"{height} x {width}" for height, width in (ids.shape, (about.height, about.width))]
            raise LabelError(f"{path} is {sizes[0]}, the checkpoint's pictures are {sizes[1]}; resize it to that")
        maps[path.stem] = ids
    return maps


def _write_label_maps(folder: Path, maps: Mapping[str, ndarray], about: SystemDescription) -> None:
    """Write ids as palette images: they are the ids still, and a viewer shows the classes' colors."""
    for stem, ids in maps.items():
        folder.mkdir(exist_ok=True)
        few = len(about.classes) <= 256
        image = Image.fromarray(ids.astype(np.uint8 if few else np.uint16))
        if few:
            image.putpalette([level for color in about.palette for level in color])
        image.save(folder / f"{stem}.png")


def _step(metadata: Mapping[str, str]) -> int:
    step = metadata.get("step", "")
    return int(step) if step.isdecimal() else 0
