"""Where a checkpoint is: a file, a folder with a `checkpoint.safetensors`, or `zoo:NAME`, a model of this package."""

import os
import re
from difflib import get_close_matches
from pathlib import Path

from smis.core.errors import CheckpointError, shown

FILE = "checkpoint.safetensors"
ZOO = Path(__file__).parents[1] / "zoo" / "models"
"""A folder for each model that comes with the package."""
NAME = r"[a-z0-9][a-z0-9_-]{0,79}"
"""Of a model: one part of a path, and of an address."""
_PREFIX = "zoo:"


def resolve_checkpoint(place: str | Path) -> Path:
    """Return the file of a checkpoint; that a file exists is left to its reader.

    Raises:
        CheckpointError: if `zoo:NAME` names no model of this package; with near names, or all of them.

    Example:
        >>> resolve_checkpoint("runs/checkpoint.safetensors").as_posix()
        'runs/checkpoint.safetensors'
    """
    text = str(place)
    if text.startswith(_PREFIX):
        return zoo_folder(text.removeprefix(_PREFIX)) / FILE
    inside = Path(place) / FILE
    return inside if os.path.isfile(inside) else Path(place)


def zoo_names() -> list[str]:
    """Return the names of the models that come with the package, sorted."""
    return sorted(path.parent.name for path in ZOO.glob(f"*/{FILE}") if re.fullmatch(NAME, path.parent.name))


def zoo_folder(name: str) -> Path:
    """Return the folder of a model that comes with the package.

    Raises:
        CheckpointError: if there is none of this name; with near names, or all of them.
    """
    names = zoo_names()
    if name in names:
        return ZOO / name
    if not names:
        raise CheckpointError(f"zoo:{name} is not there: this package came without models; `smis zoo add` adds one")
    everything = f"there are: {', '.join(f'zoo:{each}' for each in names)}"
    if not name:
        raise CheckpointError(f"zoo: names no model; {everything}")
    near = get_close_matches(name.lower(), names)
    remedy = f"did you mean {' or '.join(f'zoo:{each}' for each in near)}?" if near else everything
    raise CheckpointError(f"the zoo has no model {shown(name)}; {remedy}")
