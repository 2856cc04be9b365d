"""CLADE: SPADE with scale and shift looked up by class, at a fraction of its cost."""

from collections.abc import Collection
from typing import Any, ClassVar, Literal

from jaxtyping import Float, Int
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from smis.core.config import Config as BaseConfig
from smis.core.recipe import Recipe
from smis.core.shapes import InstanceMap, LabelMap
from smis.core.style import Style
from smis.models.common.layout_system import (
    CLOTHING_GENERATOR,
    PAPERDOLL_GENERATOR,
    DeterministicSystem,
    ImageLatents,
    LayoutSystem,
)
from smis.models.common.loss_terms import LossWeights
from smis.nn.clade_norm import CladeNorm, ClassAffine
from smis.nn.discriminators import DiscriminatorConfig
from smis.nn.image_encoder import ImageEncoder
from smis.nn.label_maps import LabelPyramid
from smis.nn.perceptual import PerceptualConfig
from smis.nn.positional_maps import positional_maps
from smis.nn.spade_generator import MULTIPLES, LabelMapStart, LinearStart, SpadeGenerator, channels_of, start_size

_PAPERDOLL: dict[str, Any] = PAPERDOLL_GENERATOR | {
    "init_gain": 0.5,
    "encoder_width": 16,
    "encoder_size": 64,
    "latent": 64,
    # a sum over batch and code: at this size the released 0.05 outweighs the rest, and codes say nothing
    "losses": {"kl": 0.002},
}
_CLOTHING: dict[str, Any] = _PAPERDOLL | CLOTHING_GENERATOR
_CITYSCAPES: dict[str, Any] = {"upsamplings": 6, "edges": True}
_COCO: dict[str, Any] = {"edges": True}
_ICPE: dict[str, Any] = {"positions": True}
_ENCODED: dict[str, Any] = {"variational": True}

_DEFAULTS = "defaults of the released code"
_RECALLED = "paper, from memory"
_UNSURE = "batches of 16 to 32; decays in the second half"
_SQUARE: dict[str, Any] = {"load": (286, 286)}
_WIDE: dict[str, Any] = {"load": (256, 512), "crop": (256, 512)}
_RELEASED: dict[str, Any] = {"source": _DEFAULTS, "batch": 1, "epochs": 50}
_LONG: dict[str, Any] = {"source": _RECALLED, "batch": 16, "epochs": 100, "decay_epochs": 100, "note": _UNSURE}


_SHORT: dict[str, Any] = _LONG | {"epochs": 50, "decay_epochs": 50}


def _variants(dataset: str) -> tuple[str, ...]:
    return dataset, f"{dataset}_icpe", f"{dataset}_vae", f"{dataset}_icpe_vae"


class Config(BaseConfig):
    """Sizes of CLADE; the defaults are the released ADE20K setting. Class counts include "don't care".

    Presets with `icpe` have positional maps, those with `vae` the variational encoder of SPADE. The released
    checkpoints of ADE20K-outdoor are of the presets `ade20k` and `ade20k_icpe`.

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="ade20k").build(classes=151, height=256, width=256, training=False)
        >>> sum(weight.numel() for weight in system.generator.parameters())
        71427267
    """

    title: ClassVar[str] = "CLADE"
    paper: ClassVar[str] = (
        'Tan et al., "Efficient Semantic Image Synthesis via Class-Adaptive Normalization" (TPAMI 2021)'
    )
    varies: ClassVar[Literal["nothing"]] = "nothing"
    """What varies by default; with `variational`, everything does."""
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "ade20k": {},
        "ade20k_icpe": _ICPE,
        "ade20k_vae": _ENCODED,
        "ade20k_icpe_vae": _ICPE | _ENCODED,
        "ade20k_paper": {},
        "ade20k_icpe_paper": _ICPE,
        "cityscapes": _CITYSCAPES,
        "cityscapes_icpe": _CITYSCAPES | _ICPE,
        "cityscapes_vae": _CITYSCAPES | _ENCODED,
        "cityscapes_icpe_vae": _CITYSCAPES | _ICPE | _ENCODED,
        "cityscapes_paper": _CITYSCAPES,
        "cityscapes_icpe_paper": _CITYSCAPES | _ICPE,
        "coco": _COCO,
        "coco_icpe": _COCO | _ICPE,
        "coco_vae": _COCO | _ENCODED,
        "coco_icpe_vae": _COCO | _ICPE | _ENCODED,
        "coco_paper": _COCO,
        "coco_icpe_paper": _COCO | _ICPE,
        "deepfashion": {"upsamplings": 6},
        "paperdoll": _PAPERDOLL,
        "clothing": _CLOTHING,
        "clothing_large": _CLOTHING | {"upsamplings": 5, "encoder_size": 128},
    }

    recipes: ClassVar[dict[str, Recipe]] = {
        **dict.fromkeys(_variants("ade20k"), Recipe(**_RELEASED, **_SQUARE)),
        **dict.fromkeys(_variants("cityscapes"), Recipe(**_RELEASED, **_WIDE)),
        **dict.fromkeys(_variants("coco"), Recipe(**_RELEASED, **_SQUARE)),
        **dict.fromkeys(("ade20k_paper", "ade20k_icpe_paper"), Recipe(**_LONG, **_SQUARE)),
        **dict.fromkeys(("cityscapes_paper", "cityscapes_icpe_paper"), Recipe(**_LONG, **_WIDE)),
        **dict.fromkeys(("coco_paper", "coco_icpe_paper"), Recipe(**_SHORT, **_SQUARE)),
        "deepfashion": Recipe(
            source="not released; as the authors of GroupDNet trained theirs", batch=8, epochs=60, decay_epochs=40
        ),
    }

    width: PositiveInt = 64
    multiples: tuple[PositiveInt, ...] = MULTIPLES
    """Channels of the start map and after each block, in multiples of `width`."""
    edges: bool = False
    """Whether the instance edges are a channel of the label map, and of what each normalization layer gives."""
    positions: bool = False
    """Whether scale and shift vary with the place in a region (the release's `--add_dist`, ICPE)."""
    unmapped: tuple[NonNegativeInt, ...] = (0,)
    """Classes without positional maps. The release's 0 is "unknown" on ADE20K and Cityscapes, but people on COCO."""
    position_init: Literal["small", "zero"] = "small"
    """First weights of the positional maps' convolutions: small like all others, as the release's are in the end, or
    zero, as its constructor and the paper have them."""
    variational: bool = False
    """Whether an encoder gives the start map a latent (the release's `--use_vae`)."""
    latent: PositiveInt = 256
    """Length of that latent."""
    encoder_width: PositiveInt = 64
    encoder_size: Literal[8, 16, 32, 64, 128, 256, 512] = 256
    """Side that the encoder resizes images to; each doubling of 4 is a layer."""
    upsamplings: Literal[3, 4, 5, 6, 7] = 5
    init_gain: PositiveFloat = 0.02
    """Of the first weights. The released one needs long trainings: at first, the label map hardly counts."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    losses: LossWeights = LossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "Clade | VariationalClade":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
            WeightsError: if `training` and the perceptual network's weights are missing.
        """
        channels = channels_of(self.width, upsamplings=self.upsamplings, multiples=self.multiples)
        rows, columns = start_size(height, width, upsamplings=self.upsamplings)
        known = classes + self.edges
        start: nn.Module
        if self.variational:
            start = LinearStart(self.latent, channels=channels[0], height=rows, width=columns)
        else:
            start = LabelMapStart(known, channels=channels[0], downsamplings=self.upsamplings)
        networks: dict[str, Any] = {
            "generator": SpadeGenerator(
                fc=start,
                channels=channels,
                make_norm=lambda features, stage: CladeNorm(
                    features, classes=classes, edges=self.edges, positions=self.positions
                ),
                upsamplings=self.upsamplings,
                added=int(self.edges),
            ),
            "discriminator": self.discriminator.build(channels=known + 3),
        }
        options: dict[str, Any] = {
            "classes": classes,
            "edges": self.edges,
            "unmapped": self.unmapped if self.positions else None,
            "losses": self.losses,
        }
        system: Clade | VariationalClade
        if self.variational:
            encoder = ImageEncoder(width=self.encoder_width, latent=self.latent, size=self.encoder_size)
            system = VariationalClade(encoder=encoder, latent=self.latent, **networks, **options)
        else:
            system = Clade(**networks, **options)
        return self._with_first_positions(system.ready(self, training=training))

    def _with_first_positions(self, system: "Clade | VariationalClade") -> "Clade | VariationalClade":
        for layer in system.modules():
            if isinstance(layer, ClassAffine) and self.positions and self.position_init == "zero":
                nn.init.zeros_(layer.dist_conv_w.weight)
                nn.init.zeros_(layer.dist_conv_b.weight)
        return system


class PositionedSystem(LayoutSystem):
    """A system whose layouts say where in its region each pixel is, unless `unmapped` is None."""

    def __init__(self, *, unmapped: Collection[int] | None, **more: Any) -> None:
        super().__init__(**more)
        self.unmapped = unmapped

    def synthesize(
        self,
        labels: Int[Tensor, "#b h w"],
        instances: Int[Tensor, "#b h w"],
        style: Style,
        positions: Float[Tensor, "#b 2 h w"] | None = None,
    ) -> Float[Tensor, "b 3 h w"]:
        """Generate the images; one layout serves any number of latents.

        The release computes `positions` of the original label maps, larger than these; left out, they are those of
        `labels`.
        """
        return self.synthesize_on(self.layout(labels, instances, cache=False, positions=positions), style)

    def layout(
        self,
        labels: LabelMap,
        instances: InstanceMap,
        *,
        cache: bool = True,
        positions: Float[Tensor, "#b 2 h w"] | None = None,
    ) -> LabelPyramid:
        """Return the layout as the generator reads it."""
        if self.unmapped is not None and positions is None:
            positions = positional_maps(labels, unmapped=self.unmapped)
        edges = instances if self.edges else None
        return LabelPyramid(labels, edges, classes=self.classes, cache=cache, positions=positions)


class Clade(PositionedSystem, DeterministicSystem):
    """Generate from the label map; nothing is sampled, so one label map has one image.

    Tan et al. (TPAMI 2021), with the objective of Park et al. (CVPR 2019): adversarial, feature matching and
    perceptual terms.

    Example:
        >>> import torch
        >>> from smis.core.seeding import Noise, generator
        >>> system = Config(preset="paperdoll").build(classes=5, height=32, width=32, training=False).eval()
        >>> labels = torch.arange(32).expand(1, 32, 32) // 8
        >>> styles = [system.sample(labels, labels, Noise(generator(seed))) for seed in (0, 1)]
        >>> torch.equal(*(system.synthesize(labels, labels, style) for style in styles))
        True
    """


class VariationalClade(PositionedSystem, ImageLatents):
    """Encode the whole image as one code, generate from it.

    The terms are those of `Clade` and the divergence.

    Example:
        >>> import torch
        >>> from smis.core.seeding import Noise, generator
        >>> config = Config(preset="paperdoll", variational=True)
        >>> system = config.build(classes=5, height=32, width=32, training=False).eval()
        >>> labels = torch.arange(32).expand(2, 32, 32) // 8
        >>> style = system.sample(labels, labels, Noise(generator(0)))
        >>> style.global_latent.shape, system.synthesize(labels, labels, style).shape
        (torch.Size([2, 64]), torch.Size([2, 3, 32, 32]))
    """
