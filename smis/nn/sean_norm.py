"""Normalize, then scale and shift each position by its label and by the style of its region: SEAN."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from smis.nn.batch_norm import BatchNorm
from smis.nn.label_maps import Condition, LabelPyramid, is_countable, neighborhoods
from smis.nn.spade_norm import SpadeNorm, placed


class RegionMap:
    """The region of every position at one size, and the different 3x3 neighborhoods of regions.

    `ids`: (b, h, w), 0 .. count - 1. Where channels overlap, edges lie on a class, the last one is the region.
    """

    def __init__(self, condition: Condition) -> None:
        self.count = condition.meanings.shape[1]
        numbers = torch.arange(1, self.count + 1, device=condition.symbols.device)
        self.ids: Int[Tensor, "b h w"] = (condition.meanings * numbers).argmax(dim=1)[condition.symbols]
        self._neighborhoods: tuple[Tensor, Tensor] | None = None

    def neighborhoods(self) -> tuple[Int[Tensor, "n 9"], Int[Tensor, "b h w"]]:
        """Return the different neighborhoods, those of different images apart, and which one each place has.

        Regions of image b are numbered from b * count on; a place outside has the number after the last.
        """
        if self._neighborhoods is None:
            images = len(self.ids)
            first = self.count * torch.arange(images, device=self.ids.device).view(-1, 1, 1)
            self._neighborhoods = neighborhoods(self.ids + first, count=images * self.count)
        return self._neighborhoods

    def maps(self) -> Float[Tensor, "b r h w"]:
        """Return a map of 0 and 1 for each region."""
        meanings = torch.eye(self.count, device=self.ids.device)
        return F.embedding(self.ids, meanings).permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True, eq=False)
class SeanCondition:
    """What `SeanNorm` reads at one size."""

    labels: Condition
    regions: RegionMap
    codes: Float[Tensor, "b r s"]
    """The style of each region of each image."""
    planes: Sequence[Float[Tensor, "b _ _"]]
    """Of all layers, whatever their size: one plane of noise each; the width comes first, as released."""


class SeanPyramid:
    """The label map at every size that a generator's blocks work at, with styles and noise of its images.

    Example:
        >>> labels = LabelPyramid(torch.tensor([0, 0, 1, 1]).expand(1, 4, 4), classes=3)
        >>> pyramid = SeanPyramid(labels, torch.rand(1, 3, 8), [torch.randn(1, 2, 2)])
        >>> pyramid.at(2, 2).regions.ids
        tensor([[[0, 1],
                 [0, 1]]])
    """

    def __init__(
        self, labels: LabelPyramid, codes: Float[Tensor, "b r s"], planes: Sequence[Float[Tensor, "b _ _"]]
    ) -> None:
        self.labels, self._codes, self._planes = labels, codes, planes
        self._sizes: dict[tuple[int, int], SeanCondition] = {}

    @property
    def images(self) -> int:
        """Number of images; one label map may serve them all."""
        return len(self._codes)

    def at(self, height: int, width: int) -> SeanCondition:
        """Return the condition at a size."""
        size = (height, width)
        if size not in self._sizes:
            labels = self.labels.at(height, width)
            regions = labels.cached(RegionMap, lambda: RegionMap(labels))
            self._sizes[size] = SeanCondition(labels, regions, self._codes, self._planes)
        return self._sizes[size]


class SeanNorm(nn.Module):
    """Add noise, normalize, then scale and shift by a blend of what the label map and what the styles say.

    Zhu et al., "SEAN: Image Synthesis with Semantic Region-Adaptive Normalization" (CVPR 2020), Eq. 2 to 4; the
    release calls the layer ACE. As released, each layer has a linear map and ReLU of its own for each region's code
    (`fc_mu0`, `fc_mu1`, ...), in evaluation there is noise too, and a layer without style has the parameters of the
    blend all the same.

    The release writes a region's code to all its positions, image by image and region by region, and convolves the map
    of codes. But what a 3x3 convolution makes of a piecewise constant map depends on nine regions: here each tap is
    applied to each code once, and a position sums nine rows. On a CPU each different neighborhood is summed once and
    looked up; else the label map is convolved with a kernel for each image.

    Args:
        channels: of the features.
        label_channels: of the label map, which are the regions.
        hidden: channels between the convolutions of the label map.
        style: length of a code; None for a layer without style.
        style_layers: number of regions' linear maps, at least as many as regions.

    Example:
        >>> layer, x = SeanNorm(4, label_channels=3, hidden=8, style=5, style_layers=3), torch.rand(2, 4, 8, 8)
        >>> labels = LabelPyramid(torch.zeros(2, 8, 8, dtype=torch.long), classes=3)
        >>> pyramid = SeanPyramid(labels, torch.rand(2, 3, 5), [torch.randn(2, 8, 8)])
        >>> layer(x, pyramid.at(8, 8)).shape
        torch.Size([2, 4, 8, 8])
    """

    plane = 0
    """The number of its plane of noise among those of all layers."""

    def __init__(
        self, channels: int, *, label_channels: int, hidden: int, style: int | None, style_layers: int
    ) -> None:
        super().__init__()
        self.blending_gamma = nn.Parameter(torch.zeros(1), requires_grad=style is not None)
        self.blending_beta = nn.Parameter(torch.zeros(1), requires_grad=style is not None)
        self.noise_var = nn.Parameter(torch.zeros(channels))
        self.Spade = SpadeNorm(channels, label_channels=label_channels, hidden=hidden)
        self.param_free_norm = BatchNorm(channels)
        self.styled = style is not None
        if style is not None:
            for region in range(style_layers):
                # a released layer has 19 of them, whatever the data set
                unused = region >= label_channels
                self.add_module(f"fc_mu{region}", nn.Linear(style, style).requires_grad_(not unused))
            self.conv_gamma = nn.Conv2d(style, channels, 3, padding=1)
            self.conv_beta = nn.Conv2d(style, channels, 3, padding=1)

    def forward(self, x: Float[Tensor, "b c h w"], condition: SeanCondition) -> Float[Tensor, "b c h w"]:
        """Scale and shift; `condition` is that at the size of `x`."""
        noise = condition.planes[self.plane].transpose(1, 2).unsqueeze(1) * self.noise_var.view(-1, 1, 1)
        scale, shift = condition.labels.cached(self, lambda: self.Spade.modulation(condition.labels))
        if self.styled:
            gamma, beta = self._style(condition)
            scale = scale + self.blending_gamma.sigmoid() * (1 + gamma - scale)
            shift = shift + self.blending_beta.sigmoid() * (beta - shift)
        return torch.addcmul(shift, self.param_free_norm(x + noise), scale)

    def _style(self, condition: SeanCondition) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c h w"]]:
        """Return gamma and beta of the styles: convolve the map that has its region's code at every position."""
        regions = condition.regions
        taps = self._taps(condition.codes)
        assert self.conv_gamma.bias is not None
        assert self.conv_beta.bias is not None
        bias = torch.cat([self.conv_gamma.bias, self.conv_beta.bias])
        if is_countable(regions.ids):
            table = _summed(regions, taps) + bias
            places = _places(regions, images=len(condition.codes))
            gamma, beta = (placed(half.contiguous(), places) for half in table.chunk(2, dim=1))
            return gamma, beta
        gamma, beta = (_convolved(regions, taps) + bias.view(-1, 1, 1)).chunk(2, dim=1)
        return gamma, beta

    def _taps(self, codes: Float[Tensor, "b r s"]) -> Float[Tensor, "9 b r o"]:
        """Apply every region's linear map to its code, then each tap of both convolutions to the result."""
        layers: list[nn.Linear] = [getattr(self, f"fc_mu{region}") for region in range(codes.shape[1])]
        weight = torch.stack([layer.weight for layer in layers]).transpose(1, 2)
        bias = torch.stack([layer.bias for layer in layers]).unsqueeze(1)
        styles = torch.baddbmm(bias, codes.transpose(0, 1), weight).relu().transpose(0, 1)
        kernels = torch.cat([self.conv_gamma.weight, self.conv_beta.weight]).flatten(2)
        product = styles.flatten(0, 1) @ kernels.permute(1, 2, 0).flatten(1)
        return product.view(*styles.shape[:2], 9, -1).permute(2, 0, 1, 3)


def _summed(regions: RegionMap, taps: Float[Tensor, "9 b r o"]) -> Float[Tensor, "n o"]:
    """Sum the nine taps of each different neighborhood, those of a place outside are 0.

    One layout for several images has as many times its neighborhoods.
    """
    inner, _ = regions.neighborhoods()
    images, rows = taps.shape[1], taps.shape[1] * taps.shape[2]
    shared = images // len(regions.ids)
    if shared > 1:
        first = regions.count * torch.arange(images, device=inner.device).view(-1, 1, 1)
        inner = torch.where(inner == regions.count, rows, inner + first).flatten(0, 1)
    table = F.pad(taps.flatten(1, 2), (0, 0, 0, 1)).flatten(0, 1)
    return F.embedding_bag(inner + (rows + 1) * torch.arange(9, device=inner.device), table, mode="sum")


def _places(regions: RegionMap, *, images: int) -> Int[Tensor, "b h w"]:
    """Return the row of `_summed` of every place of every image."""
    inner, places = regions.neighborhoods()
    if images == len(places):
        return places
    return places + len(inner) * torch.arange(images, device=places.device).view(-1, 1, 1)


def _convolved(regions: RegionMap, taps: Float[Tensor, "9 b r o"]) -> Float[Tensor, "b o h w"]:
    """Convolve the map of regions with a kernel for each image."""
    maps, images = regions.maps(), taps.shape[1]
    kernels = taps.permute(1, 3, 2, 0).flatten(0, 1).unflatten(2, (3, 3))
    maps = maps.expand(images, -1, -1, -1).reshape(1, -1, *maps.shape[2:])
    return F.conv2d(maps.to(kernels.dtype), kernels, padding=1, groups=images).unflatten(1, (images, -1)).squeeze(0)
