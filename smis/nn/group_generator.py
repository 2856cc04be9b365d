"""The generator of GroupDNet: groups of classes that merge on the way to the image."""

from dataclasses import dataclass
from math import lcm
from typing import Literal

from torch import nn

from smis.core.errors import ParamsError
from smis.nn.spade_generator import BLOCKS, SpadeGenerator, SpadeResidualBlock
from smis.nn.spade_norm import SpadeNorm

Conditioning = Literal["grouped", "edged", "classwise"]
"""What the normalization layers read. `grouped`: the classes, in the block's groups; `edged`: each class beside the
instance edges, always one group for each class; `classwise`: one group for each class, then the block's."""


@dataclass(frozen=True)
class GroupPlan:
    """Channels and groups: of the start map, then of each block.

    Example:
        >>> plan = GroupPlan(channels=(10, 10), groups=(4, 2), conditioning="grouped", classes=4, hidden=8)
        >>> plan.fitted().channels
        (12, 10)
    """

    channels: tuple[int, ...]
    groups: tuple[int, ...]
    conditioning: Conditioning
    classes: int
    hidden: int

    def checked(self) -> "GroupPlan":
        """Return the plan.

        Raises:
            ParamsError: if some channels cannot be split into their groups.
        """
        if len(self.channels) != len(self.groups):
            raise ParamsError(
                f"there are {len(self.groups)} groups for {len(self.channels)} stages (start map and blocks); "
                "give the system's `groups` and `multiples` one number for each"
            )
        for stage, (channels, factor) in enumerate(zip(self.channels, self.factors(), strict=True)):
            if channels % factor:
                raise ParamsError(
                    f"stage {stage} has {channels} channels, which {self.classes} classes in groups of "
                    f"{list(self.groups)} need to be a multiple of {factor}; change the system's `width` or `groups`, "
                    "or leave `groups` out to have both fitted to the classes"
                )
        if self.conditioning == "grouped" and any(self.classes % group for group in self.groups[1:]):
            raise ParamsError(
                f"{self.classes} classes cannot be split into groups of {list(self.groups)}; leave the system's "
                "`groups` out, or set `conditioning: classwise`"
            )
        return self

    def fitted(self) -> "GroupPlan":
        """Return a plan in which the stages that cannot be split into their groups are wider."""
        channels = tuple(round_up(c, multiple=m) for c, m in zip(self.channels, self.factors(), strict=True))
        return GroupPlan(channels, self.groups, self.conditioning, self.classes, self.hidden)

    def factors(self) -> list[int]:
        """Return what each stage's channels must be a multiple of: its groups and those of the block that reads it."""
        always = self.classes if self.conditioning == "edged" else 1
        following = (*self.groups[1:], 1)
        return [lcm(own, reader, always) for own, reader in zip(self.groups, following, strict=True)]

    def norm(self, channels: int, stage: int) -> SpadeNorm:
        """Make a normalization layer of a block; each release has a different rule for its hidden channels."""
        classes, groups = self.classes, self.groups[1 + stage]
        if self.conditioning == "edged":
            hidden = classes * groups
            return SpadeNorm(channels, label_channels=2 * classes, hidden=hidden, shared_groups=classes, groups=classes)
        if self.conditioning == "classwise":
            hidden = classes * (2 if classes % groups == 0 else groups)
            return SpadeNorm(channels, label_channels=classes, hidden=hidden, shared_groups=classes, groups=groups)
        hidden = round_up(self.hidden, multiple=groups)
        return SpadeNorm(channels, label_channels=classes, hidden=hidden, shared_groups=groups, groups=groups)


def group_generator(plan: GroupPlan, *, latent: int, upsamplings: int) -> SpadeGenerator:
    """Build the generator; its code is a latent map with `latent` channels for each class.

    Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), 3.3.

    Example:
        >>> import torch
        >>> from smis.nn.label_maps import LabelPyramid
        >>> plan = GroupPlan((6,) * 8, groups=(3,) * 8, conditioning="grouped", classes=3, hidden=3)
        >>> generator = group_generator(plan, latent=2, upsamplings=3)
        >>> layout = LabelPyramid(torch.zeros(1, 16, 16, dtype=torch.long), classes=3)
        >>> generator(torch.zeros(1, 3 * 2, 2, 2), layout).shape
        torch.Size([1, 3, 16, 16])
    """
    fc = nn.Conv2d(latent * plan.classes, plan.channels[0], 3, padding=1, groups=plan.groups[0])
    return SpadeGenerator(
        fc=fc, channels=plan.channels, make_norm=plan.norm, upsamplings=upsamplings, groups=plan.groups[1:]
    )


def add_unused_block(generator: SpadeGenerator, plan: GroupPlan) -> None:
    """Add the block `up_4` that the ADE20K release holds and never runs; it counts, and is not trained."""
    last, stage = plan.channels[-1], len(BLOCKS) - 1
    block = SpadeResidualBlock(last, last // 2, make_norm=lambda channels: plan.norm(channels, stage))
    generator.add_module("up_4", block.requires_grad_(False))


def group_schedule(classes: int, *, stages: int) -> tuple[int, ...]:
    """Merge groups step by step: all classes for three stages, then about a half, a half, a quarter, a quarter, ...

    Each number divides the classes. For 8 classes it is the released schedule.

    Example:
        >>> group_schedule(8, stages=8)
        (8, 8, 8, 4, 4, 2, 2, 1)
    """
    shares = [2 ** max(0, (stage - 1) // 2) for stage in range(stages)]
    return tuple(_divisor(classes, at_most=classes // share) for share in shares)


def round_up(count: int, *, multiple: int) -> int:
    """Round up to a multiple."""
    return -(-count // multiple) * multiple


def _divisor(number: int, *, at_most: int) -> int:
    return next(found for found in range(max(1, at_most), 0, -1) if number % found == 0)
