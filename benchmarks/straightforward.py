"""The same layers in the form of the released code: loops, one-hot products, every place and class computed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional

from smis.nn.clade_norm import CladeNorm
from smis.nn.class_crops import Crops
from smis.nn.group_encoder import GroupEncoder
from smis.nn.inade_norm import InadeNorm
from smis.nn.label_maps import LabelPyramid, one_hot
from smis.nn.noise_maps import NoisePyramid, RegionLayout
from smis.nn.oasis_generator import OasisNorm
from smis.nn.sean_norm import SeanNorm
from smis.nn.spade_norm import SpadeNorm
from smis.nn.style_encoder import StyleEncoder


def class_crops(image: Tensor, labels: Tensor, *, classes: int, growing: bool = False) -> Tensor:
    """Cut out each class of each image, one after the other: (b, 3 classes, h, w).

    `growing` joins each crop to those before it at once, so that what is there is copied again for every class. That
    takes about as long as the release is said to (12 s for 4 images of 151 classes on two cores); we have not read
    why it does.
    """
    channels = one_hot(labels, classes)
    pictures = []
    for number in range(len(image)):
        crops: list[Tensor] = []
        for n in range(classes):
            crops.append(_crop(image[number] * channels[number, n]))
            if growing:
                crops = [torch.cat(crops)]
        pictures.append(torch.cat(crops))
    return torch.stack(pictures)


def _crop(masked: Tensor) -> Tensor:
    sums = masked.sum(dim=0)
    columns, rows = sums.sum(dim=0).nonzero(), sums.sum(dim=1).nonzero()
    if not len(columns) or not len(rows):
        return masked
    box = masked[:, rows[0, 0] : rows[-1, 0] + 1, columns[0, 0] : columns[-1, 0] + 1]
    return functional.interpolate(box[None], size=masked.shape[-2:])[0]


def group_encoder(encoder: GroupEncoder, crops: Crops | Tensor) -> tuple[Tensor, Tensor]:
    """Encode all classes, present or not."""
    x = crops.dense() if isinstance(crops, Crops) else crops
    for layer in range(encoder.layers):
        x = functional.leaky_relu(encoder.get_submodule(f"layer{layer + 1}")(x), 0.2)
    mean, log_variance = (head(x).unflatten(1, (encoder.classes, -1)) for head in (encoder.fc_mu, encoder.fc_var))
    return mean, log_variance


class OneHotPyramid:
    """The whole label map as channels, whatever the size; each layer resizes it for itself."""

    def __init__(self, labels: Tensor, instances: Tensor | None = None, **options: Any) -> None:
        pyramid = LabelPyramid(labels, instances, **options | {"cache": False, "positions": None})
        self.size, self._full = pyramid.size, pyramid.at(*pyramid.size).maps()

    def at(self, height: int, width: int) -> Tensor:
        return self._full


def spade_norm(norm: SpadeNorm, x: Tensor, known: Tensor) -> Tensor:
    """Convolve every place of the map."""
    hidden = norm.mlp_shared(functional.interpolate(known, size=x.shape[-2:], mode="nearest"))
    return norm.param_free_norm(x) * (1 + norm.mlp_gamma(hidden)) + norm.mlp_beta(hidden)


def clade_norm(norm: CladeNorm, x: Tensor, known: Tensor) -> Tensor:
    """Read the class of every place off its channels."""
    labels = functional.interpolate(known, size=x.shape[-2:], mode="nearest").argmax(dim=1)
    affine = norm.class_specified_affine
    scale, shift = (functional.embedding(labels, table).permute(0, 3, 1, 2) for table in (affine.weight, affine.bias))
    return norm.param_free_norm(x) * scale + shift


class OneHotInstances:
    """Classes and instances as channels at full size, with the noise of every instance."""

    def __init__(self, labels: Tensor, instances: Tensor, noise: Tensor, sketch: None = None) -> None:
        classes, slots = int(labels.max()) + 1, noise.shape[1]
        self._maps = one_hot(labels, classes), one_hot(instances, slots), noise

    def at(self, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
        return self._maps


def inade_norm(norm: InadeNorm, x: Tensor, maps: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Multiply one-hot maps with the tables of classes and instances."""
    classes, slots = (functional.interpolate(m, size=x.shape[-2:], mode="nearest") for m in maps[:2])
    drawn, count = norm.fc_noise(maps[2]), classes.shape[1]
    scale, shift = (
        torch.einsum("kc,bkhw->bchw", norm.weight[:count, :, t], classes)
        * torch.einsum("bsc,bshw->bchw", drawn[:, :, t], slots)
        + torch.einsum("kc,bkhw->bchw", norm.bias[:count, :, t], classes)
        for t in (0, 1)
    )
    return scale * norm.param_free_norm(x) + shift


def style_encoder(encoder: StyleEncoder, image: Tensor, known: Tensor) -> Tensor:
    """Average the features over each region of each image, one after the other."""
    features = encoder.model(image)
    regions = functional.interpolate(known, size=features.shape[-2:], mode="nearest").bool()
    codes = features.new_zeros(len(image), known.shape[1], features.shape[1])
    for number in range(len(image)):
        for region in range(known.shape[1]):
            mask = regions[number, region]
            if mask.any():
                codes[number, region] = features[number].masked_select(mask).view(features.shape[1], -1).mean(dim=1)
    return codes


def sean_norm(norm: SeanNorm, x: Tensor, known: Tensor, codes: Tensor, plane: Tensor) -> Tensor:
    """Write each region's style to its places, one after the other, and convolve the map of styles."""
    resized = functional.interpolate(known, size=x.shape[-2:], mode="nearest")
    hidden = norm.Spade.mlp_shared(resized)
    gamma, beta = norm.Spade.mlp_gamma(hidden), norm.Spade.mlp_beta(hidden)
    if norm.styled:
        styles = x.new_zeros(len(x), codes.shape[2], *x.shape[-2:])
        for number in range(len(x)):
            for region in range(known.shape[1]):
                mask = resized[number, region].bool()
                if mask.any():
                    style = norm.get_submodule(f"fc_mu{region}")(codes[number, region]).relu()
                    styles[number].masked_scatter_(mask, style[:, None].expand(-1, int(mask.sum())))
        a, b = norm.blending_gamma.sigmoid(), norm.blending_beta.sigmoid()
        gamma = a * norm.conv_gamma(styles) + (1 - a) * gamma
        beta = b * norm.conv_beta(styles) + (1 - b) * beta
    noise = (plane.unsqueeze(3) * norm.noise_var).transpose(1, 3)
    return norm.param_free_norm(x + noise) * (1 + gamma) + beta


class ResizedMaps:
    """Noise and label map as channels, resized anew for each layer."""

    def __init__(self, full: Tensor, size: tuple[int, int]) -> None:
        self._full, self._size = full, size

    def maps(self) -> Tensor:
        return functional.interpolate(self._full, size=self._size, mode="nearest")


class FullNoiseMaps:
    """Noise and label map as channels at full size, whatever the size."""

    def __init__(self, layout: RegionLayout, noise: Tensor) -> None:
        self.size, self._full = layout.size, NoisePyramid(layout, noise).maps(*layout.size)

    def at(self, height: int, width: int) -> ResizedMaps:
        return ResizedMaps(self._full, (height, width))


def oasis_norm(norm: OasisNorm, x: Tensor, known: ResizedMaps) -> Tensor:
    """Convolve every place of the map, and the noise there."""
    hidden = norm.mlp_shared(known.maps())
    return norm.first_norm(x) * (1 + norm.mlp_gamma(hidden)) + norm.mlp_beta(hidden)


@contextmanager
def straightforward() -> Iterator[None]:
    """Let systems compute in this form."""
    with (
        patch("smis.models.common.class_latents.LabelPyramid", OneHotPyramid),
        patch("smis.models.common.layout_system.LabelPyramid", OneHotPyramid),
        patch("smis.models.clade.LabelPyramid", OneHotPyramid),
        patch.object(CladeNorm, "forward", clade_norm),
        patch("smis.nn.spade_generator.LabelMapStart.forward", semantic_start),
        patch("smis.models.inade.InstancePyramid", OneHotInstances),
        patch("smis.models.oasis.NoisePyramid", FullNoiseMaps),
        patch.object(SpadeNorm, "forward", spade_norm),
        patch.object(InadeNorm, "forward", inade_norm),
        patch.object(OasisNorm, "forward", oasis_norm),
        patch.object(GroupEncoder, "forward", group_encoder),
    ):
        yield


def semantic_start(start: Any, layout: OneHotPyramid) -> Tensor:
    """Convolve the whole map, resized."""
    size = [side // 2**start.downsamplings for side in layout.size]
    return torch.nn.Conv2d.forward(start, functional.interpolate(layout.at(*size), size=size, mode="nearest"))
