"""Where the models that the studio offers are: in the package's zoo, in a workspace, or where a person says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy import ndarray

from smis.core.checkpoint_path import resolve_checkpoint, zoo_folder, zoo_names
from smis.core.errors import SmisError
from smis.core.images import MAP_ENDINGS, files_in, read_ids
from smis.data import index
from smis.data.shards import Prepared

MOST_EXAMPLES = 6
_SPLIT = "test"


@dataclass(frozen=True)
class ModelSource:
    """Where a model is, and what lies beside it."""

    name: str
    """As `smis.load` takes it."""
    path: Path
    labels: Path | None = None
    """A folder of example label maps."""
    prepared: Path | None = None
    """The prepared data set that it was trained on: examples are of its test images."""
    segmenter: Path | None = None
    origin: Literal["named", "zoo", "workspace"] = "named"


def zoo_sources() -> list[ModelSource]:
    """Return the models that come with the package."""
    return [
        ModelSource(f"zoo:{name}", resolve_checkpoint(f"zoo:{name}"), labels=zoo_folder(name) / "labels", origin="zoo")
        for name in zoo_names()
    ]


def workspace_sources(root: Path) -> list[ModelSource]:
    """Return what `make repro` trained in a workspace: runs/DATASET/SYSTEM/seed-SEED/checkpoint.safetensors."""
    found = sorted(root.glob("runs/*/*/*/checkpoint.safetensors"))
    beside = [_beside(path, name=path.relative_to(root).as_posix()) for path in found if path.is_file()]
    return [replace(source, origin="workspace") for source in beside]


def named_sources(places: Sequence[str]) -> list[ModelSource]:
    """Return the checkpoints that a person names: files, folders, or zoo:NAME.

    Raises:
        CheckpointError: if the zoo has no such model.
    """
    zoo = {source.name: source for source in zoo_sources()}
    return [
        replace(zoo[place], origin="named") if place in zoo else _beside(resolve_checkpoint(place), name=place)
        for place in dict.fromkeys(places)
    ]


def read_example_maps(source: ModelSource) -> list[tuple[str, ndarray, ndarray | None]]:
    """Read names, label maps and instance maps of a source; a folder or a data set that is damaged has none."""
    try:
        if source.labels is not None and source.labels.is_dir():
            files = files_in(source.labels, MAP_ENDINGS)[:MOST_EXAMPLES]
            return [(path.stem, read_ids(path, title=path.name), None) for path in files]
        return _maps_of_data(source.prepared) if source.prepared is not None else []
    except SmisError:
        return []


def _beside(path: Path, *, name: str) -> ModelSource:
    """Return a checkpoint with what lies beside it, where it lies as the stages of the pipeline write it."""
    runs = path.absolute().parents[2]
    prepared = runs.parent.parent / "data" / runs.name
    segmenter = runs / "segmenter.safetensors"
    return ModelSource(
        name,
        path,
        prepared=prepared if (prepared / index.NAME).is_file() else None,
        segmenter=segmenter if segmenter.is_file() else None,
    )


def _maps_of_data(folder: Path) -> list[tuple[str, ndarray, ndarray | None]]:
    split = Prepared(folder).split(_SPLIT)
    samples = [split[number] for number in range(min(len(split), MOST_EXAMPLES))]
    return [(sample.key, np.asarray(sample.labels), np.asarray(sample.instances)) for sample in samples]
