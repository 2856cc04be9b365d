"""Features of images, gathered in any order and by any number of processes, given back in one order."""

import hashlib
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


class NamedVectors:
    """Keep vectors by the names of their images; with a `limit`, only so many, chosen by their names alone.

    What is kept, and in what order, does not depend on who came first: processes that merge agree with one alone.
    Vectors without names count on from those that came before.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._seen = 0
        self._keys: list[str] = []
        self._parts: list[Float[Tensor, "_ d"]] = []

    def __len__(self) -> int:
        """Count all that were seen, kept or not."""
        return self._seen

    def update(self, vectors: Float[Tensor, "n d"], keys: Sequence[str] | None = None) -> None:
        """Add a batch."""
        self._keys += keys if keys is not None else [f"{self._seen + row:012d}" for row in range(len(vectors))]
        self._parts.append(vectors.cpu())
        self._seen += len(vectors)
        if self._limit and len(self._keys) >= 2 * self._limit:
            self._thin()

    def merge(self, other: "NamedVectors") -> None:
        """Take over what another process gathered."""
        self._keys += other._keys
        self._parts += other._parts
        self._seen += other._seen

    def vectors(self) -> Float[Tensor, "n d"]:
        """Return what is kept, by name."""
        self._thin()
        order = sorted(range(len(self._keys)), key=self._keys.__getitem__)
        return torch.cat(self._parts)[order]

    def keys(self) -> list[str]:
        """Return the names of what `vectors` returns, in its order."""
        self._thin()
        return sorted(self._keys)

    def _thin(self) -> None:
        if not self._limit or len(self._keys) <= self._limit:
            return
        chosen = sorted(range(len(self._keys)), key=lambda row: _number(self._keys[row]))[: self._limit]
        self._parts = [torch.cat(self._parts)[chosen]]
        self._keys = [self._keys[row] for row in chosen]


def _number(key: str) -> bytes:
    """A hash is as good as a draw, and everyone draws the same."""
    return hashlib.blake2b(key.encode(), digest_size=8).digest()
