"""Zip and tar files read in place: each process opens its own handle, at the first file that it reads."""

import io
import lzma
import os
import posixpath
import struct
import tarfile
import weakref
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from smis.core.errors import ParamsError
from smis.core.files import check_length, open_file, printable
from smis.datasets.io.s3_files import open_object, tag_of

_BROKEN = (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, ValueError, struct.error, RuntimeError)
"""What zipfile and tarfile raise for a file that is none of theirs, or of a later version of the format (the last)."""
_DAMAGED = (zipfile.BadZipFile, EOFError, ValueError, struct.error, zlib.error, lzma.LZMAError)
"""What zipfile raises for a file whose bytes are not those that were packed."""
_HEAD = 64 * 2**10
"""Bytes of a packed file that are enough to know what it is."""


class PackedError(OSError):
    """A file is encrypted, or compressed in a way that Python does not know; it may well be complete."""

    remedy = "pack it anew, deflated and without a password"


class Archive:
    """A file with files in it, here or on S3."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._process = 0
        self._handle: io.BufferedReader | None = None
        self._tag = ""

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_handle": None, "_process": 0}

    def title(self, name: str) -> str:
        """Return the archive's path and the name in it."""
        return f"{self._place}:{printable(name)}"

    def stamp(self, names: Iterable[str]) -> str:
        """Take the archive's length and modification time, or its entity tag, as it first was."""
        if self._place.startswith("s3://"):
            self._tag = self._tag or tag_of(self._place)
            return f"{self._place} {self._tag}"
        return f"{self._place} {stamp_of(Path(self._place))}"

    def _opened(self) -> io.BufferedReader:
        """Open the file once in each process: two that share a handle would move each other's place in it."""
        if self._handle is None or self._process != os.getpid():
            opened = open_object if self._place.startswith("s3://") else _open_here
            self._handle = opened(self._place)
            self._process = os.getpid()
            weakref.finalize(self, self._handle.close)
        return self._handle

    def _broken(self, error: Exception) -> ParamsError:
        reason = " ".join(str(error).split()) or type(error).__name__
        return ParamsError(f"cannot read {self._place} ({reason}); is the file whole? copy it again")


def stamp_of(path: Path) -> str:
    """Return a file's length and modification time, or that it is missing, which its reader will report."""
    try:
        found = path.stat()
    except OSError:
        return "missing"
    return f"{found.st_size} {found.st_mtime_ns}"


def _open_here(place: str) -> io.BufferedReader:
    return open_file(Path(place))


class Zip(Archive):
    """A zip file, stored or deflated, of any length."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self._zip: zipfile.ZipFile | None = None

    def __getstate__(self) -> dict[str, object]:
        return super().__getstate__() | {"_zip": None}

    def names(self) -> Iterator[str]:
        """Name files as the directory at the end lists them.

        Raises:
            ParamsError: if the file is broken.
        """
        try:
            found = self._archive().infolist()
        except _BROKEN as error:
            raise self._broken(error) from None
        yield from (entry.filename for entry in found if not entry.is_dir())

    def read(self, name: str) -> bytes:
        """Unpack one file.

        Raises:
            OSError: if it is damaged, or encrypted.
        """
        return self._unpacked(name, -1)

    def opened(self, name: str) -> io.BufferedReader:
        """Open one file, which is not unpacked whole before more than its head is read.

        Raises:
            OSError: as for `read`, here or when it is read.
        """
        return io.BufferedReader(_Unpacked(self, name), _HEAD)

    def head(self, name: str) -> bytes:
        """Unpack the beginning of one file.

        Raises:
            OSError: as for `read`.
        """
        return self._unpacked(name, _HEAD)

    def _unpacked(self, name: str, length: int) -> bytes:
        try:
            check_length(self._archive().getinfo(name).file_size)
            with self._archive().open(name) as file:
                return file.read(length)
        except _DAMAGED as error:
            raise OSError(str(error)) from None
        except RuntimeError as error:
            raise PackedError(str(error)) from None

    def _archive(self) -> zipfile.ZipFile:
        if self._zip is None or self._process != os.getpid():
            self._zip = zipfile.ZipFile(self._opened())
        return self._zip


class _Unpacked(io.RawIOBase):
    """A file of a zip file: its head, and all of it, whose checksum is compared, once more than that is asked for."""

    def __init__(self, archive: Zip, name: str) -> None:
        self._archive, self._name, head = archive, name, archive.head(name)
        self._content, self._whole = io.BytesIO(head), len(head) < _HEAD

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            self._unpack()
        return self._content.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        if self._content.tell() + len(buffer) > len(self._content.getbuffer()):
            self._unpack()
        return self._content.readinto(buffer)

    def _unpack(self) -> None:
        if not self._whole:
            place = self._content.tell()
            self._content, self._whole = io.BytesIO(self._archive.read(self._name)), True
            self._content.seek(place)


Place = tuple[int, int]
"""Where a file in a tar file begins, and its length, in bytes."""


class Tar(Archive):
    """A tar file; it has no directory, so that its heads are read once, and where each file begins is kept."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self._places: dict[str, Place | None] | None = None

    def names(self) -> Iterator[str]:
        """Name files in the order that they were packed in.

        Raises:
            ParamsError: if the file is broken, or compressed under another name.
        """
        if self._places is None:
            try:
                with tarfile.open(fileobj=self._opened(), mode="r:") as archive:
                    self._places = _places(archive.getmembers())
            except _BROKEN as error:
                raise self._broken(error) from None
        yield from self._places

    def read(self, name: str) -> bytes:
        """Read one file where it begins.

        Raises:
            OSError: if it is a link to what is not in the archive.
        """
        assert self._places is not None, "names come before files"
        place = self._places[name]
        if place is None:
            raise OSError("a link to a file that is not in the archive")
        start, length = place
        check_length(length)
        handle = self._opened()
        handle.seek(start)
        return handle.read(length)


def _places(members: Sequence[tarfile.TarInfo]) -> dict[str, Place | None]:
    """Return where each file is, links followed; None for a link that leads out of the archive."""
    names = {member.name: posixpath.normpath(member.name) for member in members}
    links = {names[member.name]: _target(member) for member in members if member.islnk() or member.issym()}
    places = {names[member.name]: (member.offset_data, member.size) for member in members if member.isfile()}
    return {name: _followed(own, links, places) for name, own in names.items() if own in links or own in places}


def _target(link: tarfile.TarInfo) -> str:
    """Name what a link leads to: a hard link from the archive's top, a symbolic one from its own folder."""
    folder = posixpath.dirname(link.name) if link.issym() else ""
    return posixpath.normpath(posixpath.join(folder, link.linkname))


def _followed(name: str, links: Mapping[str, str], places: Mapping[str, Place]) -> Place | None:
    passed: set[str] = set()
    while name in links and name not in passed:
        passed.add(name)
        name = links[name]
    return places.get(name)
