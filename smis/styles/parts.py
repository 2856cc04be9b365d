"""Codes of parts: which belong together in two pictures, and what lies between two codes."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from smis.styles.layout import ABSENT

Owners = Int[Tensor, "b parts"]
"""The class of each part of each picture, -1 where there is none."""

_NEARLY_PARALLEL = 1e-4
"""Sine of the angle below which the sphere between two codes is as good as flat."""


def same_slot(ours: Owners, theirs: Owners) -> Int[Tensor, "b parts"]:
    """Name for each of our parts their part of the same number, or -1 if it is of another class.

    A part that we do not have has it too: the code of an absent class is still a code, and may be seen elsewhere.
    """
    numbers = torch.arange(ours.shape[1]).expand_as(ours)
    return torch.where((ours == theirs) | (ours == ABSENT), numbers, ABSENT)


def same_class(ours: Owners, theirs: Owners, *, again: bool = False) -> Int[Tensor, "b parts"]:
    """Name for our first, second, ... part of a class their first, second, ... one, or -1 if they have not so many.

    With `again`, where they have too few, theirs serve many times. A part that we do not have is as in `same_slot`.
    """
    pairs = zip(ours.tolist(), theirs.tolist(), strict=True)
    ranked = [_ranked(mine, yours, again=again) for mine, yours in pairs]
    return torch.tensor(ranked, dtype=torch.long).view_as(ours)


def _ranked(mine: list[int], yours: list[int], *, again: bool) -> list[int]:
    there: dict[int, list[int]] = {}
    for part, owner in enumerate(yours):
        there.setdefault(owner, []).append(part)
    partners: list[int] = []
    seen: dict[int, int] = {}
    for part, owner in enumerate(mine):
        if owner == ABSENT:
            partners.append(part)
            continue
        found = there.get(owner, [])
        rank = seen[owner] = seen.get(owner, -1) + 1
        if again and found:
            rank %= len(found)
        partners.append(found[rank] if rank < len(found) else ABSENT)
    return partners


def gathered(codes: Float[Tensor, "b parts *code"], partners: Int[Tensor, "b parts"]) -> Float[Tensor, "b parts *code"]:
    """Take for each part the code of its partner; what a part without a partner gets means nothing."""
    pictures = torch.arange(len(codes), device=codes.device)[:, None]
    return codes[pictures, partners.clamp(min=0).to(codes.device)]


def chosen_from(
    ours: Float[Tensor, "b parts *code"], theirs: Float[Tensor, "b parts *code"], chosen: Bool[Tensor, "b parts"]
) -> Float[Tensor, "b parts *code"]:
    """Take their code where a part is chosen, ours elsewhere."""
    return torch.where(_beside(chosen, ours), theirs, ours)


def between(
    ours: Float[Tensor, "*parts"], theirs: Float[Tensor, "*parts"], weights: Tensor, *, spherical: bool
) -> Float[Tensor, "*parts"]:
    """Go from our codes (weight 0) to theirs (weight 1), which both are met exactly; one weight for each code.

    Spherical: the direction turns at an even speed and the length changes at an even speed. On a straight way between
    two draws of a Gaussian the middle is shorter than any draw (White, "Sampling Generative Networks", 2016). Codes
    that are nearly parallel, opposite or 0 have no such way, and the straight one is taken.
    """
    weight = _beside(weights.to(ours), ours)
    straight = torch.lerp(ours, theirs, weight)
    inside = _turned(ours, theirs, weight, straight, first=weights.dim()) if spherical else straight
    return torch.where(weight == 0, ours, torch.where(weight == 1, theirs, inside))


def _turned(ours: Tensor, theirs: Tensor, weight: Tensor, straight: Tensor, *, first: int) -> Tensor:
    """Go along the sphere; a code has the sizes from `first` on."""
    code = tuple(range(first, ours.dim()))
    lengths = [torch.linalg.vector_norm(each.double(), dim=code, keepdim=True) for each in (ours, theirs)]
    a, b = (each.double() / length.clamp(min=1e-12) for each, length in zip((ours, theirs), lengths, strict=True))
    angle = (a * b).sum(dim=code, keepdim=True).clamp(-1, 1).acos()
    sine = angle.sin()
    t = weight.double()
    direction = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / sine.clamp(min=1e-12)
    turned = (direction * torch.lerp(lengths[0], lengths[1], t)).to(ours.dtype)
    flat = (sine < _NEARLY_PARALLEL) | (lengths[0] == 0) | (lengths[1] == 0)
    return torch.where(flat, straight, turned)


def _beside(values: Tensor, codes: Tensor) -> Tensor:
    """Give values for each part the trailing sizes of codes, on their device."""
    return values.to(codes.device).reshape(*values.shape, *[1] * (codes.dim() - values.dim()))
