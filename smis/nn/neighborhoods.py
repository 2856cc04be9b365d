"""The different neighborhoods of a map of ids: few beside its places, for things have insides."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class Patterns:
    """What two 3x3 convolutions in a row can see of a map, each thing that they can see once.

    `inner`: (i, 9), the symbols of every different 3x3 neighborhood. `outer`: (o, 9), the rows of `inner` about every
    different 5x5 neighborhood's nine middle places. `places`: (b, h, w), each place's row of `outer`. Neighborhoods
    are read row by row; a place outside the picture has the number after the last.
    """

    inner: Int[Tensor, "i 9"]
    outer: Int[Tensor, "o 9"]
    places: Int[Tensor, "b h w"]


def patterns(symbols: Int[Tensor, "b h w"], *, count: int) -> Patterns:
    """Find the different neighborhoods of a map of symbols 0 .. count - 1."""
    inner, rows = neighborhoods(symbols, count=count)
    outer, places = neighborhoods(rows, count=len(inner))
    return Patterns(inner, outer, places)


def neighborhoods(ids: Int[Tensor, "b h w"], *, count: int) -> tuple[Int[Tensor, "n 9"], Int[Tensor, "b h w"]]:
    """Return the different 3x3 neighborhoods of a map of ids 0 .. count - 1, and which one each place has.

    Three ids side by side are counted first, then three of those one below the other: a number of 64 bits holds
    either if there are fewer than 2**21 ids and places.
    """
    padded = functional.pad(ids, (1, 1, 1, 1), value=count)
    lines, which = _different(padded[:, :, :-2], padded[:, :, 1:-1], padded[:, :, 2:])
    blocks, places = _different(which[:, :-2], which[:, 1:-1], which[:, 2:])
    return lines[blocks].flatten(1), places


def _different(
    a: Int[Tensor, "b h w"], b: Int[Tensor, "b h w"], c: Int[Tensor, "b h w"]
) -> tuple[Int[Tensor, "n 3"], Int[Tensor, "b h w"]]:
    """Number the different triples of ids at the same place."""
    base = 2**21
    seen, which = torch.unique((a * base + b) * base + c, return_inverse=True)
    return torch.stack([seen // base**2, seen // base % base, seen % base], dim=1), which
