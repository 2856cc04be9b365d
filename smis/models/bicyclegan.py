"""BicycleGAN: one short code for the whole image, tied to it from both ends."""

from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.func import functional_call

from smis.core.batch import Batch
from smis.core.config import Config as BaseConfig
from smis.core.errors import ParamsError
from smis.core.recipe import Recipe
from smis.core.seeding import Noise
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style
from smis.losses.adversarial_losses import least_squares
from smis.losses.latent_losses import kl_divergence
from smis.models.common.adversarial_system import PIX2PIX_RECIPE, GlobalLatentSystem
from smis.nn.discriminators import DiscriminatorConfig, bicyclegan_discriminator, judge
from smis.nn.image_encoder import ResidualEncoder, check_encodable, reparameterize
from smis.nn.initialize import initialize
from smis.nn.unet_generator import LatentUnet, check_divisible

_NOT_RELEASED = (
    "inferred: the authors of SMIS did not release how they trained BicycleGAN; these are the defaults of its released "
    "code, sizes are those of the data set in SMIS"
)
_RECIPE: dict[str, Any] = PIX2PIX_RECIPE | {"source": _NOT_RELEASED, "batch": 2, "load": (286, 286)}
_FACADES: dict[str, Any] = {
    "source": "released code",
    "epochs": 200,
    "decay_epochs": 200,
    "note": "the release reads label maps as colors, ours have a channel for each class",
}
_PAPERDOLL: dict[str, Any] = {
    "width": 16,
    "encoder_width": 16,
    "discriminator": {"width": 32, "layers": 3},
    "init_gain": 0.5,
}


class BicycleGANLossWeights(BaseConfig):
    """Weights of the generator's terms; the defaults are the release's."""

    encoded: NonNegativeFloat = 1.0
    """Of the adversarial term on images of encoded latents."""
    drawn: NonNegativeFloat = 1.0
    """Of that on images of sampled latents."""
    reconstruction: NonNegativeFloat = 10.0
    kl: NonNegativeFloat = 0.01
    code: NonNegativeFloat = 0.5
    """Of finding a drawn code again in its image."""


class Config(BaseConfig):
    """Sizes of BicycleGAN; the defaults are the release's.

    Example:
        >>> from smis.nn.initialize import without_memory
        >>> with without_memory():
        ...     system = Config(preset="facades").build(classes=12, height=256, width=256, training=False)
        >>> sum(weight.numel() for weight in system.generator.parameters())
        54803843
    """

    title: ClassVar[str] = "BicycleGAN"
    paper: ClassVar[str] = 'Zhu et al., "Toward Multimodal Image-to-Image Translation" (NIPS 2017)'
    varies: ClassVar[Literal["global"]] = "global"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "facades": {},
        "deepfashion": {},
        "cityscapes": {},
        "ade20k": {},
        "paperdoll": _PAPERDOLL | {"levels": 6},
        "clothing": _PAPERDOLL | {"levels": 6},
        "clothing_large": _PAPERDOLL | {"levels": 6},
    }
    recipes: ClassVar[dict[str, Recipe]] = {
        "facades": Recipe.model_validate(_RECIPE | _FACADES),
        "deepfashion": Recipe.model_validate(_RECIPE | {"load": (256, 256)}),
        "cityscapes": Recipe.model_validate(_RECIPE | {"load": (256, 512), "crop": (256, 512)}),
        "ade20k": Recipe.model_validate(_RECIPE),
    }

    width: PositiveInt = 64
    levels: int = Field(default=8, ge=2)
    """Of the U-Net; each halves the image, and 8 lead from 256 to 1."""
    latent: PositiveInt = 8
    """Length of the latent."""
    dropout: bool = True
    """Whether training drops half of what the U-Net's narrow middle levels say; the released scripts do."""
    encoder_width: PositiveInt = 64
    encoder_blocks: PositiveInt = 4
    init_gain: PositiveFloat = 0.02
    """Of the first weights."""
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    """Each of the two: one judges images of encoded latents, the other images of drawn ones."""
    losses: BicycleGANLossWeights = BicycleGANLossWeights()

    def build(self, *, classes: int, height: int, width: int, training: bool) -> "BicycleGAN":
        """Build the networks for a data set.

        Raises:
            ParamsError: if the sizes do not fit the data set.
        """
        check_divisible(height, width, downsamplings=self.levels, least=1, remedy="levels")
        check_encodable(height, width, blocks=self.encoder_blocks)
        judges = {
            name: bicyclegan_discriminator(self.discriminator, channels=3, height=height, width=width)
            for name in ("D", "D2")
        }
        system = BicycleGAN(
            generator=LatentUnet(classes, code=self.latent, width=self.width, levels=self.levels),
            encoder=ResidualEncoder(code=self.latent, width=self.encoder_width, blocks=self.encoder_blocks),
            discriminator=nn.ModuleDict(judges),
            classes=classes,
            latent=self.latent,
            dropout=self.dropout,
            losses=self.losses,
        )
        initialize(system, self.init_gain)
        return system


class BicycleGAN(GlobalLatentSystem):
    """Reconstruct an image from its encoded latent, and a sampled latent from its generated image.

    Zhu et al. (NIPS 2017), Eq. 9. As released, a batch serves twice: of its first, third, ... item the image is
    encoded and the label map generated on; the second, fourth, ... only show the second discriminator real images. At
    the released batch of 2 those are the released halves, and shares of any even number are those of the whole batch.

    Example:
        >>> system = Config(preset="paperdoll").build(classes=5, height=64, width=64, training=False).eval()
        >>> labels, image = torch.arange(64).expand(1, 64, 64) // 16, torch.rand(1, 3, 64, 64)
        >>> style = system.encode(image, labels, labels, None)
        >>> style.global_latent.shape, system.synthesize(labels, labels, style).shape
        (torch.Size([1, 8]), torch.Size([1, 3, 64, 64]))
    """

    discriminator: nn.ModuleDict

    def generator_terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the weighted terms GAN, GAN2, L1 and KLD for generator and encoder, z_L1 for the generator alone.

        Raises:
            ParamsError: if the batch is not even.
        """
        real, _ = _halves(batch.image)
        mean, log_variance, drawn, encoded, other = self._generate_both(batch, noise)
        weights = self.losses
        return {
            "GAN": weights.encoded * least_squares(self.discriminator["D"](encoded), real=True),
            "GAN2": weights.drawn * least_squares(self.discriminator["D2"](other), real=True),
            "L1": weights.reconstruction * F.l1_loss(encoded, real),
            # a sum over the batch, where the other terms are means
            "KLD": weights.kl * batch.shares * kl_divergence(mean, log_variance),
            "z_L1": weights.code * F.l1_loss(self._reencode(other), drawn),
        }

    def discriminator_terms(self, batch: Batch, noise: Noise, fakes: Image | None = None) -> dict[str, Tensor]:
        """Return the terms D_Fake and D_Real, D2_Fake and D2_Real, of `fakes`, or of images generated anew.

        Raises:
            ParamsError: if the batch is not even.
        """
        real, other_real = _halves(batch.image)
        with torch.no_grad():
            encoded, other = self._generate_both(batch, noise)[-2:] if fakes is None else _halves(fakes)
        on_fake, on_real = judge(self.discriminator["D"], fake=encoded, real=real)
        on_other, on_other_real = judge(self.discriminator["D2"], fake=other, real=other_real)
        return {
            "D_Fake": least_squares(on_fake, real=False),
            "D_Real": least_squares(on_real, real=True),
            "D2_Fake": least_squares(on_other, real=False),
            "D2_Real": least_squares(on_other_real, real=True),
        }

    def encode(self, image: Image, labels: LabelMap, instances: InstanceMap, noise: Noise | None) -> Style:
        """Sample a latent near that of an image; without noise, the most likely one."""
        mean, log_variance = self.required_encoder()(image)
        return Style(global_latent=reparameterize(mean, log_variance, noise))

    def _generate_both(self, batch: Batch, noise: Noise) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return mean and log-variance of the encoded code, a code from the prior, and the images of both codes.

        One pass makes the images, side by side, so that any share drops what the whole drops.
        """
        mean, log_variance = self.required_encoder()(_halves(batch.image)[0])
        code = reparameterize(mean, log_variance, noise)
        drawn = noise.normal(*mean.shape, device=mean.device)
        known = self.label_channels(batch.labels[::2], batch.instances[::2])
        both = torch.stack([code, drawn], dim=1).flatten(0, 1)
        encoded, other = _halves(self.generate(known.repeat_interleave(2, dim=0), both, noise))
        return mean, log_variance, drawn, encoded, other

    def _reencode(self, image: Tensor) -> Tensor:
        """Return the code that the encoder finds, which learns nothing from that."""
        encoder = self.required_encoder()
        fixed = {name: parameter.detach() for name, parameter in encoder.named_parameters()}
        return functional_call(encoder, fixed, (image,))[0]


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first, third, ... of a batch, and the second, fourth, ...

    Raises:
        ParamsError: if one is left over.
    """
    if len(x) % 2:
        raise ParamsError(
            f"a process's share of the batch is {len(x)}, but BicycleGAN needs an even number, half of it to encode; "
            "set train.batch to an even number for each process"
        )
    return x[::2], x[1::2]
