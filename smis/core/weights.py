"""External weights: their sources, checksums and licenses, where they are looked for, and their download.

Only `fetch` downloads, for `smis weights fetch`; elsewhere missing weights are an error that says how to get them.
"""

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from smis.core.errors import WeightsError
from smis.core.files import written
from smis.core.progress import ProgressBar

FOLDER_VARIABLE = "SMIS_WEIGHTS"
_MIB = 1 << 20
_TIMEOUT_S = 30.0


_TORCHVISION = "https://download.pytorch.org/models/"
_ST = {"package": "stlpips_pytorch", "inside": "weights/vST0.0", "license": "BSD-2-Clause"}
_LPIPS = {"package": "lpips", "inside": "weights/v0.1", "license": "BSD-2-Clause"}


@dataclass(frozen=True)
class WeightsFile:
    """A published file: name, SHA-256, license, and source (a URL, or a package that contains it)."""

    file: str
    digest: str
    """The SHA-256, or its beginning where only that was published."""
    url: str = ""
    package: str = ""
    inside: str = ""
    """Folder of the file inside the package."""
    license: str = ""
    """Of the file; the training images may have other terms."""

    @property
    def sha256(self) -> str:
        """The first 8 digits, as in published file names; identifies the file in a protocol."""
        return self.digest[:8]

    @property
    def source(self) -> str:
        """The URL, or the package that contains the file."""
        return self.url or f"package {self.package.replace('_', '-')}"


def _torchvision(file: str, digest: str) -> WeightsFile:
    return WeightsFile(file, digest, url=_TORCHVISION + file, license="BSD-3-Clause")


_NVIDIA = "NVIDIA Source Code License for SegFormer: research and evaluation only, not commercial"


def _segformer(data: str, digest: str, *, at: str, license: str = _NVIDIA) -> WeightsFile:
    """Return a SegFormer checkpoint at a fixed revision, with a file name of its own."""
    url = f"https://huggingface.co/{at}/pytorch_model.bin"
    return WeightsFile(f"segformer-{data}-{digest[:8]}.bin", digest, url=url, license=license)


TABLE = {
    "stlpips_vgg16": WeightsFile(
        "vgg_shift_tolerant.pth", "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250", **_ST
    ),
    "stlpips_alex": WeightsFile(
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
    "lpips_alex": WeightsFile("alex.pth", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0", **_LPIPS),
    "lpips_vgg": WeightsFile("vgg.pth", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868", **_LPIPS),
    "lpips_squeeze": WeightsFile(
        "squeeze.pth", "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76", **_LPIPS
    ),
    "inception_fid": WeightsFile(
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
"""Digests of files in packages were computed from the files; those of downloads are pinned by several public projects.
The SegFormer digests have one source each: a public project (ADE20K), the Git-LFS pointer of a copy (Cityscapes), the
page of the revision (clothes)."""


def find(name: str) -> Path:
    """Return the file of a row of the table, checked against its checksum.

    Looks in $SMIS_WEIGHTS, in torch's checkpoint folder, and in the package that contains it.

    Raises:
        WeightsError: if the file is missing or is not the published one.
    """
    weights = TABLE[name]
    for folder in _folders(weights):
        path = folder / weights.file
        if path.is_file():
            check(path, weights)
            return path
    raise WeightsError(_missing(name, weights))


def read(name: str) -> dict[str, Any]:
    """Load the tensors of a row onto the CPU, running no code from the file.

    Raises:
        WeightsError: if the file is missing or is not the published one.
    """
    import torch  # listing and downloading do without it

    return torch.load(find(name), map_location="cpu", weights_only=True)


def cache() -> Path:
    """Return the folder of downloads: $SMIS_WEIGHTS, or torch's checkpoint folder."""
    return Path(os.environ.get(FOLDER_VARIABLE) or _hub())


def _hub() -> Path:
    """Return the folder that `torch.hub.get_dir` names, without torch."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def _folders(weights: WeightsFile) -> list[Path]:
    folders = list(dict.fromkeys([cache(), _hub()]))
    spec = find_spec(weights.package) if weights.package else None
    return folders + [Path(place) / weights.inside for place in (spec and spec.submodule_search_locations) or []]


def _missing(name: str, weights: WeightsFile) -> str:
    if weights.package:
        remedy = f"install the {weights.source}, which contains it"
    else:
        remedy = f"download {weights.url} (`smis weights fetch {name}` does it)"
    return (
        f"the weights {name!r} ({weights.file}) are not on this machine; {remedy}, "
        f"or put the file into the folder that ${FOLDER_VARIABLE} names"
    )


def check(path: Path, weights: WeightsFile) -> None:
    """Check the SHA-256 of a file.

    Raises:
        WeightsError: if its SHA-256 differs.
    """
    actual = digest(path)
    if not actual.startswith(weights.digest):
        raise WeightsError(
            f"{path} is not the published file: its SHA-256 begins {actual[:8]}, not {weights.sha256}; "
            "the download was incomplete or it is another file; get it again"
        )


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return _sha256(path, path.stat().st_mtime_ns)


@lru_cache
def _sha256(path: Path, changed_ns: int) -> str:
    """Hash once per state of the file (`changed_ns` only extends the cache key)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(name: str) -> Path:
    """Return the file of a row of the table; download it into the cache and check it if it is missing.

    A file of that name in the cache with another checksum is replaced.

    Raises:
        WeightsError: if a package contains it, the download fails, or the file is not the published one.
        DiskError: if the cache cannot be written.
    """
    with suppress(WeightsError):
        return find(name)
    weights = TABLE[name]
    if not weights.url:
        return find(name)  # raises, naming the package
    path = cache() / weights.file
    with written(path) as beside, beside.open("wb") as file:
        file.writelines(_download(name, weights))
    return path


def _download(name: str, weights: WeightsFile) -> Iterator[bytes]:
    """Yield a file in chunks, and check it; `written` would take an OSError of the network for one of the disk."""
    sha256, received = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(weights.url, timeout=_TIMEOUT_S) as response:
            expected = int(response.headers.get("Content-Length") or 0)
            with ProgressBar(f"fetching {weights.file}", total=-(-expected // _MIB), unit="MiB") as bar:
                while chunk := response.read(_MIB):
                    sha256.update(chunk)
                    received += len(chunk)
                    yield chunk
                    bar.advance(-(-len(chunk) // _MIB))
                if received < expected:
                    raise _failed(name, weights, f"it ended after {received} of {expected} bytes")
                if not sha256.hexdigest().startswith(weights.digest):
                    raise _failed(name, weights, "the download is not the published file (another SHA-256)")
    except (OSError, HTTPException, ValueError) as error:
        raise _failed(name, weights, _reason(error)) from None


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    return " ".join(str(getattr(error, "reason", "") or error or type(error).__name__).split())


def _failed(name: str, weights: WeightsFile, reason: str) -> WeightsError:
    return WeightsError(
        f"the weights {name!r} could not be fetched from {weights.url}: {reason}; try again, "
        f"or put {weights.file} by hand into {cache()}"
    )
