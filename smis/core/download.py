"""External weights from the network, when a person asks for them: the whole published file, or nothing."""

import urllib.error
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from smis.core.errors import WeightsError
from smis.core.files import written
from smis.core.progress import ProgressBar
from smis.core.weights import TABLE, Weights, cache, check, find

_MIB = 1 << 20
_TIMEOUT_S = 30.0


def fetch(name: str) -> Path:
    """Return the file of a row of the table; if it is not here yet, download it into the cache and check it.

    A file of that name in the cache that is not the published one is replaced.

    Raises:
        WeightsError: if a package ships it, the server does not give it, or what came is not the published file.
        DiskError: if the cache cannot be written.
    """
    with suppress(WeightsError):
        return find(name)
    wanted = TABLE[name]
    if not wanted.url:
        return find(name)  # says which package ships it
    path = cache() / wanted.file
    with written(path) as beside, _open(name, wanted) as response:
        expected = int(response.headers.get("Content-Length") or 0)
        with ProgressBar(f"fetching {wanted.file}", total=-(-expected // _MIB), unit="MiB") as bar:
            received = _save(name, wanted, response, path=beside, bar=bar)
            if received < expected:
                raise _failed(name, wanted, f"it ended after {received} of {expected} bytes")
            _recognize(name, wanted, beside)
    return path


def _save(name: str, wanted: Weights, response: IO[bytes], *, path: Path, bar: ProgressBar) -> int:
    with path.open("wb") as file:
        while piece := _read(name, wanted, response):
            file.write(piece)
            bar.advance(-(-len(piece) // _MIB))
        return file.tell()


def _recognize(name: str, wanted: Weights, path: Path) -> None:
    try:
        check(path, wanted)
    except WeightsError:
        raise _failed(name, wanted, "what came is not the published file (another SHA-256)") from None


def _open(name: str, wanted: Weights) -> Any:
    """An error of the network is no error of the disk, though both are OSError."""
    try:
        return urllib.request.urlopen(wanted.url, timeout=_TIMEOUT_S)
    except (OSError, HTTPException, ValueError) as error:
        raise _failed(name, wanted, _reason(error)) from None


def _read(name: str, wanted: Weights, response: IO[bytes]) -> bytes:
    try:
        return response.read(_MIB)
    except (OSError, HTTPException) as error:
        raise _failed(name, wanted, _reason(error)) from None


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server says {error.code} {error.reason}"
    return " ".join(str(getattr(error, "reason", "") or error or type(error).__name__).split())


def _failed(name: str, wanted: Weights, reason: str) -> WeightsError:
    return WeightsError(
        f"the weights {name!r} could not be fetched from {wanted.url}: {reason}; nothing was kept, so try again, "
        f"or bring {wanted.file} by hand into {cache()}"
    )
