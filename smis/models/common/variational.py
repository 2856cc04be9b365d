"""The loss terms of systems that encode a picture as a Gaussian, draw a code from it, and generate from that."""

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.seeding import Noise
from smis.core.shapes import Image
from smis.losses import adversarial
from smis.losses.adversarial import LossWeights
from smis.losses.kl import kl_divergence
from smis.nn.gaussian import reparameterize
from smis.nn.perceptual import PerceptualNetwork


@runtime_checkable
class Variational(Protocol):
    """What is asked of such a system."""

    if TYPE_CHECKING:  # since Python 3.12 isinstance does not see the networks that a network holds

        @property
        def discriminator(self) -> nn.Module: ...  # noqa: D102
        @property
        def perceptual(self) -> PerceptualNetwork | None: ...  # noqa: D102
        @property
        def losses(self) -> LossWeights: ...  # noqa: D102

    def gaussian(self, image: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of a picture's code."""
        ...

    def semantics(self, labels: Tensor, instances: Tensor) -> Tensor:
        """Return what the discriminator is told of the layout."""
        ...

    def layout(self, labels: Tensor, instances: Tensor, *, remember: bool) -> Any:
        """Return what the generator is told of the layout."""
        ...

    def generate(self, layout: Any, code: Tensor) -> Tensor:
        """Make the images of a layout."""
        ...


def generator_terms(system: Variational, batch: Batch, noise: Noise) -> dict[str, Tensor]:
    """Return the weighted terms GAN, GAN_Feat, VGG and KLD for generator and encoder."""
    mean, log_variance = system.gaussian(batch.image, batch.labels)
    layout = system.layout(batch.labels, batch.instances, remember=False)
    terms = adversarial.generator_terms(
        system.discriminator,
        system.perceptual,
        semantics=system.semantics(batch.labels, batch.instances),
        fake=system.generate(layout, reparameterize(mean, log_variance, noise)),
        real=batch.image,
        weights=system.losses,
    )
    # a sum over the batch, where the other terms are means
    return terms | {"KLD": system.losses.kl * batch.shares * kl_divergence(mean, log_variance)}


def discriminator_terms(
    system: Variational, batch: Batch, noise: Noise, fakes: Image | None = None
) -> dict[str, Tensor]:
    """Return the terms D_Fake and D_Real of `fakes`; without them, of a new reconstruction."""
    return adversarial.discriminator_terms(
        system.discriminator,
        semantics=system.semantics(batch.labels, batch.instances),
        fake=_made_anew(system, batch, noise) if fakes is None else fakes,
        real=batch.image,
    )


@torch.no_grad()
def _made_anew(system: Variational, batch: Batch, noise: Noise) -> Image:
    layout = system.layout(batch.labels, batch.instances, remember=False)
    return system.generate(layout, reparameterize(*system.gaussian(batch.image, batch.labels), noise))
