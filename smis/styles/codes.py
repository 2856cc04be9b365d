"""Core styles as bundles of codes: count, take, join, compare."""

from collections.abc import Callable, Sequence
from dataclasses import fields

import torch
from torch import Tensor

from smis.core.errors import StyleError
from smis.core.style import Style

PARTS = {"class": "classes", "instance": "instances"}
"""The field of a style that has one code for each part, by what a system varies."""


def named(style: Style) -> dict[str, Tensor]:
    """Return the fields that are filled."""
    found = {field.name: getattr(style, field.name) for field in fields(style)}
    return {name: codes for name, codes in found.items() if codes is not None}


def count(style: Style) -> int:
    """Return how many pictures there are codes for."""
    return len(next(iter(named(style).values())))


def mapped(style: Style, change: Callable[[Tensor], Tensor]) -> Style:
    """Change every field that is filled."""
    return Style(**{name: change(codes) for name, codes in named(style).items()})


def joined(styles: Sequence[Style]) -> Style:
    """Put the pictures of many styles into one."""
    return Style(**{name: torch.cat([named(style)[name] for style in styles]) for name in named(styles[0])})


def check_alike(ours: Style, theirs: Style) -> None:
    """Refuse codes of another system, or of label maps of another size where codes depend on it.

    Raises:
        StyleError: with both shapes.
    """
    shapes = [{name: tuple(codes.shape[1:]) for name, codes in named(style).items()} for style in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise StyleError(
            f"the codes of these styles differ in shape ({shapes[0]} and {shapes[1]}); take styles of one checkpoint, "
            "from label maps of one size"
        )
