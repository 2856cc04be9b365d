"""SEAN: every class of an image has a style of its own, the mean of an encoder's features over it.

Zhu et al., "SEAN: Image Synthesis with Semantic Region-Adaptive Normalization" (CVPR 2020).
"""

from functools import partial
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from smis.core.batch import Batch
from smis.core.config import Config as BaseConfig
from smis.core.errors import ParamsError
from smis.core.recipe import Recipe
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style
from smis.models.common.layout_system import PAPERDOLL_GENERATOR, LayoutSystem
from smis.models.common.loss_terms import LossWeights
from smis.nn.discriminators import DiscriminatorConfig, MultiscaleDiscriminator
from smis.nn.label_maps import LabelPyramid
from smis.nn.perceptual import PerceptualConfig
from smis.nn.sean_generator import SeanGenerator
from smis.nn.sean_norm import SeanPyramid
from smis.nn.spade_generator import MULTIPLES, channels_of, start_size
from smis.nn.style_encoder import StyleEncoder

_PAPERDOLL: dict[str, Any] = PAPERDOLL_GENERATOR | {"hidden": 16, "style": 32, "encoder_width": 8, "init_gain": 0.5}
_DISCRIMINATOR = {"layers": 3}
_README = "released code and its README"
_RELEASED: dict[str, Any] = {"batch": 32, "epochs": 50, "decay_epochs": 50}


class Config(BaseConfig):
    """Sizes of SEAN; the defaults are the released CelebAMask-HQ setting.

    The presets follow the released code. It has one linear map for each class in every normalization layer, where the
    paper has one set for each block. Its normalization layers have 19 of them whatever the data set: the preset
    `custom`; fewer classes leave some unused, more are refused.

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="celebamask").build(classes=19, height=256, width=256, training=False)
        >>> sum(weight.numel() for part in (system.generator, system.encoder) for weight in part.parameters())
        266907367
    """

    title: ClassVar[str] = "SEAN"
    paper: ClassVar[str] = 'Zhu et al., "SEAN: Image Synthesis with Semantic Region-Adaptive Normalization" (CVPR 2020)'
    varies: ClassVar[Literal["class"]] = "class"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "celebamask": {"discriminator": _DISCRIMINATOR},
        "custom": {"discriminator": _DISCRIMINATOR, "style_layers": 19},
        "deepfashion": {"discriminator": _DISCRIMINATOR},
        "paperdoll": _PAPERDOLL,
        "clothing": _PAPERDOLL,
        "clothing_large": _PAPERDOLL | {"upsamplings": 5},
    }

    recipes: ClassVar[dict[str, Recipe]] = {
        "celebamask": Recipe(source=_README, **_RELEASED),
        "custom": Recipe(source=_README, **_RELEASED),
        "deepfashion": Recipe(source="not released; as the release trains on CelebAMask-HQ", **_RELEASED),
    }

    width: PositiveInt = 64
    multiples: tuple[PositiveInt, ...] = MULTIPLES
    """Channels of the start map and after each block, in multiples of `width`."""
    hidden: PositiveInt = 128
    """Channels inside a normalization layer."""
    style: PositiveInt = 512
    """Length of each class's code."""
    style_layers: PositiveInt | None = None
    """Classes that a normalization layer has linear maps for; null: as many as there are."""
    encoder_width: PositiveInt = 32
    """Channels after the encoder's first layer."""
    exemplars: NonNegativeInt = 64
    """Codes of training images that the encoder keeps for each class, the newest ones. SEAN has no prior: a sample
    takes one of them for each class. With 0, as in the release, which has files of them, nothing can be sampled."""
    edges: bool = False
    """Whether the instance edges are a channel of the label map; then they are a region with a code of its own."""
    upsamplings: Literal[3, 4, 5, 6] = 5
    init_gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig.model_validate(_DISCRIMINATOR)
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "Sean":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        regions = classes + self.edges
        start_size(height, width, upsamplings=self.upsamplings)
        if self.style_layers is not None and self.style_layers < regions:
            raise ParamsError(
                f"style_layers is {self.style_layers}, but there are {regions} regions ({classes} classes"
                f"{' and edges' if self.edges else ''}), each of which needs one; set it to null: one for each"
            )
        system = Sean(
            generator=SeanGenerator(
                regions,
                channels=channels_of(self.width, upsamplings=self.upsamplings, multiples=self.multiples),
                hidden=self.hidden,
                style=self.style,
                style_layers=self.style_layers or regions,
                upsamplings=self.upsamplings,
            ),
            encoder=StyleEncoder(style=self.style, width=self.encoder_width, regions=regions, exemplars=self.exemplars),
            discriminator=self.discriminator.build(
                partial(MultiscaleDiscriminator, halving=True), channels=regions + 3
            ),
            classes=classes,
            edges=self.edges,
            style=self.style,
            losses=self.losses,
        )
        return system.ready(self, training=training)


class Sean(LayoutSystem):
    """Generate from the label map and a code for each class, which is the mean of an encoder's features.

    Trained to reconstruct images from their own codes (4.1): adversarial, feature matching and perceptual terms. A
    style's `classes` are the codes, (b, classes, style), 0 for a class that an encoded image does not have. Its
    `global_latent` is the noise of all normalization layers, (b, n) with n for one size of images; with edges their
    code comes first. There is no prior: `sample` takes the code of a training image for each class.

    Example:
        >>> from smis.core.seeding import generator
        >>> system = Config(preset="paperdoll").build(classes=5, height=32, width=32, training=False).eval()
        >>> labels = torch.arange(32).expand(1, 32, 32) // 8
        >>> style = system.encode(torch.rand(1, 3, 32, 32), labels, labels, Noise(generator(0)))
        >>> style.classes.shape, style.global_latent.shape
        (torch.Size([1, 5, 32]), torch.Size([1, 4088]))
        >>> system.synthesize(labels, labels, style).shape
        torch.Size([1, 3, 32, 32])
    """

    varies = "class"
    generator: SeanGenerator

    def __init__(self, *, style: int, **more: Any) -> None:
        super().__init__(**more)
        self.style_length = style

    @property
    def can_sample(self) -> bool:
        """Whether there are codes of training images to sample from."""
        exemplars = getattr(self.encoder, "exemplars", None)
        return exemplars is not None and bool(exemplars.added.any())

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Take a training image's code for each class, present or not; without noise, the mean code, and no noise.

        Codes are 0 where no training image's are known.
        """
        planes = self._planes(labels, noise)
        encoder = self.encoder
        if not isinstance(encoder, StyleEncoder):
            return self._style(planes.new_zeros(len(labels), self.classes + self.edges, self.style_length), planes)
        return self._style(encoder.choose(len(labels), noise, like=planes), planes)

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Encode every class of an image, which leaves nothing to chance, and draw the noise of the layers.

        Without noise, there is none in the layers either.
        """
        codes = self.required_encoder()(image, self.layout(labels, instances, cache=False))
        return self._style(codes, self._planes(labels, noise))

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the weighted terms GAN, GAN_Feat and VGG; in training, the encoder keeps the codes of the images."""
        style = self.encode(batch.image, batch.labels, batch.instances, noise)
        if self.training:
            encoder = self.required_encoder()
            assert isinstance(encoder, StyleEncoder)
            encoder.remember(self._codes(style)[0], self.layout(batch.labels, batch.instances, cache=False))
        return self.terms_of(batch, self.synthesize(batch.labels, batch.instances, style))

    def synthesize_on(self, layout: LabelPyramid, style: Style) -> Float[Tensor, "b 3 h w"]:
        """Generate the images of a prepared layout, which may be used again."""
        codes, flat = self._codes(style)
        sizes = self.generator.plane_sizes(*layout.size)
        planes = flat.split([height * width for height, width in sizes], dim=1)
        shaped = [plane.unflatten(1, (width, height)) for plane, (height, width) in zip(planes, sizes, strict=True)]
        pyramid = SeanPyramid(layout, codes, shaped)
        return self.generator(pyramid, pyramid)

    def _planes(self, labels: LabelMap, noise: Noise | None) -> Float[Tensor, "b n"]:
        """Draw each layer's plane, in the order and the layout of the release."""
        sizes = self.generator.plane_sizes(labels.shape[1], labels.shape[2])
        if noise is None:
            return torch.zeros(len(labels), sum(height * width for height, width in sizes), device=labels.device)
        planes = [noise.normal(len(labels), width, height, 1, device=labels.device) for height, width in sizes]
        return torch.cat([plane.flatten(1) for plane in planes], dim=1)

    def _style(self, codes: Float[Tensor, "b r s"], planes: Float[Tensor, "b n"]) -> Style:
        edges = codes[:, self.classes :].flatten(1)
        return Style(global_latent=torch.cat([edges, planes], dim=1), classes=codes[:, : self.classes])

    def _codes(self, style: Style) -> tuple[Float[Tensor, "b r s"], Float[Tensor, "b n"]]:
        """Return the code of each region, and the noise of all layers."""
        assert style.classes is not None
        assert style.global_latent is not None
        edges, planes = style.global_latent.tensor_split([self.style_length * self.edges], dim=1)
        return torch.cat([style.classes, edges.unflatten(1, (-1, self.style_length))], dim=1), planes
