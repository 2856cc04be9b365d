"""MulNet: a whole network for each class; the image is put together from what each made of its class."""

from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import PositiveInt
from torch import Tensor, nn

from smis.models.common.class_latents import PAPERDOLL, ClassLatentsConfig
from smis.nn.class_crops import Crops
from smis.nn.image_encoder import ImageEncoder
from smis.nn.label_maps import LabelPyramid
from smis.nn.spade_generator import LinearStart, SpadeGenerator
from smis.nn.spade_norm import SpadeNorm

_PAPERDOLL: dict[str, Any] = PAPERDOLL | {
    "width": 4,
    "hidden": 8,
    "encoder_width": 4,
    "encoder_size": 64,
    "latent": 32,
    "upsamplings": 4,
}


class Config(ClassLatentsConfig):
    """Sizes of MulNet's networks, each a VSPADE; the defaults are those inferred for DeepFashion.

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="deepfashion").build(classes=8, height=256, width=256, training=False)
        >>> sum(weight.numel() for part in (system.generator, system.encoder) for weight in part.parameters())
        105149720
    """

    title: ClassVar[str] = "MulNet"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepfashion": {},
        "paperdoll": _PAPERDOLL,
        "clothing": _PAPERDOLL,
        "clothing_large": _PAPERDOLL | {"encoder_size": 128, "upsamplings": 5},
    }
    latent_maps: ClassVar[bool] = False

    width: PositiveInt = 16
    latent: PositiveInt = 256
    """Length of each class's latent."""
    encoder_width: PositiveInt = 16
    encoder_size: Literal[8, 16, 32, 64, 128, 256, 512] = 256
    """Side that the encoders resize images to; each doubling of 4 is a layer."""

    def _generator(self, classes: int, size: tuple[int, int]) -> nn.Module:
        return Generators(
            SpadeGenerator(
                fc=LinearStart(self.latent, channels=self.channels[0], height=size[0], width=size[1]),
                channels=self.channels,
                make_norm=lambda features, stage: SpadeNorm(features, label_channels=classes, hidden=self.hidden),
                upsamplings=self.upsamplings,
            )
            for _ in range(classes)
        )

    def _encoder(self, classes: int) -> nn.Module:
        width, latent = self.encoder_width, self.latent
        return Encoders(ImageEncoder(width=width, latent=latent, size=self.encoder_size) for _ in range(classes))


class Generators(nn.ModuleList):
    """Let each network generate a whole image, and take each class's pixels from its own network's.

    Example:
        >>> system = Config(preset="paperdoll").build(classes=2, height=32, width=32, training=False).eval()
        >>> layout = LabelPyramid((torch.arange(32) >= 16).long().expand(1, 32, 32), classes=2)
        >>> code, other = torch.randn(1, 64), torch.randn(1, 64)
        >>> other[:, 32:] = code[:, 32:]  # another latent for class 0 alone
        >>> left, right = (system.generator(code, layout) == system.generator(other, layout)).chunk(2, dim=3)
        >>> bool(left.all()), bool(right.all())
        (False, True)
    """

    def forward(self, code: Float[Tensor, "b codes"], layout: LabelPyramid) -> Float[Tensor, "b 3 h w"]:
        """Generate the images; every network reads the whole layout."""
        codes = code.unflatten(1, (len(self), -1))
        places = layout.at(*layout.size).maps()
        return sum(
            (network(codes[:, n], layout) * places[:, n : n + 1] for n, network in enumerate(self)),
            start=places.new_zeros(()),
        )


class Encoders(nn.ModuleList):
    """Let each network encode its own class, cut out and enlarged as for GroupDNet (the paper does not say)."""

    def forward(self, crops: Crops) -> tuple[Float[Tensor, "b k z"], Float[Tensor, "b k z"]]:
        """Return mean and log-variance of every class of every image."""
        images = crops.of(torch.arange(crops.count, device=crops.classes.device))
        means, log_variances = zip(*(network(images[:, n]) for n, network in enumerate(self)), strict=True)
        return torch.stack(means, dim=1), torch.stack(log_variances, dim=1)
