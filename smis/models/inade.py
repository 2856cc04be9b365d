"""INADE: every instance draws its own appearance from the distribution of its class.

Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int, Integer
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from smis.core.batch import Batch
from smis.core.config import Config as BaseConfig
from smis.core.errors import ParamsError
from smis.core.recipe import Recipe
from smis.core.sample import Slots, check_slots
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap, Sketch, size_text
from smis.core.style import Style, classes_of
from smis.losses.latent_losses import kl_divergence
from smis.models.common.adversarial_system import AdversarialSystem
from smis.models.common.layout_system import CLOTHING_GENERATOR, PAPERDOLL_GENERATOR
from smis.models.common.loss_terms import LossWeights
from smis.nn.discriminators import DiscriminatorConfig
from smis.nn.inade_norm import InadeNorm, InstancePyramid
from smis.nn.instance_encoder import FACTOR, InstanceEncoder
from smis.nn.perceptual import PerceptualConfig
from smis.nn.spade_generator import MULTIPLES, LinearStart, SpadeGenerator, channels_of, start_size

_RELEASED_SLICES = {"slices": (0.0, 0.0, 0.0, 1 / 4, 1.0)}
_DEFAULTS = "defaults of the released code"
_RECALLED = "paper, from memory"
_WIDE: dict[str, Any] = {"load": (256, 512), "crop": (256, 512)}
_UNSURE = "the paper was not at hand; whether its rates fall is not known here"
_PAPERDOLL: dict[str, Any] = PAPERDOLL_GENERATOR | {
    "latent": 64,
    "encoder_width": 16,
    "noise": 8,
    "slots": 16,
    # a sum over batch and code: at this size the released 0.05 outweighs the rest, and codes say nothing
    "losses": {"first_feature": 0, "kl": 0.005},
}
_CLOTHING: dict[str, Any] = _PAPERDOLL | CLOTHING_GENERATOR | {"noise": 16}


class Config(BaseConfig):
    """Size and loss weights of INADE; the defaults are the released ones.

    The presets are the released code's: it matches only the discriminator's last hidden layer and the VGG's last two
    slices, and it gives DeepFashion 8 noise channels (the paper's count of parameters has 64). Class counts include
    "don't care" where the release has it (ADE20K: 151).

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="deepfashion").build(classes=8, height=256, width=256, training=False)
        >>> sum(weight.numel() for weight in system.generator.parameters())
        84020995
    """

    title: ClassVar[str] = "INADE"
    paper: ClassVar[str] = (
        'Tan et al., "Diverse Semantic Image Synthesis via Probability Distribution Modeling" (CVPR 2021)'
    )
    varies: ClassVar[Literal["instance"]] = "instance"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepfashion": {"noise": 8, "slots": 8},
        "deepfashion_paper": {"slots": 8},
        "deepfashion_sketch": {"noise": 8, "slots": 8, "sketch": True},
        "cityscapes": {"upsamplings": 6, "slots": 256},
        "cityscapes_paper": {"upsamplings": 6, "slots": 256},
        "ade20k": {"slots": 151},
        "ade20k_paper": {"slots": 151},
        "celebamask": {"slots": 19},
        "paperdoll": _PAPERDOLL,
        "clothing": _CLOTHING,
        "clothing_large": _CLOTHING | {"upsamplings": 5},
    }

    recipes: ClassVar[dict[str, Recipe]] = {
        "deepfashion": Recipe(source=_DEFAULTS, batch=1, epochs=50),
        "deepfashion_sketch": Recipe(source=_DEFAULTS, batch=1, epochs=50),
        "deepfashion_paper": Recipe(source=_RECALLED, batch=32, epochs=100, note=_UNSURE),
        "cityscapes": Recipe(source=_DEFAULTS, batch=1, epochs=50, **_WIDE),
        "cityscapes_paper": Recipe(source=_RECALLED, batch=32, epochs=200, note=_UNSURE, **_WIDE),
        "ade20k": Recipe(source=_DEFAULTS, batch=1, epochs=50, load=(286, 286)),
        "ade20k_paper": Recipe(source=_RECALLED, batch=16, epochs=200, note=_UNSURE, load=(286, 286)),
        "celebamask": Recipe(source=_DEFAULTS, batch=1, epochs=50, load=(286, 286)),
    }

    width: PositiveInt = 64
    multiples: tuple[PositiveInt, ...] = MULTIPLES
    """Channels of the start map and after each block, in multiples of `width`."""
    latent: PositiveInt = 256
    """Length of the one code that the start map is made of."""
    encoder: bool = Field(default=True, exclude_if=bool)
    """Whether an instance's noise is learned from images as well (the release's `--use_vae`). Without, it is drawn,
    there is no term KLD, and no photograph can be encoded. Only `false` is written into a checkpoint."""
    encoder_width: PositiveInt = 64
    noise: PositiveInt = 64
    """Noise channels of each instance's scale, and as many of its shift."""
    upsamplings: Literal[3, 4, 5, 6, 7] = 5
    slots: Slots = 64
    """Instances that an image may have; one with more is refused. Every image draws noise for all slots, however few
    it fills: so the draws do not depend on how a batch is split."""
    sketch: bool = False
    """Whether the generator reads line drawings as well."""
    init_gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig.model_validate(_RELEASED_SLICES)
    losses: LossWeights = LossWeights(first_feature=3)

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "Inade":
        """Build the system for a number of classes and an image size.

        Raises:
            ParamsError: if the size does not fit the number of doublings.
            WeightsError: if the perceptual network's weights are needed for training and missing.
        """
        if self.encoder and (height % FACTOR or width % FACTOR):
            raise ParamsError(
                f"INADE's encoder halves an image of {size_text((height, width))} four times: both sides must be "
                f"multiples of {FACTOR}; set the data set's size"
            )
        channels = channels_of(self.width, upsamplings=self.upsamplings, multiples=self.multiples)
        rows, columns = start_size(height, width, upsamplings=self.upsamplings)
        generator = SpadeGenerator(
            fc=LinearStart(self.latent, channels=channels[0], height=rows, width=columns),
            channels=channels,
            make_norm=lambda channels, stage: InadeNorm(
                channels, classes=classes, noise=self.noise, sketch=self.sketch
            ),
            upsamplings=self.upsamplings,
        )
        system = Inade(
            generator=generator,
            encoder=InstanceEncoder(width=self.encoder_width, noise=self.noise) if self.encoder else None,
            discriminator=self.discriminator.build(channels=classes + 1 + 3),
            classes=classes,
            edges=True,
            slots=self.slots,
            latent=self.latent,
            noise=self.noise,
            sketched=self.sketch,
            losses=self.losses,
        )
        return system.ready(self, training=training)


class Inade(AdversarialSystem):
    """Networks and loss terms of INADE.

    A style's `instances` are (b, slots, 2, noise): the noise of each instance's scale, then of its shift. Its
    `global_latent`, the code of the start map, stays as it is when an instance is resampled.

    Example:
        >>> from smis.core.seeding import generator
        >>> system = Config(preset="paperdoll").build(classes=5, height=32, width=32, training=False).eval()
        >>> labels = torch.arange(32).expand(1, 32, 32) // 8
        >>> style = system.sample(labels, labels, Noise(generator(0)))
        >>> style.instances.shape, style.instance_classes[0, :5].tolist()
        (torch.Size([1, 16, 2, 8]), [0, 1, 2, 3, -1])
        >>> system.synthesize(labels, labels, style).shape
        torch.Size([1, 3, 32, 32])
    """

    varies = "instance"

    def __init__(self, *, slots: int, latent: int, noise: int, sketched: bool, **more: Any) -> None:
        super().__init__(**more)
        self.slots, self.latent, self.noise, self.sketched = slots, latent, noise, sketched

    def check_instances(self, instances: Integer[Tensor, "b h w"], keys: Sequence[str] = ()) -> None:
        """Refuse images with more instances than slots, before they go to a device.

        Raises:
            LabelError: with the first of them.
        """
        check_slots(instances, keys, slots=self.slots, system="INADE")

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Draw every instance from its class's prior; without noise, take the most likely codes.

        In the released order: the start map's code, then every slot's.
        """
        shapes = (len(labels), self.latent), (len(labels), self.slots, 2, self.noise)
        everything, codes = (
            noise.normal(*shape, device=labels.device) if noise else torch.zeros(shape, device=labels.device)
            for shape in shapes
        )
        owners = classes_of(labels, instances, slots=self.slots)
        return Style(global_latent=everything, instances=codes, instance_classes=owners)

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Encode every instance of an image: sample its codes, or without noise return their means.

        Without an encoder, they are sampled from the prior.
        """
        if self.encoder is None:
            return self.sample(labels, instances, noise)
        return self._encoded(image, labels, instances, noise)[0]

    def synthesize(
        self,
        labels: Int[Tensor, "#b h w"],
        instances: Int[Tensor, "#b h w"],
        style: Style,
        sketch: Float[Tensor, "#b 1 h w"] | None = None,
    ) -> Float[Tensor, "b 3 h w"]:
        """Generate the images of these layouts in this style; one layout serves any number of latents.

        A generator of sketches that gets none is given one without lines.
        """
        assert style.global_latent is not None
        assert style.instances is not None
        count = len(style.global_latent)
        lines = None
        if self.sketched:
            lines = style.global_latent.new_zeros(1, 1, *labels.shape[1:]) if sketch is None else sketch
            lines = lines.expand(count, -1, -1, -1)
        layout = InstancePyramid(labels.expand(count, -1, -1), instances.expand(count, -1, -1), style.instances, lines)
        return self.generator(style.global_latent, layout)

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return GAN, GAN_Feat, VGG and, with an encoder, KLD, weighted."""
        if self.encoder is None:
            return super().generator_terms(batch, noise)
        style, mean, log_variance = self._encoded(batch.image, batch.labels, batch.instances, noise)
        terms = self.terms_of(batch, self.synthesize(batch.labels, batch.instances, style, self._sketch(batch)))
        # scale and shift count half each; the released sum over the batch is an average over processes here
        divergence = kl_divergence(mean, log_variance) / 2 * batch.shares
        return terms | {"KLD": self.losses.kl * divergence}

    def reconstruct(self, batch: Batch, noise: Noise) -> Image:
        """Generate images from the encoded styles of a batch's own, or from sampled ones without an encoder."""
        style = self.encode(batch.image, batch.labels, batch.instances, noise)
        return self.synthesize(batch.labels, batch.instances, style, self._sketch(batch))

    def _sketch(self, batch: Batch) -> Sketch | None:
        if self.sketched and batch.sketch is None:
            raise ParamsError(
                "systems.inade.sketch is true, but the data set has no sketches to learn from; set it to false"
            )
        return batch.sketch if self.sketched else None

    def _encoded(
        self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None
    ) -> tuple[Style, Tensor, Tensor]:
        style = self.sample(labels, instances, noise)
        assert style.instances is not None
        mean, log_variance = self.required_encoder()(image, instances, slots=self.slots)
        codes = style.instances * torch.exp(0.5 * log_variance) + mean
        return replace(style, instances=codes), mean, log_variance


def borrow(
    style: Style,
    exemplar: tuple[Tensor, Tensor],
    *,
    target: int,
    source: int,
    released: bool = False,
) -> Style:
    """Let one instance of a sampled style follow an instance of an exemplar: its noise, scaled and shifted.

    Args:
        style: was sampled.
        exemplar: the encoder's (mean, log variance) of an image, (b, slots, 2, noise) each.
        target: slot of the instance that changes.
        source: slot of the exemplar's instance.
        released: use the distribution of the shift for the scale as well. The release's demo does, by two names of one
            list.

    Example:
        >>> style = Style(instances=torch.randn(1, 4, 2, 8))
        >>> mean, log_variance = torch.full((1, 4, 2, 8), 3.0), torch.full((1, 4, 2, 8), -1e9)
        >>> borrow(style, (mean, log_variance), target=2, source=0).instances[0, 2].unique()
        tensor([3.])
    """
    mean, log_variance = (part[:, source, [1, 1] if released else [0, 1]] for part in exemplar)
    assert style.instances is not None
    codes = style.instances.clone()
    codes[:, target] = codes[:, target] * torch.exp(0.5 * log_variance) + mean
    return replace(style, instances=codes)
