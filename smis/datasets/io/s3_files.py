"""Files on S3: as many objects under a prefix, or inside one object of which parts are fetched."""

import hashlib
import io
from collections.abc import Iterable, Iterator
from typing import Any

from smis.core.files import check_length
from smis.core.s3 import client, explained

_FETCH = 256 * 2**10
"""Bytes that are fetched at once from inside an object."""


class S3Folder:
    """Objects under a prefix, as files of a folder."""

    def __init__(self, place: str) -> None:
        self._place = place.rstrip("/")
        self._stamps: dict[str, str] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_stamps": {}}

    def names(self) -> Iterator[str]:
        """Name objects, by the alphabet.

        Raises:
            ServerError: if S3 does not answer, or not to us.
        """
        bucket, prefix = _parts(self._place)
        below = f"{prefix}/" if prefix else ""
        with explained(f"read {self._place}"):
            pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below)
            for each in (each for page in pages for each in page.get("Contents", [])):
                name = each["Key"].removeprefix(below)
                if not name.endswith("/"):
                    self._stamps[name] = each["ETag"]
                    yield name

    def read(self, name: str) -> bytes:
        """Fetch an object whole."""
        bucket, key = _parts(self.title(name))
        with explained(f"read {self.title(name)}"):
            found = client().get_object(Bucket=bucket, Key=key)
            check_length(found["ContentLength"])
            return found["Body"].read()

    def title(self, name: str) -> str:
        """Return the address."""
        return f"{self._place}/{name}"

    def stamp(self, names: Iterable[str]) -> str:
        """Take names and entity tags, as they were listed; there are no times."""
        digest = hashlib.sha256()
        for name in names:
            digest.update(f"{name} {self._stamps[name]}\n".encode())
        return digest.hexdigest()


class _Ranges(io.RawIOBase):
    """One object as a file that is read from any place."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._bucket, self._key = _parts(place)
        with explained(f"read {place}"):
            head = client().head_object(Bucket=self._bucket, Key=self._key)
        self._length, self._at = head["ContentLength"], 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        last = min(self._at + len(buffer), self._length) - 1
        if last < self._at:
            return 0
        asked = {"Bucket": self._bucket, "Key": self._key, "Range": f"bytes={self._at}-{last}"}
        with explained(f"read {self._place}"):
            found = client().get_object(**asked)["Body"].read()
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def open_object(place: str) -> io.BufferedReader:
    """Open an object for reading at any place.

    Raises:
        ServerError: if S3 does not answer, or has no such object.
    """
    return io.BufferedReader(_Ranges(place), _FETCH)


def tag_of(place: str) -> str:
    """Return an object's entity tag."""
    bucket, key = _parts(place)
    with explained(f"read {place}"):
        return client().head_object(Bucket=bucket, Key=key)["ETag"]


def _parts(place: str) -> tuple[str, str]:
    bucket, _, key = place.removeprefix("s3://").partition("/")
    return bucket, key
