"""The generator that SPADE, VSPADE, GroupDNet, INADE and CLADE share."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from smis.core.errors import ParamsError
from smis.core.shapes import Image, size_text
from smis.nn.class_axes import ClassAxis, TensorAxes, convolution_axes
from smis.nn.label_maps import ConditionPyramid, LabelPyramid
from smis.nn.spade_norm import SpadeNorm
from smis.nn.spectral_norm import spectral_norm

MakeNorm = Callable[[int], nn.Module]
"""Makes a normalization layer for a number of channels; the layer is called with (features, condition)."""


class SpadeResidualBlock(nn.Module):
    """Two normalized convolutions beside a shortcut, which is learned if the number of channels changes.

    Park et al. (CVPR 2019), Figure 4. The shortcut is normalized but, as released, not activated. With `groups` it is
    the block of GroupDNet (Zhu et al., CVPR 2020); with another normalization layer, of INADE (Tan et al., CVPR 2021)
    or CLADE (Tan et al., TPAMI 2021), whose layers add `added` channels to the features.

    Example:
        >>> import torch
        >>> from smis.nn.label_maps import LabelPyramid
        >>> from smis.nn.spade_norm import SpadeNorm
        >>> block = SpadeResidualBlock(4, 6, make_norm=lambda channels: SpadeNorm(channels, label_channels=3, hidden=2))
        >>> layout = LabelPyramid(torch.zeros(1, 8, 8, dtype=torch.long), classes=3)
        >>> block(torch.rand(2, 4, 8, 8), layout.at(8, 8)).shape
        torch.Size([2, 6, 8, 8])
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        make_norm: MakeNorm,
        groups: int = 1,
        added: int = 0,
        norm: str = "norm",
    ) -> None:
        super().__init__()
        middle = min(channels_in, channels_out)
        self.learned_shortcut, self._norm = channels_in != channels_out, norm
        self.conv_0 = spectral_norm(nn.Conv2d(channels_in + added, middle, 3, padding=1, groups=groups))
        self.conv_1 = spectral_norm(nn.Conv2d(middle + added, channels_out, 3, padding=1, groups=groups))
        self.add_module(f"{norm}_0", make_norm(channels_in))
        self.add_module(f"{norm}_1", make_norm(middle))
        if self.learned_shortcut:
            self.conv_s = spectral_norm(nn.Conv2d(channels_in + added, channels_out, 1, bias=False, groups=groups))
            self.add_module(f"{norm}_s", make_norm(channels_in))

    def forward(self, x: Float[Tensor, "b i h w"], condition: Any) -> Float[Tensor, "b o h w"]:
        """Add the block's change to the shortcut."""
        shortcut = self.conv_s(self.norm("s")(x, condition)) if self.learned_shortcut else x
        in_place = not torch.is_grad_enabled()
        change = self.conv_0(F.leaky_relu(self.norm("0")(x, condition), 0.2, inplace=in_place))
        change = self.conv_1(F.leaky_relu(self.norm("1")(change, condition), 0.2, inplace=in_place))
        return shortcut + change

    def norm(self, place: Literal["0", "1", "s"]) -> nn.Module:
        """Return the normalization before a convolution: the first, the second, or that of the shortcut."""
        return self.get_submodule(f"{self._norm}_{place}")

    def class_axes(
        self, name: str, *, classes: int, reads: ClassAxis | None
    ) -> tuple[dict[str, TensorAxes], ClassAxis | None]:
        """Return the axes of a grouped block's tensors and how the features that it makes are divided.

        Features that are added to the shortcut as it is stand in its order, which may be finer than the groups.
        """
        own = ClassAxis.of(max(self.conv_0.groups, *(norm.groups for norm in self._norms().values())))
        made = own if self.learned_shortcut else reads
        found = dict(convolution_axes(f"{name}.conv_0", self.conv_0, reads=reads, makes=own))
        found |= convolution_axes(f"{name}.conv_1", self.conv_1, reads=own, makes=made)
        if self.learned_shortcut:
            found |= convolution_axes(f"{name}.conv_s", self.conv_s, reads=reads, makes=made)
        for key, norm in self._norms().items():
            features = own if key == "norm_1" else reads
            found |= norm.class_axes(f"{name}.{key}", classes=classes, features=features)
        return found, made

    def _norms(self) -> dict[str, SpadeNorm]:
        return {key: norm for key, norm in self.named_children() if isinstance(norm, SpadeNorm)}


BLOCKS = ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3")
MULTIPLES = (16, 16, 16, 16, 8, 4, 2, 1)
"""Channels of the start map and after each block, in multiples of the width, as released."""

_WITHOUT_DOUBLING = {
    3: {"head_0", "G_middle_0", "G_middle_1", "up_0"},
    4: {"head_0", "G_middle_0", "G_middle_1"},
    5: {"head_0", "G_middle_1"},
    6: {"head_0"},
    7: {"head_0"},
}

MakeStageNorm = Callable[[int, int], nn.Module]
"""Makes a normalization layer for (channels, stage); stage 0 is `head_0`."""


class SpadeGenerator(nn.Module):
    """Turn a start map into an image through blocks whose normalization reads the layout.

    Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019), Figure 11. The size is
    doubled before a block: before all but the first with 6 `upsamplings` (the release's "more"), not before
    `G_middle_1` with 5 ("normal"), also not before `G_middle_0` with 4, nor before `up_0` with 3; 7 ("most") adds
    the block `up_4`.

    Args:
        fc: makes the start map of a code.
        channels: of the start map, then after each block.
        make_norm: makes the normalization layer for (channels, stage).
        upsamplings: doublings from the start map to the image, 3 to 7.
        groups: of each block's convolutions; 1 if left out.
        norm: what the normalization layers are called, before `_0`, `_1` and `_s`.
        added: channels that each normalization layer adds.

    Raises:
        ParamsError: if `channels` has not one number more than there are blocks.

    Example:
        >>> import torch
        >>> from smis.nn.label_maps import LabelPyramid
        >>> from smis.nn.spade_norm import SpadeNorm
        >>> network = SpadeGenerator(
        ...     fc=LinearStart(5, channels=16, height=2, width=3),
        ...     channels=channels_of(1, upsamplings=3),
        ...     make_norm=lambda channels, stage: SpadeNorm(channels, label_channels=4, hidden=2),
        ...     upsamplings=3,
        ... )
        >>> layout = LabelPyramid(torch.zeros(1, 16, 24, dtype=torch.long), classes=4)
        >>> network(torch.zeros(2, 5), layout).shape
        torch.Size([2, 3, 16, 24])
    """

    def __init__(
        self,
        *,
        fc: nn.Module,
        channels: Sequence[int],
        make_norm: MakeStageNorm,
        upsamplings: int,
        groups: Sequence[int] | None = None,
        norm: str = "norm",
        added: int = 0,
    ) -> None:
        super().__init__()
        self.fc = fc
        self.blocks = blocks(upsamplings)
        if len(channels) != len(self.blocks) + 1:
            stages = len(self.blocks) + 1
            raise ParamsError(f"`multiples` gives {len(channels)} stages; {upsamplings} upsamplings have {stages}")
        self.upsampled = frozenset(self.blocks) - _WITHOUT_DOUBLING[upsamplings]
        groups = groups or [1] * len(self.blocks)
        for stage, (name, (before, after)) in enumerate(zip(self.blocks, pairwise(channels), strict=True)):
            block = SpadeResidualBlock(
                before,
                after,
                make_norm=lambda width, stage=stage: make_norm(width, stage),
                groups=groups[stage],
                norm=norm,
                added=added,
            )
            self.add_module(name, block)
        self.conv_img = nn.Conv2d(channels[-1], 3, 3, padding=1)

    def forward(self, code: Any, layout: ConditionPyramid) -> Image:
        """Make the image that a code gives on a layout."""
        x = self.fc(code)
        for name in self.blocks:
            if name in self.upsampled:
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self.get_submodule(name)(x, layout.at(x.shape[-2], x.shape[-1]))
        return self.conv_img(F.leaky_relu(x, 0.2)).tanh()

    def class_axes(self, classes: int) -> dict[str, TensorAxes]:
        """Return the axes of the tensors that belong to classes, of a generator whose convolutions have groups."""
        convs = [conv for conv in self.modules() if isinstance(conv, nn.Conv2d)]
        if all(conv.groups == 1 for conv in convs):
            return {}
        assert isinstance(self.fc, nn.Conv2d)
        features = ClassAxis.of(self.fc.groups)
        found = dict(convolution_axes("fc", self.fc, reads=ClassAxis.of(classes), makes=features))
        for name in self.blocks:
            block: SpadeResidualBlock = self.get_submodule(name)  # pyright: ignore[reportAssignmentType]
            axes, features = block.class_axes(name, classes=classes, reads=features)
            found |= axes
        return found | dict(convolution_axes("conv_img", self.conv_img, reads=features, makes=None))


class LinearStart(nn.Linear):
    """The start map as a linear function of a global latent.

    Example:
        >>> import torch
        >>> LinearStart(5, channels=8, height=2, width=3)(torch.zeros(4, 5)).shape
        torch.Size([4, 8, 2, 3])
    """

    def __init__(self, latent: int, *, channels: int, height: int, width: int) -> None:
        super().__init__(latent, channels * height * width)
        self.map_shape = (channels, height, width)

    def forward(self, input: Float[Tensor, "b z"]) -> Float[Tensor, "b c h w"]:
        """Return the start map."""
        return super().forward(input).view(-1, *self.map_shape)


class LabelMapStart(nn.Conv2d):
    """The start map as a convolution of the label map at its size: the image's, halved so many times.

    Example:
        >>> import torch
        >>> from smis.nn.label_maps import LabelPyramid
        >>> layout = LabelPyramid(torch.zeros(1, 32, 48, dtype=torch.long), classes=5)
        >>> LabelMapStart(5, channels=8, downsamplings=4)(layout).shape
        torch.Size([1, 8, 2, 3])
    """

    def __init__(self, label_channels: int, *, channels: int, downsamplings: int) -> None:
        super().__init__(label_channels, channels, 3, padding=1)
        self.downsamplings = downsamplings

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, input: LabelPyramid
    ) -> Float[Tensor, "b c y x"]:
        """Return the start map."""
        return super().forward(input.at(*start_size(*input.size, upsamplings=self.downsamplings)).maps())


def blocks(upsamplings: int) -> tuple[str, ...]:
    """Return the names of the blocks in their order."""
    return (*BLOCKS, "up_4") if upsamplings == 7 else BLOCKS


def channels_of(width: int, *, upsamplings: int, multiples: Sequence[int] = MULTIPLES) -> tuple[int, ...]:
    """Return the channels of the start map and after each block; the eighth block, where there is one, halves them.

    Raises:
        ParamsError: if there are no multiples.

    Example:
        >>> channels_of(64, upsamplings=6)
        (1024, 1024, 1024, 1024, 512, 256, 128, 64)
    """
    if not multiples:
        raise ParamsError(f"`multiples` is empty; {len(MULTIPLES)} of them give the start map and the blocks channels")
    channels = tuple(multiple * width for multiple in multiples)
    return (*channels, channels[-1] // 2) if upsamplings == 7 else channels


def start_size(height: int, width: int, *, upsamplings: int, encoded: bool = False) -> tuple[int, int]:
    """Return the size of the start map; `encoded` says that an encoder's layers make a map of this size.

    Raises:
        ParamsError: if the image cannot be reached by doubling, or the encoder's map is a single place.

    Example:
        >>> start_size(256, 512, upsamplings=6)
        (4, 8)
    """
    factor = 2**upsamplings
    if height % factor or width % factor:
        raise ParamsError(
            f"an image of {size_text((height, width))} cannot be reached by {upsamplings} doublings: both sides must "
            f"be multiples of {factor}; set the system's `upsamplings` (3 to 7) or the data set's size"
        )
    if encoded and height == width == factor:
        raise ParamsError(
            f"{upsamplings} doublings leave one place of an image of {size_text((height, width))}, which the encoder's "
            "normalization takes to 0; set fewer `upsamplings` (3 to 7) or a larger size of the data set"
        )
    return height // factor, width // factor
