"""Is every object of dvc.lock in the remote, whole?"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from smis.core.errors import DataError
from smis.remote.bucket import Bucket
from smis.remote.record import Recorded, object_name

_SHOWN = 10


@dataclass(frozen=True)
class File:
    """An object that must be there, and what it is in the workspace."""

    path: str
    digest: str
    size: int | None = None
    """None: the record does not say."""


def check(
    bucket: Bucket, outs: Iterable[Recorded], *, whole: bool, advance: Callable[[int], object] = lambda count: None
) -> list[File]:
    """Return all files that were found; with `whole`, each was fetched, and its bytes have the MD5 that it is named by.

    Raises:
        DataError: if any is missing, has another size, or other bytes; names them.
        ServerError: if S3 does not answer, or not to us.
    """
    there = bucket.sizes("files/md5/")
    wrong: list[str] = []
    files = []
    for out in outs:
        for file in _files(bucket, out, there):
            files.append(file)
            found = _mistake(bucket, file, there, whole=whole)
            wrong += [f"{file.path} {found}"] if found else []
            advance(1)
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise DataError(
            f"{len(wrong)} of {len(files)} objects of dvc.lock are not right in {bucket.address}: "
            f"{', '.join(wrong[:_SHOWN])}{more}; run `dvc push` where they are"
        )
    return files


def _files(bucket: Bucket, out: Recorded, there: dict[str, int]) -> Iterator[File]:
    yield File(out.path, out.digest, None if out.folder else out.size)
    if out.folder and object_name(out.digest) in there:
        with suppress(ValueError, KeyError, TypeError):  # a list of files that is none has other bytes, which is told
            entries = json.loads(bucket.read(object_name(out.digest)))
            yield from [File(f"{out.path}/{entry['relpath']}", entry["md5"]) for entry in entries]


def _mistake(bucket: Bucket, file: File, there: dict[str, int], *, whole: bool) -> str | None:
    name = object_name(file.digest)
    if name not in there:
        return "is missing"
    if file.size is not None and there[name] != file.size:
        return f"has {there[name]} bytes instead of {file.size}"
    listing = file.digest.endswith(".dir")
    if (whole or listing) and bucket.digest(name) != file.digest.removesuffix(".dir"):
        return "has other bytes"
    return None
