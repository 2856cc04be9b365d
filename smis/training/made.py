"""What the generator made in its own step, kept for the discriminator's."""

from collections.abc import Callable

from torch import Tensor, nn

from smis.core.batch import Batch
from smis.core.seeding import Noise


class Made:
    """Computes a generator's terms, and keeps the first image that it gives for each share of the batch."""

    def __init__(self, generator: nn.Module, terms: Callable[[Batch, Noise], dict[str, Tensor]]) -> None:
        self._generator, self._terms = generator, terms
        self.images: list[Tensor] = []

    def __call__(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Return the terms."""
        seen: list[Tensor] = []
        hook = self._generator.register_forward_hook(lambda network, given, image: seen.append(image.detach()))
        try:
            found = self._terms(batch, noise)
        finally:
            hook.remove()
        self.images.append(seen[0])
        return found
