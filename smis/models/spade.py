"""SPADE: the label map alone decides the image, through normalization layers that read it at every size."""

from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from smis.core.config import Config as BaseConfig
from smis.core.recipe import Recipe
from smis.models.common.layout_system import CLOTHING_GENERATOR, PAPERDOLL_GENERATOR, DeterministicSystem
from smis.models.common.loss_terms import LossWeights
from smis.nn.discriminators import DiscriminatorConfig
from smis.nn.perceptual import PerceptualConfig
from smis.nn.spade_generator import MULTIPLES, LabelMapStart, SpadeGenerator, channels_of, start_size
from smis.nn.spade_norm import SpadeNorm

_PAPERDOLL: dict[str, Any] = PAPERDOLL_GENERATOR | {"hidden": 16, "init_gain": 0.5}
_CLOTHING: dict[str, Any] = _PAPERDOLL | CLOTHING_GENERATOR | {"multiples": (8, 8, 8, 8, 7, 5, 3, 2)}
_DEFAULTS = "defaults of the released code"
_PAPER = "paper, 4"
_PAPER_STEP: dict[str, Any] = {"batch": 32, "betas": (0.0, 0.999)}
_WIDE: dict[str, Any] = {"load": (256, 512), "crop": (256, 512)}


class Config(BaseConfig):
    """Sizes of SPADE; the defaults are the released ADE20K setting. Class counts include "don't care".

    The networks of the paper and of the release are the same; its batches, epochs and second beta are larger (the
    presets `..._paper`).

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="ade20k").build(classes=151, height=256, width=256, training=False)
        >>> sum(weight.numel() for weight in system.generator.parameters())
        96492483
    """

    title: ClassVar[str] = "SPADE"
    paper: ClassVar[str] = 'Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019)'
    varies: ClassVar[Literal["nothing"]] = "nothing"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "ade20k": {},
        "ade20k_paper": {},
        "cityscapes": {"upsamplings": 6, "edges": True},
        "cityscapes_paper": {"upsamplings": 6, "edges": True},
        "coco": {"edges": True},
        "coco_paper": {"edges": True},
        "facades": {},
        "deepfashion": {"upsamplings": 6},
        "paperdoll": _PAPERDOLL,
        "clothing": _CLOTHING,
        "clothing_large": _CLOTHING | {"upsamplings": 5},
    }

    recipes: ClassVar[dict[str, Recipe]] = {
        "ade20k": Recipe(source=_DEFAULTS, batch=1, epochs=50, load=(286, 286)),
        "ade20k_paper": Recipe(source=_PAPER, epochs=100, decay_epochs=100, load=(286, 286), **_PAPER_STEP),
        "cityscapes": Recipe(source=_DEFAULTS, batch=1, epochs=50, **_WIDE),
        "cityscapes_paper": Recipe(source=_PAPER, epochs=100, decay_epochs=100, **_WIDE, **_PAPER_STEP),
        "coco": Recipe(source=_DEFAULTS, batch=1, epochs=50, load=(286, 286)),
        "coco_paper": Recipe(source=_PAPER, epochs=100, load=(286, 286), **_PAPER_STEP),
        "facades": Recipe(source=_DEFAULTS, batch=1, epochs=50, load=(286, 286)),
        "deepfashion": Recipe(
            source="not released; as the authors of GroupDNet trained theirs", batch=8, epochs=60, decay_epochs=40
        ),
    }

    width: PositiveInt = 64
    multiples: tuple[PositiveInt, ...] = MULTIPLES
    """Channels of the start map and after each block, in multiples of `width`."""
    hidden: PositiveInt = 128
    """Channels inside a normalization layer."""
    edges: bool = False
    """Whether the instance edges are a channel of the label map."""
    upsamplings: Literal[3, 4, 5, 6, 7] = 5
    init_gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "Spade":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        channels = channels_of(self.width, upsamplings=self.upsamplings, multiples=self.multiples)
        known = classes + self.edges
        start_size(height, width, upsamplings=self.upsamplings)
        system = Spade(
            generator=SpadeGenerator(
                fc=LabelMapStart(known, channels=channels[0], downsamplings=self.upsamplings),
                channels=channels,
                make_norm=lambda features, stage: SpadeNorm(features, label_channels=known, hidden=self.hidden),
                upsamplings=self.upsamplings,
            ),
            discriminator=self.discriminator.build(channels=known + 3),
            classes=classes,
            edges=self.edges,
            losses=self.losses,
        )
        return system.ready(self, training=training)


class Spade(DeterministicSystem):
    """Generate from the label map; nothing is sampled, so one label map has one image.

    Park et al. (CVPR 2019), 3 and A: adversarial, feature matching and perceptual terms.

    Example:
        >>> import torch
        >>> from smis.core.seeding import Noise, generator
        >>> system = Config(preset="paperdoll").build(classes=5, height=32, width=32, training=False).eval()
        >>> labels = torch.arange(32).expand(1, 32, 32) // 8
        >>> styles = [system.sample(labels, labels, Noise(generator(seed))) for seed in (0, 1)]
        >>> torch.equal(*(system.synthesize(labels, labels, style) for style in styles))
        True
    """
