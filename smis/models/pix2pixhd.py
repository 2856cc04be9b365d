"""pix2pixHD: the label map alone decides the image, read once, at the generator's entrance."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int, Integer
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from torch import Tensor, nn

from smis.core.config import Config as BaseConfig
from smis.core.recipe import Recipe
from smis.core.sample import Slots, check_slots
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style, classes_of
from smis.models.common.adversarial_system import PIX2PIX_RECIPE, AdversarialSystem
from smis.models.common.loss_terms import HINGE, LEAST_SQUARES, LossWeights
from smis.nn.discriminators import DiscriminatorConfig, MultiscaleDiscriminator, Pix2PixHDDiscriminator
from smis.nn.initialize import initialize, initialize_normally
from smis.nn.perceptual import PerceptualConfig
from smis.nn.pix2pixhd_generator import (
    FeatureEncoder,
    GlobalGenerator,
    LocalEnhancer,
    features_at_pixels,
    instance_norm,
    spectral_instance_norm,
)
from smis.nn.unet_generator import check_divisible

_NOT_RELEASED = (
    "inferred: the authors of SMIS did not release how they trained pix2pixHD; optimizer, epochs and batch are the "
    "defaults of pix2pixHD's released code, sizes are those of the data set in SMIS"
)
_IN_SPADE = (
    "inferred: the code base of SPADE has the network and no command that trains it; as its SPADE on this data set"
)
_NVIDIA: dict[str, Any] = PIX2PIX_RECIPE | {"source": _NOT_RELEASED, "batch": 1}
_SPADE: dict[str, Any] = {"source": _IN_SPADE, "epochs": 100, "decay_epochs": 100}
_LARGER: dict[str, Any] = {"load": (286, 286), "crop": (256, 256)}
_WIDE: dict[str, Any] = {"load": (256, 512), "crop": (256, 512)}
_PAPERDOLL: dict[str, Any] = {
    "width": 16,
    "downsamplings": 3,
    "blocks": 4,
    "discriminator": {"width": 32, "layers": 3},
    "perceptual": {"network": "stlpips_vgg16", "slices": (8.0, 8.0), "shrink": 2},
    # in a short training the released 10 outweighs the rest, and places saturate
    "losses": {"feature_matching": 2.0},
}


class Config(BaseConfig):
    """Sizes of pix2pixHD; the defaults are NVIDIA's release. Class counts include "don't care".

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="deepfashion").build(classes=8, height=256, width=256, training=False)
        >>> sum(weight.numel() for weight in system.generator.parameters())
        182458947
    """

    title: ClassVar[str] = "pix2pixHD"
    paper: ClassVar[str] = (
        'Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR 2018)'
    )
    varies: ClassVar[Literal["nothing"]] = "nothing"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepfashion": {},
        "cityscapes": {"edges": True},
        "cityscapes_features": {"edges": True, "features": 3, "slots": 256},
        "ade20k": {},
        "cityscapes_spade": {"variant": "spade", "edges": True},
        "ade20k_spade": {"variant": "spade"},
        "paperdoll": _PAPERDOLL,
        "clothing": _PAPERDOLL,
        "clothing_large": _PAPERDOLL | {"downsamplings": 4},
    }
    recipes: ClassVar[dict[str, Recipe]] = {
        "deepfashion": Recipe.model_validate(_NVIDIA),
        "cityscapes": Recipe.model_validate(_NVIDIA | _WIDE | {"source": "released code; the size is SMIS's"}),
        "cityscapes_features": Recipe.model_validate(_NVIDIA | _WIDE | {"source": "released code; the size is SMIS's"}),
        "ade20k": Recipe.model_validate(_NVIDIA | _LARGER),
        "cityscapes_spade": Recipe.model_validate(_SPADE | _WIDE | {"batch": 16}),
        "ade20k_spade": Recipe.model_validate(_SPADE | _LARGER | {"batch": 32}),
    }

    variant: Literal["nvidia", "spade"] = "nvidia"
    """Whose network: NVIDIA's, with its own discriminator and the least-squares loss; or the one in the code base of
    SPADE, spectrally normalized and without biases, with SPADE's discriminator and the hinge loss."""
    generator: Literal["global", "enhanced"] = "global"
    """Whether layers at the full size stand about the global generator; they are released with width 32 and 3
    downsamplings."""
    width: PositiveInt = 64
    downsamplings: PositiveInt = 4
    blocks: PositiveInt = 9
    local_blocks: PositiveInt = 3
    """Residual blocks at the full size, if enhanced."""
    edges: bool = False
    """Whether the instance edges are a channel of the label map."""
    features: NonNegativeInt = 0
    """Numbers that an encoder gives for each instance of an image; 0 is without."""
    feature_width: PositiveInt = 16
    slots: Slots = 64
    """Instances that an image may have, if they have features."""
    init_gain: PositiveFloat = 0.02
    """Of the first weights: NVIDIA's have this deviation, SPADE's this gain."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    @model_validator(mode="after")
    def _there_is_such_a_network(self) -> "Config":
        if self.variant == "spade" and self.generator == "enhanced":
            raise ValueError("the variant 'spade' has no 'enhanced' generator; set `generator: global`")
        return self

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "Pix2PixHD":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        downsamplings = self.downsamplings + (self.generator == "enhanced")
        check_divisible(height, width, downsamplings=downsamplings, least=2, remedy="downsamplings")
        known, spade = classes + self.edges, self.variant == "spade"
        system = Pix2PixHD(
            generator=self._generator(known + self.features),
            encoder=self._encoder(),
            discriminator=self.discriminator.build(
                MultiscaleDiscriminator if spade else Pix2PixHDDiscriminator, channels=known + 3
            ),
            objective=HINGE if spade else LEAST_SQUARES,
            classes=classes,
            edges=self.edges,
            slots=self.slots,
            losses=self.losses,
        )
        return system.ready(self, training=training, init=initialize if spade else initialize_normally)

    def _generator(self, channels: int) -> nn.Module:
        sizes = {"width": self.width, "downsamplings": self.downsamplings, "blocks": self.blocks}
        if self.generator == "enhanced":
            return LocalEnhancer(channels, local_blocks=self.local_blocks, **sizes)
        normalize = spectral_instance_norm if self.variant == "spade" else instance_norm
        return GlobalGenerator(channels, normalize=normalize, **sizes)

    def _encoder(self) -> FeatureEncoder | None:
        if not self.features:
            return None
        return FeatureEncoder(self.features, width=self.feature_width, downsamplings=self.downsamplings)


class Pix2PixHD(AdversarialSystem):
    """Generate from the label map; nothing is sampled, so one label map has one image.

    Wang et al. (CVPR 2018), 3.2 and 4.1: adversarial, feature matching and perceptual terms, in `objective`. With an
    encoder (3.4), an image's instances can be given the features of another's. The release samples features from
    clusters that it finds after training, which is left out: a sample here has features of 0, the middle of their
    range. NVIDIA's release shows the discriminator the images of the generator's step; here they are generated anew.

    Example:
        >>> from smis.core.seeding import generator
        >>> system = Config(preset="paperdoll").build(classes=5, height=32, width=32, training=False).eval()
        >>> labels = torch.arange(32).expand(1, 32, 32) // 8
        >>> styles = [system.sample(labels, labels, Noise(generator(seed))) for seed in (0, 1)]
        >>> torch.equal(*(system.synthesize(labels, labels, style) for style in styles))
        True
    """

    def __init__(self, *, slots: int, **more: Any) -> None:
        super().__init__(**more)
        self.slots = slots
        self.features = self.encoder.features if isinstance(self.encoder, FeatureEncoder) else 0
        self.varies = "instance" if self.features else "nothing"

    def check_instances(self, instances: Integer[Tensor, "b h w"], keys: Sequence[str] = ()) -> None:
        """Refuse images with more instances than slots, before they go to a device, if instances have features.

        Raises:
            LabelError: with the first of them.
        """
        if self.features:
            check_slots(instances, keys, slots=self.slots, system="pix2pixHD")

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise) -> Style:
        """Return a latent without channels, which only says how many images there are, and features of 0."""
        return self._style(labels, instances, torch.zeros(len(labels), self.slots, self.features, device=labels.device))

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Return each instance's features; without an encoder, an image tells nothing that the label map does not."""
        if not self.features:
            return self.sample(labels, instances, Noise(torch.Generator()))
        return self._style(labels, instances, self.required_encoder()(image, instances, slots=self.slots))

    def synthesize(
        self, labels: Int[Tensor, "#b h w"], instances: Int[Tensor, "#b h w"], style: Style
    ) -> Float[Tensor, "b 3 h w"]:
        """Generate the images; one layout serves any number of latents."""
        assert style.global_latent is not None
        known = self.label_channels(labels, instances)
        if style.instances is None:
            return self.generator(known).expand(len(style.global_latent), -1, -1, -1)
        features = features_at_pixels(style.instances, instances)
        return self.generator(torch.cat([known.expand(len(features), -1, -1, -1), features], dim=1))

    def _style(self, labels: LabelMap, instances: InstanceMap, features: Float[Tensor, "b slots f"]) -> Style:
        nothing = torch.zeros(len(labels), 0, device=labels.device)
        if not self.features:
            return Style(global_latent=nothing)
        owners = classes_of(labels, instances, slots=self.slots)
        return Style(global_latent=nothing, instances=features, instance_classes=owners)
