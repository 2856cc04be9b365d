"""OASIS: the discriminator segments; noise beside the label map varies the whole image or a region of it."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
import torch.distributed as dist
from jaxtyping import Float, Int, Integer
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from smis.core.batch import Batch
from smis.core.config import Config as BaseConfig
from smis.core.recipe import Recipe
from smis.core.sample import Slots, check_slots
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style, classes_of
from smis.losses.perceptual_loss import perceptual_loss
from smis.losses.segmentation_losses import (
    class_balance,
    fake_segmentation,
    label_mix_consistency,
    real_segmentation,
)
from smis.models.common.adversarial_system import AdversarialSystem
from smis.nn.label_mix import label_mix, label_mix_mask
from smis.nn.noise_maps import NoisePyramid, RegionLayout
from smis.nn.oasis_generator import Normalization, OasisGenerator
from smis.nn.perceptual import PerceptualConfig
from smis.nn.segmentation_discriminator import SegmentationDiscriminatorConfig
from smis.nn.spade_generator import start_size

NoiseUnit = Literal["image", "class", "instance"]
Unknown = Literal["first", "last"] | None

_RELEASED: dict[str, Any] = {"unknown": "first", "losses": {"redraw_unknown": True}}
_PAPERDOLL: dict[str, Any] = {
    "width": 16,
    "multiples": (8, 8, 8, 4, 2, 1),
    "upsamplings": 4,
    "hidden": 16,
    "noise_channels": 16,
    "slots": 16,
    "statistics_batches": 10,
    "init_gain": 0.5,
    "discriminator": {"width": 16, "multiples": (2, 2, 4, 4, 8)},
    "perceptual": {"network": "stlpips_vgg16", "slices": (8.0, 8.0), "shrink": 2},
    "losses": {"perceptual": 10},
}
_DEFAULTS = "defaults of the released code"
_STEP: dict[str, Any] = {"betas": (0.0, 0.999)}


class OasisLossWeights(BaseConfig):
    """Weights of the terms beside the adversarial ones, and what the release does with them; its defaults."""

    perceptual: NonNegativeFloat = 0.0
    """Of the perceptual loss, 10 with the release's `--add_vgg_loss`; at 0 there is no such term."""
    label_mix: NonNegativeFloat = 10.0
    """Of LabelMix; 0 is the release's `--no_labelmix`."""
    balanced: bool = True
    """Whether classes weigh inversely to their pixels; without (`--no_balancing_inloss`) all pixels weigh 1."""
    redraw_unknown: bool = False
    """Whether LabelMix draws for class 0 as the release does: see `label_mix_mask`."""


class Config(BaseConfig):
    """Sizes of OASIS; the defaults are the released ones. Class counts include "unknown".

    The presets are the released code's. Its label maps have the class "unknown" first, as ADE20K and Cityscapes have
    here; COCO-Stuff has it last here, and is turned around inside the system.

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="ade20k").build(classes=151, height=256, width=256, training=False)
        >>> sum(weight.numel() for weight in system.generator.parameters())
        74314691
    """

    title: ClassVar[str] = "OASIS"
    paper: ClassVar[str] = (
        'Sushko et al., "You Only Need Adversarial Supervision for Semantic Image Synthesis" (ICLR 2021)'
    )
    varies: ClassVar[Literal["instance"]] = "instance"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "ade20k": _RELEASED | {"slots": 151},
        "cityscapes": {
            "unknown": "first",
            "losses": {"redraw_unknown": True, "label_mix": 5},
            "slots": 256,
        },
        "coco": _RELEASED | {"unknown": "last", "slots": 256},
        "deepfashion": {"slots": 8},
        "paperdoll": _PAPERDOLL,
        "clothing": _PAPERDOLL,
        "clothing_large": _PAPERDOLL | {"multiples": (8, 8, 8, 8, 4, 2, 1), "upsamplings": 5},
    }

    recipes: ClassVar[dict[str, Recipe]] = {
        "ade20k": Recipe(source=_DEFAULTS, batch=32, epochs=200, load=(286, 286), ema=0.9999, **_STEP),
        "cityscapes": Recipe(
            source=_DEFAULTS,
            batch=20,
            epochs=200,
            load=(256, 512),
            crop=(256, 512),
            lr_generator=4e-4,
            ema=0.999,
            **_STEP,
        ),
        "coco": Recipe(source=_DEFAULTS, batch=32, epochs=100, load=(286, 286), ema=0.9999, **_STEP),
        "deepfashion": Recipe(
            source="not released; as ADE20K's, without its crops", batch=32, epochs=200, ema=0.9999, **_STEP
        ),
    }

    width: PositiveInt = 64
    multiples: tuple[PositiveInt, ...] = (16, 16, 16, 8, 4, 2, 1)
    """Channels of the start map and after each block, in multiples of `width`."""
    upsamplings: PositiveInt = 5
    hidden: PositiveInt = 128
    """Channels inside a normalization layer."""
    kernel: Literal[1, 3, 5, 7] = 3
    """Of a normalization layer's convolutions (the release's `--spade_ks`); neighborhoods are looked up with 3."""
    normalization: Normalization = "batch"
    """Of the features (the release's `--param_free_norm`)."""
    noise_channels: NonNegativeInt = 64
    """Channels of the noise; 0 is the release's `--no_3dnoise`, with which nothing varies."""
    noise: NoiseUnit = "image"
    """What has a vector of noise of its own when all is drawn: the image, as released, or each class or instance, as in
    the paper. Whatever it is, the noise of one class or instance can be drawn anew."""
    slots: Slots = 64
    """Instances that an image may have; one with more is refused."""
    unknown: Unknown = None
    """Where the class "unknown" stands, which has no weight in the loss of real pixels; null if there is none."""
    statistics_batches: NonNegativeInt = 51
    """Batches from which the moving average collects batch statistics before its images are looked at."""
    init_gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: SegmentationDiscriminatorConfig = SegmentationDiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: OasisLossWeights = OasisLossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "Oasis":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` with a perceptual loss, and the perceptual network's weights are missing.
        """
        start_size(height, width, upsamplings=self.upsamplings)
        if training:
            self.discriminator.check_size(height, width)
        last_first = self.unknown == "last"
        system = Oasis(
            generator=OasisGenerator(
                label_channels=self.noise_channels + classes,
                channels=[multiple * self.width for multiple in self.multiples],
                upsamplings=self.upsamplings,
                hidden=self.hidden,
                kernel=self.kernel,
                normalization=self.normalization,
                last_first=last_first,
            ),
            discriminator=self.discriminator.build(classes=classes, last_first=last_first),
            classes=classes,
            losses=self.losses,
            noise_channels=self.noise_channels,
            noise=self.noise,
            slots=self.slots,
            unknown=self.unknown,
            statistics_batches=self.statistics_batches,
        )
        return system.ready(self, training=training and self.losses.perceptual > 0)


class Oasis(AdversarialSystem):
    """Networks and loss terms of OASIS.

    A style's `instances` are (b, slots, noise channels): the vector of noise at the pixels of each instance. They are
    all the same where noise is drawn for images, and then everything varies together.

    Example:
        >>> from smis.core.seeding import generator
        >>> system = Config(preset="paperdoll").build(classes=5, height=32, width=32, training=False).eval()
        >>> labels = torch.arange(32).expand(1, 32, 32) // 8
        >>> style = system.sample(labels, labels, Noise(generator(0)))
        >>> style.instances.shape, style.instance_classes[0, :5].tolist()
        (torch.Size([1, 16, 16]), [0, 1, 2, 3, -1])
        >>> system.synthesize(labels, labels, style).shape
        torch.Size([1, 3, 32, 32])
    """

    averages_buffers = True
    """Running statistics and spectral vectors are averaged like weights, as released."""

    def __init__(
        self,
        *,
        noise_channels: int,
        noise: NoiseUnit,
        slots: int,
        unknown: Unknown,
        statistics_batches: int,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self.varies = "instance" if noise_channels else "nothing"
        self.noise_channels, self.noise_unit, self.slots, self.unknown = noise_channels, noise, slots, unknown
        self.statistics_batches = statistics_batches

    def check_instances(self, instances: Integer[Tensor, "b h w"], keys: Sequence[str] = ()) -> None:
        """Refuse images with more instances than slots, before they go to a device.

        Raises:
            LabelError: with the first of them.
        """
        check_slots(instances, keys, slots=self.slots, system="OASIS")

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Draw the noise of each image, class or instance; without noise, take the most likely one, 0."""
        if not self.noise_channels:
            return Style(global_latent=torch.zeros(len(labels), 0, device=labels.device))
        owners = classes_of(labels, instances, slots=self.slots)
        units = {"image": 1, "class": self.classes, "instance": self.slots}[self.noise_unit]
        shape = (len(labels), units, self.noise_channels)
        drawn = noise.normal(*shape, device=labels.device) if noise else torch.zeros(shape, device=labels.device)
        if self.noise_unit == "class":
            rows = torch.arange(len(labels), device=labels.device)[:, None]
            drawn = drawn[rows, owners.clamp(min=0)]
        return Style(instances=drawn.expand(-1, self.slots, -1).contiguous(), instance_classes=owners)

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Draw noise: there is no encoder, so an image tells nothing."""
        return self.sample(labels, instances, noise)

    def synthesize(
        self, labels: Int[Tensor, "#b h w"], instances: Int[Tensor, "#b h w"], style: Style
    ) -> Float[Tensor, "b 3 h w"]:
        """Generate the images of these layouts in this style; one layout serves any number of styles."""
        return self.synthesize_on(self.layout(labels, instances), style)

    def synthesize_on(self, layout: RegionLayout, style: Style) -> Float[Tensor, "b 3 h w"]:
        """Generate the images of a prepared layout, which may be used again."""
        if style.instances is not None:
            return self.generator(NoisePyramid(layout, style.instances))
        assert style.global_latent is not None
        count = len(style.global_latent)
        image = self.generator(NoisePyramid(layout, style.global_latent.new_zeros(len(layout), self.slots, 0)))
        return image.expand(count, -1, -1, -1)

    def layout(self, labels: LabelMap, instances: InstanceMap) -> RegionLayout:
        """Return the layout as the generator reads it."""
        return RegionLayout(self._channels_of(labels), instances, classes=self.classes)

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return GAN and, if it has a weight, VGG, weighted."""
        fake, labels = self.reconstruct(batch, noise), self._channels_of(batch.labels)
        terms = {"GAN": real_segmentation(self.discriminator(fake), labels, self._class_weights(labels))}
        if self.losses.perceptual:
            network = self.perceptual
            assert network is not None, "the system was built with training=False"
            distance = perceptual_loss(network(fake), network.target(batch.image), network.weights)
            terms["VGG"] = self.losses.perceptual * distance
        return terms

    def discriminator_terms(self, batch: Batch, noise: Noise, fakes: Image | None = None) -> dict[str, Tensor]:
        """Return D_Fake, D_Real and, if it has a weight, D_LabelMix, weighted.

        The discriminator judges generated, real and mixed images in passes of their own, as released: its spectral
        vectors go on three times.
        """
        with torch.no_grad():
            fake = self.reconstruct(batch, noise) if fakes is None else fakes
        labels = self._channels_of(batch.labels)
        on_fake, on_real = self.discriminator(fake), self.discriminator(batch.image)
        terms = {
            "D_Fake": fake_segmentation(on_fake),
            "D_Real": real_segmentation(on_real, labels, self._class_weights(labels)),
        }
        if self.losses.label_mix:
            coins = noise.coins(self.classes, device=labels.device)
            mask = label_mix_mask(labels, coins, redraw_unknown=self.losses.redraw_unknown)
            on_mixed = self.discriminator(label_mix(mask, batch.image, fake))
            consistency = label_mix_consistency(mask, on_real=on_real, on_fake=on_fake, on_mixed=on_mixed)
            terms["D_LabelMix"] = self.losses.label_mix * consistency
        return terms

    def _channels_of(self, labels: LabelMap) -> LabelMap:
        """Return the channel of each pixel's class: its id, but for a class "unknown" that stands last."""
        return (labels + 1) % self.classes if self.unknown == "last" else labels

    def _class_weights(self, labels: LabelMap) -> Float[Tensor, " k"]:
        """Weigh classes by their pixels in the global batch; the release counts those of one process."""
        if not self.losses.balanced:
            return torch.ones(self.classes, device=labels.device)
        counts = torch.bincount(labels.flatten(), minlength=self.classes)
        pixels = counts.new_tensor(labels.numel())
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(counts)
            dist.all_reduce(pixels)
        if self.unknown is not None:
            counts[0] = 0
        return class_balance(counts, pixels=pixels)
