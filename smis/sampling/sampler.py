"""Plans of samples: one of each label map, many that vary everything, many that vary one class or one instance."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8

from smis.core.batch import Batch
from smis.core.seeding import Noise, generator
from smis.core.shapes import Image, InstanceMap, LabelMap, Picture
from smis.core.style import Style
from smis.core.transfer import to_device

EVERYTHING = -1
"""What `Sampled.resampled` says where no single class was drawn anew."""


@runtime_checkable
class Samplable(Protocol):
    """What is asked of a trained system."""

    def sample(self, labels: LabelMap, instances: InstanceMap, noise: Noise) -> Style:
        """Draw codes from the prior."""
        ...

    def synthesize(self, labels: LabelMap, instances: InstanceMap, style: Style) -> Image:
        """Make the pictures of these layouts in this style; one layout serves any number of codes."""
        ...


@dataclass(frozen=True)
class Sampled:
    """One generated picture: of which label map, the how-manieth, and which class or instance alone was drawn anew."""

    key: str
    sample: int
    resampled: int
    picture: Picture


class Sampler:
    """Follows the plans; what it draws depends on the seed, the plan, the label map and the batch size.

    Label maps of which a system has no slots for all instances are refused with a LabelError, on every device alike.
    """

    def __init__(self, system: Samplable, *, seed: int, batch: int, device: torch.device | str = "cpu") -> None:
        self._system, self._seed, self._batch, self._device = system, seed, batch, device

    def single(self, batches: Iterable[Batch]) -> Iterator[Sampled]:
        """Make one picture of each label map."""
        for batch in batches:
            style = self._drawn(batch, "single", batch.keys[0])
            for key, picture in zip(batch.keys, self._pictures(batch, style), strict=True):
                yield Sampled(key, 0, EVERYTHING, picture)

    def everything(self, one: Batch, *, samples: int) -> Iterator[Sampled]:
        """Make pictures of one label map, each with codes of its own."""
        for start, many in self._shares(one, samples):
            style = self._drawn(many, "everything", one.keys[0], start)
            for number, picture in enumerate(self._pictures(one, style), start):
                yield Sampled(one.keys[0], number, EVERYTHING, picture)

    def one_class(self, one: Batch, *, chosen: int, samples: int) -> Iterator[Sampled]:
        """Make pictures of one label map that share a style, in which only the chosen class is drawn anew."""
        yield from self._one_part(one, "class", chosen=chosen, samples=samples)

    def one_instance(self, one: Batch, *, chosen: int, samples: int) -> Iterator[Sampled]:
        """Make pictures that share a style, in which only the chosen instance is drawn anew.

        A system that has one code for a class cannot vary one instance: the code of its class is drawn anew.
        """
        yield from self._one_part(one, "instance", chosen=chosen, samples=samples)

    def _one_part(self, one: Batch, part: str, *, chosen: int, samples: int) -> Iterator[Sampled]:
        base = self._drawn(one, "base", one.keys[0])
        if part == "instance" and base.instances is not None:
            parts = {"instances": [chosen]}
        else:
            parts = {"classes": [chosen if part == "class" else int(one.labels[one.instances == chosen][0])]}
        for start, many in self._shares(one, samples):
            fresh = self._drawn(many, part, one.keys[0], chosen, start)
            style = base.repeated(len(many.keys)).replaced(fresh, **parts)
            for number, picture in enumerate(self._pictures(one, style), start):
                yield Sampled(one.keys[0], number, chosen, picture)

    def _shares(self, one: Batch, samples: int) -> Iterator[tuple[int, Batch]]:
        for start in range(0, samples, self._batch):
            yield start, _repeated(one, min(self._batch, samples - start))

    @torch.inference_mode()
    def _drawn(self, batch: Batch, *purpose: int | str) -> Style:
        batch = to_device(batch, self._system, self._device)
        return self._system.sample(batch.labels, batch.instances, Noise(generator(self._seed, *purpose)))

    @torch.inference_mode()
    def _pictures(self, batch: Batch, style: Style) -> UInt8[np.ndarray, "b h w 3"]:
        batch = batch.to(self._device)
        return pictures(self._system.synthesize(batch.labels, batch.instances, style))


def pictures(images: Image) -> UInt8[np.ndarray, "b h w 3"]:
    """Turn images in -1..1 into what lies on disk.

    Example:
        >>> smis.to_pictures(torch.zeros(1, 3, 2, 4)).shape
        (1, 2, 4, 3)
    """
    levels = ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def covering(present: Sequence[Collection[int]], count: int) -> list[int]:
    """Choose label maps that together show every class, rare ones first; `present` has the classes of each map.

    Each next one is that whose classes were seen least so far; the first of equals, so the choice is always the same.
    """
    seen: dict[int, int] = {}
    left = list(range(len(present)))
    chosen: list[int] = []
    while left and len(chosen) < count:
        best = max(left, key=lambda index: (sum(1 / (1 + seen.get(c, 0)) ** 2 for c in present[index]), -index))
        left.remove(best)
        chosen.append(best)
        for c in present[best]:
            seen[c] = seen.get(c, 0) + 1
    return chosen


def _repeated(one: Batch, times: int) -> Batch:
    return Batch(
        image=one.image.expand(times, -1, -1, -1),
        labels=one.labels.expand(times, -1, -1),
        instances=one.instances.expand(times, -1, -1),
        keys=one.keys * times,
    )
