"""Registries: names of classes that are imported on first use."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from smis.core.errors import ParamsError


class Registry(Mapping[str, str]):
    """Rows of `name -> "module:attribute"`; listing names imports nothing.

    Example:
        >>> Registry("data set", {"toy": "collections:OrderedDict"}).load("toy")
        <class 'collections.OrderedDict'>
    """

    def __init__(self, kind: str, rows: Mapping[str, str]) -> None:
        self.kind = kind
        self._rows = dict(rows)

    def __getitem__(self, name: str) -> str:
        if name not in self._rows:
            raise ParamsError(f"there is no {self.kind} named {name!r}; there are: {', '.join(sorted(self._rows))}")
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def load(self, name: str) -> Any:
        """Import and return the class of a row.

        Raises:
            ParamsError: if there is no such row.
        """
        module, _, attribute = self[name].partition(":")
        return getattr(import_module(module), attribute)
