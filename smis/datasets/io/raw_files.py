"""Files by name, wherever they lie: in folders, in zip and tar files that stay packed, on S3."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import NoReturn, Protocol, runtime_checkable

from smis.core.errors import ParamsError
from smis.core.files import as_bytes, check_length, open_file, printable
from smis.datasets.io.archives import Tar, Zip, stamp_of
from smis.datasets.io.s3_files import S3Folder

ARCHIVES = {".zip": Zip, ".tar": Tar}
COMPRESSED = (".gz", ".tgz", ".bz2", ".tbz", ".tbz2", ".xz", ".txz", ".zst", ".tzst", ".7z", ".rar")
S3 = "s3://"


@runtime_checkable
class RawFiles(Protocol):
    """Files of one place; they travel to other processes, which open them anew."""

    def names(self) -> Iterator[str]:
        """Name every file, with slashes, relative to the place."""
        ...

    def read(self, name: str) -> bytes:
        """Read a file whole."""
        ...

    def title(self, name: str) -> str:
        """Return the path or address of a file, for messages."""
        ...

    def stamp(self, names: Iterable[str]) -> str:
        """Return a text that changes when any of the files may have changed."""
        ...


class Folder:
    """Files below a folder, links followed, but for those to a folder that they are in."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Iterator[str]:
        """Name files, one folder after the other.

        Raises:
            ParamsError: if a folder may not be looked into; its files would be missing without a word.
        """
        for folder, inside, files in os.walk(self._root, onerror=_unseen, followlinks=True):
            inside[:] = sorted(each for each in inside if not _leads_back(os.path.join(folder, each)))
            at = Path(folder).relative_to(self._root).as_posix()
            yield from sorted(files) if at == "." else (f"{at}/{name}" for name in sorted(files))

    def read(self, name: str) -> bytes:
        """Read a file whole."""
        with self.opened(name) as file:
            return file.read()

    def opened(self, name: str) -> BufferedReader:
        """Open a file.

        Raises:
            OSError: if it is none, as a FIFO, or is too long to be read whole.
        """
        with ExitStack() as closing:
            file = closing.enter_context(open_file(self._root / name))
            check_length(os.fstat(file.fileno()).st_size)
            closing.pop_all()
        return file

    def title(self, name: str) -> str:
        """Return the path."""
        return printable(str(self._root / name))

    def stamp(self, names: Iterable[str]) -> str:
        """Hash names, lengths and modification times."""
        digest = hashlib.sha256()
        for name in names:
            digest.update(as_bytes(f"{name} {stamp_of(self._root / name)}\n"))
        return digest.hexdigest()


def _leads_back(path: str) -> bool:
    """Return whether a folder is a link to one that it is in, which would never end."""
    return os.path.islink(path) and any(os.path.samefile(path, above) for above in Path(path).absolute().parents)


def _unseen(error: OSError) -> NoReturn:
    folder, reason = printable(str(error.filename)), (error.strerror or "").lower()
    raise ParamsError(f"cannot look into {folder} ({reason}); make it readable, or take it away") from None


class MultiRoot:
    """Several roots as one."""

    def __init__(self, places: Sequence[RawFiles]) -> None:
        self._places = places

    def names(self) -> Iterator[str]:
        """Name the files with the number of their place before a colon."""
        for number, place in enumerate(self._places):
            yield from (f"{number}:{name}" for name in place.names())

    def read(self, name: str) -> bytes:
        """Read a file whole."""
        place, own = self._at(name)
        return place.read(own)

    def opened(self, name: str) -> BufferedReader | BytesIO:
        """Open a file; of one in a folder no more is read than is asked for, of one in a zip file at first its head."""
        place, own = self._at(name)
        return place.opened(own) if isinstance(place, Folder | Zip) else BytesIO(place.read(own))

    def title(self, name: str) -> str:
        """Return the path or address."""
        place, own = self._at(name)
        return place.title(own)

    def stamp(self, names: Iterable[str]) -> str:
        """Join the stamps of all roots."""
        if len(self._places) == 1:  # of millions of names, no list
            return self._places[0].stamp(name.partition(":")[2] for name in names)
        by_place: list[list[str]] = [[] for _ in self._places]
        for name in names:
            number, _, own = name.partition(":")
            by_place[int(number)].append(own)
        return " ".join(place.stamp(own) for place, own in zip(self._places, by_place, strict=True))

    def _at(self, name: str) -> tuple[RawFiles, str]:
        number, _, own = name.partition(":")
        return self._places[int(number)], own


def open_files(root: str | Sequence[str]) -> MultiRoot:
    """Open a folder, a zip or tar file, a place on S3, or several of them as one.

    Raises:
        ParamsError: if there is no such place, or it is packed in a way that gives no single file quickly.
    """
    return MultiRoot([_opened(place) for place in ([root] if isinstance(root, str) else root)])


def _opened(place: str) -> RawFiles:
    if place.lower().endswith(COMPRESSED):
        raise ParamsError(f"{place} is compressed as a whole, so that no picture can be read by itself; unpack it once")
    archive = ARCHIVES.get(Path(place).suffix.lower())
    if place.startswith(S3):
        return archive(place) if archive else S3Folder(place)
    path = Path(os.path.expanduser(place))
    if archive and path.is_file():
        return archive(str(path))
    if not path.is_dir():
        raise ParamsError(f"there is no folder, zip or tar file {place}; set root to where the data set lies")
    return Folder(path)


def is_junk(name: str) -> bool:
    """Return whether an operating system put this file beside the others."""
    parts = name.partition(":")[2].removeprefix("./").split("/")
    return any(part == "__MACOSX" or part.startswith(".") for part in parts)
