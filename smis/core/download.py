"""Download of external weights: the whole published file, or nothing."""

import urllib.error
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from smis.core.errors import WeightsError
from smis.core.files import written
from smis.core.progress import ProgressBar
from smis.core.weights import TABLE, WeightsFile, cache, check, find

_MIB = 1 << 20
_TIMEOUT_S = 30.0


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
    with written(path) as beside, _open(name, weights) as response:
        expected = int(response.headers.get("Content-Length") or 0)
        with ProgressBar(f"fetching {weights.file}", total=-(-expected // _MIB), unit="MiB") as bar:
            received = _save(name, weights, response, path=beside, bar=bar)
            if received < expected:
                raise _failed(name, weights, f"it ended after {received} of {expected} bytes")
            _check_download(name, weights, beside)
    return path


def _save(name: str, weights: WeightsFile, response: IO[bytes], *, path: Path, bar: ProgressBar) -> int:
    with path.open("wb") as file:
        while chunk := _read(name, weights, response):
            file.write(chunk)
            bar.advance(-(-len(chunk) // _MIB))
        return file.tell()


def _check_download(name: str, weights: WeightsFile, path: Path) -> None:
    try:
        check(path, weights)
    except WeightsError:
        raise _failed(name, weights, "the download is not the published file (another SHA-256)") from None


def _open(name: str, weights: WeightsFile) -> Any:
    """Report network errors as WeightsError, since `written` takes an OSError for a disk error."""
    try:
        return urllib.request.urlopen(weights.url, timeout=_TIMEOUT_S)
    except (OSError, HTTPException, ValueError) as error:
        raise _failed(name, weights, _reason(error)) from None


def _read(name: str, weights: WeightsFile, response: IO[bytes]) -> bytes:
    try:
        return response.read(_MIB)
    except (OSError, HTTPException) as error:
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
