"""Photographs and style files that pages brought in: found by their content, forgotten when there are too many."""

import hashlib
import threading

from numpy import ndarray

from smis.core.errors import SmisError
from smis.core.shapes import ImageArray
from smis.studio.bounded_cache import BoundedCache

MOST_BYTES = 512 * 2**20


class NotKeptError(SmisError):
    """An upload was forgotten, or never was here."""


class Uploads:
    """Keep what was uploaded, in memory; any thread may use it.

    Example:
        >>> uploads = Uploads()
        >>> key = uploads.keep(b"a style file")
        >>> uploads.style(key)
        b'a style file'
    """

    def __init__(self) -> None:
        self._kept: BoundedCache[bytes | ndarray] = BoundedCache(MOST_BYTES, size=_bytes_of)
        self._lock = threading.Lock()

    def keep(self, content: bytes | ImageArray) -> str:
        """Keep a style file, or a photograph as pixels (h, w, 3), and return its key: 32 hexadecimal digits."""
        described = f"{content.shape}".encode() + content.tobytes() if isinstance(content, ndarray) else content
        key = hashlib.sha256(described).hexdigest()[:32]
        with self._lock:
            self._kept.put(key, content)
        return key

    def photograph(self, key: str) -> ImageArray:
        """Return the pixels of a photograph.

        Raises:
            NotKeptError: if it is not kept any more.
        """
        found = self._find(key)
        if not isinstance(found, ndarray):
            raise NotKeptError(f"the photograph {key} is not kept here, or no more; bring it in again")
        return found

    def style(self, key: str) -> bytes:
        """Return the bytes of a style file.

        Raises:
            NotKeptError: if it is not kept any more.
        """
        found = self._find(key)
        if not isinstance(found, bytes):
            raise NotKeptError(f"the style {key} is not kept here, or no more; bring its file in again")
        return found

    def _find(self, key: str) -> bytes | ndarray | None:
        with self._lock:
            return self._kept.find(key)


def _bytes_of(content: bytes | ndarray) -> int:
    return len(content) if isinstance(content, bytes) else content.nbytes
