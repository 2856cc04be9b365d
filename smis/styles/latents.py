"""Functions on latents: take and join those of images, match the parts of two images, interpolate.

A *part* of an image is what has a latent of its own: a class or an instance's slot, depending on the system.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from smis.core.errors import StyleError
from smis.core.style import Style
from smis.styles.label_layout import ABSENT

PARTS = {"class": "classes", "instance": "instances"}
"""The field of a style that has one latent for each part, by what a system varies."""

PartClasses = Int[Tensor, "b parts"]
"""The class of each part of each image, -1 where there is none."""

_NEARLY_PARALLEL = 1e-4
"""Sine of the angle below which spherical interpolation is replaced by linear interpolation."""


def count(style: Style) -> int:
    """Return the number of images that there are latents for."""
    return len(next(iter(style.filled().values())))


def concatenate(styles: Sequence[Style]) -> Style:
    """Join the latents of many styles along the batch.

    Example:
        >>> count(concatenate([Style(global_latent=torch.zeros(1, 8)), Style(global_latent=torch.zeros(2, 8))]))
        3
    """
    names = styles[0].filled()
    return Style(**{name: torch.cat([style.filled()[name] for style in styles]) for name in names})


def check_same_shapes(first: Style, second: Style) -> None:
    """Refuse latents of another system, or of label maps of another size where latents depend on it.

    Raises:
        StyleError: with both shapes.
    """
    shapes = [{name: tuple(x.shape[1:]) for name, x in style.filled().items()} for style in (first, second)]
    if shapes[0] != shapes[1]:
        raise StyleError(
            f"the latents of these styles differ in shape ({shapes[0]} and {shapes[1]}); take styles of one "
            "checkpoint, from label maps of one size"
        )


def match_slots(parts: PartClasses, others: PartClasses) -> Int[Tensor, "b parts"]:
    """Return for each part the number of the other image's part with the same number and class, or -1.

    An absent part matches the same number too: the latent of an absent class exists, and may be visible elsewhere.

    Example:
        >>> match_slots(torch.tensor([[4, 5, -1]]), torch.tensor([[4, 6, 7]]))
        tensor([[ 0, -1,  2]])
    """
    numbers = torch.arange(parts.shape[1]).expand_as(parts)
    return torch.where((parts == others) | (parts == ABSENT), numbers, ABSENT)


def match_classes(parts: PartClasses, others: PartClasses, *, cycle: bool = False) -> Int[Tensor, "b parts"]:
    """Match the first, second, ... part of a class with the other image's first, second, ... part of it; -1 if none.

    With `cycle`, where the other image has fewer, its parts are used again. Absent parts are as in `match_slots`.

    Example:
        >>> match_classes(torch.tensor([[4, 5, 4]]), torch.tensor([[5, 4, 6]]))
        tensor([[ 1,  0, -1]])
        >>> match_classes(torch.tensor([[4, 5, 4]]), torch.tensor([[5, 4, 6]]), cycle=True)
        tensor([[1, 0, 1]])
    """
    pairs = zip(parts.tolist(), others.tolist(), strict=True)
    matches = [_match_ranks(own, other, cycle=cycle) for own, other in pairs]
    return torch.tensor(matches, dtype=torch.long).view_as(parts)


def _match_ranks(parts: list[int], others: list[int], *, cycle: bool) -> list[int]:
    by_class: dict[int, list[int]] = {}
    for number, class_id in enumerate(others):
        by_class.setdefault(class_id, []).append(number)
    matches: list[int] = []
    ranks: dict[int, int] = {}
    for number, class_id in enumerate(parts):
        if class_id == ABSENT:
            matches.append(number)
            continue
        candidates = by_class.get(class_id, [])
        rank = ranks[class_id] = ranks.get(class_id, -1) + 1
        if cycle and candidates:
            rank %= len(candidates)
        matches.append(candidates[rank] if rank < len(candidates) else ABSENT)
    return matches


def gather(
    latents: Float[Tensor, "b parts *latent"], matches: Int[Tensor, "b parts"]
) -> Float[Tensor, "b parts *latent"]:
    """Take for each part the latent of the part that it matches; without a match the result is arbitrary."""
    images = torch.arange(len(latents), device=latents.device)[:, None]
    return latents[images, matches.clamp(min=0).to(latents.device)]


def interpolate(
    start: Float[Tensor, "*parts"], end: Float[Tensor, "*parts"], weights: Tensor, *, spherical: bool
) -> Float[Tensor, "*parts"]:
    """Interpolate from `start` (weight 0) to `end` (weight 1), both exact; one weight for each latent.

    Spherical: direction and length change at constant speed. On a straight line between two samples of a Gaussian, the
    middle is shorter than any sample (White, "Sampling Generative Networks", 2016). Latents that are nearly parallel,
    opposite or 0 have no such path, and are interpolated linearly.

    Example:
        >>> start, end = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
        >>> interpolate(start, end, torch.tensor([0.5]), spherical=True).norm().round(decimals=3)
        tensor(2.)
        >>> interpolate(start, end, torch.tensor([0.5]), spherical=False)
        tensor([[1., 1.]])
    """
    weight = expand(weights.to(start), start)
    linear = torch.lerp(start, end, weight)
    inside = _slerp(start, end, weight, linear, first=weights.dim()) if spherical else linear
    return torch.where(weight == 0, start, torch.where(weight == 1, end, inside))


def _slerp(start: Tensor, end: Tensor, weight: Tensor, linear: Tensor, *, first: int) -> Tensor:
    """Interpolate spherically; the dimensions of a latent are those from `first` on."""
    dims = tuple(range(first, start.dim()))
    norms = [torch.linalg.vector_norm(each.double(), dim=dims, keepdim=True) for each in (start, end)]
    a, b = (each.double() / norm.clamp(min=1e-12) for each, norm in zip((start, end), norms, strict=True))
    angle = (a * b).sum(dim=dims, keepdim=True).clamp(-1, 1).acos()
    sine = angle.sin()
    t = weight.double()
    direction = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / sine.clamp(min=1e-12)
    on_sphere = (direction * torch.lerp(norms[0], norms[1], t)).to(start.dtype)
    flat = (sine < _NEARLY_PARALLEL) | (norms[0] == 0) | (norms[1] == 0)
    return torch.where(flat, linear, on_sphere)


def expand(values: Tensor, latents: Tensor) -> Tensor:
    """Reshape one value for each part so that it broadcasts over latents, on their device."""
    return values.to(latents.device).reshape(*values.shape, *[1] * (latents.dim() - values.dim()))
