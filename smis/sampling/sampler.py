"""Samples of a trained system: one image per label map, or many that vary all latents, one class or one instance."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8

from smis.core.batch import Batch, to_device
from smis.core.images import to_uint8
from smis.core.sample import RESAMPLED_ALL, SampleRow
from smis.core.seeding import Noise, generator
from smis.core.shapes import Image, InstanceMap, LabelMap
from smis.core.style import Style


@runtime_checkable
class Samplable(Protocol):
    """The methods of a trained system that the sampler calls."""

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise) -> Style:
        """Sample latents from the prior."""
        ...

    def synthesize(self, labels: LabelMap, instances: InstanceMap, style: Style) -> Image:
        """Synthesize images of label maps in a style; one label map may be given for any number of latents."""
        ...


class Sampler:
    """Samples images of label maps; the noise depends on the seed, the method, the label map and the batch size.

    Args:
        system: Trained system in eval mode.
        seed: Seed of all noise.
        batch: Images that are synthesized at once.
        device: Device of the system.

    A batch with more instances than the system has slots for raises a LabelError, on every device.

    Example:
        >>> class Gray:
        ...     def sample(self, labels, instances, noise):
        ...         return Style(global_latent=noise.normal(len(labels), 1))
        ...     def synthesize(self, labels, instances, style):
        ...         return style.global_latent.tanh().view(-1, 1, 1, 1).expand(-1, 3, *labels.shape[1:])
        >>> labels = torch.zeros(1, 4, 8, dtype=torch.long)
        >>> label_map = Batch(torch.zeros(1, 3, 4, 8), labels, labels, ("map 1",))
        >>> rows = Sampler(Gray(), seed=0, batch=2).vary_all(label_map, samples=3)
        >>> [(row.key, row.sample, row.image.shape) for row in rows]
        [('map 1', 0, (4, 8, 3)), ('map 1', 1, (4, 8, 3)), ('map 1', 2, (4, 8, 3))]
    """

    def __init__(self, system: Samplable, *, seed: int, batch: int, device: torch.device | str = "cpu") -> None:
        self._system, self._seed, self._batch, self._device = system, seed, batch, device

    def single(self, batches: Iterable[Batch]) -> Iterator[SampleRow]:
        """Generate one image of each label map."""
        for batch in batches:
            style = self._sample(batch, "single", batch.keys[0])
            for key, image in zip(batch.keys, self._synthesize(batch, style), strict=True):
                yield SampleRow(key, 0, RESAMPLED_ALL, image)

    def vary_all(self, label_map: Batch, *, samples: int) -> Iterator[SampleRow]:
        """Generate images of one label map (a batch of 1), each with its own latents."""
        for start, repeated in self._repeats(label_map, samples):
            style = self._sample(repeated, "everything", label_map.keys[0], start)
            for number, image in enumerate(self._synthesize(label_map, style), start):
                yield SampleRow(label_map.keys[0], number, RESAMPLED_ALL, image)

    def vary_class(self, label_map: Batch, *, chosen: int, samples: int) -> Iterator[SampleRow]:
        """Generate images of one label map that share a style, except for the latents of one class."""
        yield from self._vary(label_map, "class", chosen=chosen, samples=samples)

    def vary_instance(self, label_map: Batch, *, chosen: int, samples: int) -> Iterator[SampleRow]:
        """Generate images of one label map that share a style, except for the latents of one instance.

        A system with one latent per class resamples the class of the instance.
        """
        yield from self._vary(label_map, "instance", chosen=chosen, samples=samples)

    def _vary(self, label_map: Batch, kind: str, *, chosen: int, samples: int) -> Iterator[SampleRow]:
        base = self._sample(label_map, "base", label_map.keys[0])
        if kind == "instance" and base.instances is not None:
            resampled = {"instances": [chosen]}
        else:
            resampled = {
                "classes": [chosen if kind == "class" else int(label_map.labels[label_map.instances == chosen][0])]
            }
        for start, repeated in self._repeats(label_map, samples):
            fresh = self._sample(repeated, kind, label_map.keys[0], chosen, start)
            style = base.repeated(len(repeated.keys)).replaced(fresh, **resampled)
            for number, image in enumerate(self._synthesize(label_map, style), start):
                yield SampleRow(label_map.keys[0], number, chosen, image)

    def _repeats(self, label_map: Batch, samples: int) -> Iterator[tuple[int, Batch]]:
        for start in range(0, samples, self._batch):
            times = min(self._batch, samples - start)
            image, labels, instances = (
                x.expand(times, *x.shape[1:]) for x in (label_map.image, label_map.labels, label_map.instances)
            )
            yield start, Batch(image, labels, instances, label_map.keys * times)

    @torch.inference_mode()
    def _sample(self, batch: Batch, *purpose: int | str) -> Style:
        batch = to_device(batch, self._system, self._device)
        return self._system.sample(batch.labels, batch.instances, Noise(generator(self._seed, *purpose)))

    @torch.inference_mode()
    def _synthesize(self, batch: Batch, style: Style) -> UInt8[np.ndarray, "b h w 3"]:
        batch = batch.to(self._device)
        return to_uint8(self._system.synthesize(batch.labels, batch.instances, style))


def covering(present: Sequence[Collection[int]], count: int) -> list[int]:
    """Choose label maps that together show every class, rare classes first.

    Greedy: each next one is the first whose classes were seen least so far.

    Args:
        present: Classes of each label map.
        count: Most label maps to choose.

    Returns:
        Indices into `present`.

    Example:
        >>> covering([[0], [0, 1], [0, 1, 2], [3]], 2)
        [2, 3]
    """
    seen: dict[int, int] = {}
    remaining = list(range(len(present)))
    chosen: list[int] = []
    while remaining and len(chosen) < count:
        best = max(remaining, key=lambda index: (sum(1 / (1 + seen.get(c, 0)) ** 2 for c in present[index]), -index))
        remaining.remove(best)
        chosen.append(best)
        for c in present[best]:
            seen[c] = seen.get(c, 0) + 1
    return chosen
