"""VSPADE: SPADE with the variational image encoder, one latent code for the whole image."""

from typing import Any, ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from smis.core.config import Config as BaseConfig
from smis.core.recipe import Recipe
from smis.models.common.layout_system import CLOTHING_GENERATOR, PAPERDOLL_GENERATOR, ImageLatents
from smis.models.common.loss_terms import LossWeights
from smis.nn.discriminators import DiscriminatorConfig
from smis.nn.image_encoder import ImageEncoder
from smis.nn.perceptual import PerceptualConfig
from smis.nn.spade_generator import MULTIPLES, LinearStart, SpadeGenerator, channels_of, start_size
from smis.nn.spade_norm import SpadeNorm

_PAPERDOLL: dict[str, Any] = PAPERDOLL_GENERATOR | {
    "hidden": 16,
    "encoder_width": 16,
    "encoder_size": 64,
    "latent": 64,
    # a sum over batch and code: at this size the released 0.05 outweighs the rest, and codes say nothing
    "losses": {"kl": 0.002},
    "init_gain": 0.5,
}
_CLOTHING: dict[str, Any] = _PAPERDOLL | CLOTHING_GENERATOR | {"encoder_width": 8, "latent": 32, "upsamplings": 5}
_AS_GROUPDNET = "not released; as the authors of GroupDNet trained theirs"
_WIDE: dict[str, Any] = {"load": (256, 512), "crop": (256, 512)}


class Config(BaseConfig):
    """Sizes of VSPADE; the defaults are the setting that the authors of GroupDNet trained on DeepFashion.

    Theirs starts at a 64th of the image's size. `ade20k_spade` and `coco` are those of SPADE's own release, which
    starts at a 32nd; on Cityscapes both are the same.

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="deepfashion").build(classes=8, height=256, width=256, training=False)
        >>> sum(weight.numel() for part in (system.generator, system.encoder) for weight in part.parameters())
        106808707
    """

    title: ClassVar[str] = "VSPADE"
    paper: ClassVar[str] = (
        'Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019), as trained by '
        'Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020)'
    )
    varies: ClassVar[Literal["global"]] = "global"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepfashion": {},
        "cityscapes": {"edges": True},
        "ade20k": {},
        "ade20k_spade": {"upsamplings": 5},
        "coco": {"upsamplings": 5, "edges": True},
        "paperdoll": _PAPERDOLL,
        "clothing": _CLOTHING,
        "clothing_large": _CLOTHING | {"encoder_size": 128, "upsamplings": 6},
    }

    recipes: ClassVar[dict[str, Recipe]] = {
        "deepfashion": Recipe(source=_AS_GROUPDNET, batch=8, epochs=60, decay_epochs=40),
        "cityscapes": Recipe(source=_AS_GROUPDNET, batch=4, epochs=100, decay_epochs=100, **_WIDE),
        "ade20k": Recipe(source=_AS_GROUPDNET, batch=4, epochs=100, decay_epochs=100, load=(286, 286)),
        "ade20k_spade": Recipe(source="defaults of SPADE's released code", batch=1, epochs=50, load=(286, 286)),
        "coco": Recipe(source="defaults of SPADE's released code", batch=1, epochs=50, load=(286, 286)),
    }

    width: PositiveInt = 64
    multiples: tuple[PositiveInt, ...] = MULTIPLES
    hidden: PositiveInt = 128
    """Channels inside a normalization layer."""
    latent: PositiveInt = 256
    """Length of the latent."""
    edges: bool = False
    """Whether the instance edges are a channel of the label map."""
    encoder_width: PositiveInt = 64
    encoder_size: Literal[8, 16, 32, 64, 128, 256, 512] = 256
    """Side that the encoder resizes images to; each doubling of 4 is a layer."""
    upsamplings: Literal[3, 4, 5, 6, 7] = 6
    init_gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "Vspade":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        size = start_size(height, width, upsamplings=self.upsamplings)
        channels = channels_of(self.width, upsamplings=self.upsamplings, multiples=self.multiples)
        known = classes + self.edges
        system = Vspade(
            generator=SpadeGenerator(
                fc=LinearStart(self.latent, channels=channels[0], height=size[0], width=size[1]),
                channels=channels,
                make_norm=lambda features, stage: SpadeNorm(features, label_channels=known, hidden=self.hidden),
                upsamplings=self.upsamplings,
            ),
            encoder=ImageEncoder(width=self.encoder_width, latent=self.latent, size=self.encoder_size),
            discriminator=self.discriminator.build(channels=known + 3),
            classes=classes,
            latent=self.latent,
            edges=self.edges,
            losses=self.losses,
        )
        return system.ready(self, training=training)


class Vspade(ImageLatents):
    """Encode the whole image as one code, generate from it.

    Park et al. (CVPR 2019), 4 and A: adversarial, feature matching, perceptual and divergence terms.

    Example:
        >>> import torch
        >>> from smis.core.seeding import Noise, generator
        >>> system = Config(preset="paperdoll").build(classes=5, height=32, width=32, training=False).eval()
        >>> labels = torch.arange(32).expand(2, 32, 32) // 8
        >>> style = system.sample(labels, labels, Noise(generator(0)))
        >>> style.global_latent.shape, system.synthesize(labels, labels, style).shape
        (torch.Size([2, 64]), torch.Size([2, 3, 32, 32]))
    """
