"""The parts of pages that code makes, by the name that `<!-- build: NAME WORDS -->` calls them by."""

from collections.abc import Callable

PARTS: dict[str, Callable[..., str]] = {}
