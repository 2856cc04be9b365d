"""What the loader gives and a system takes."""

from dataclasses import dataclass, replace

import torch

from smis.core.shapes import Image, InstanceMap, LabelMap, Sketch


@dataclass(frozen=True)
class Batch:
    """One process's share of a global batch.

    `parts` is the number of shares that the global batch is split into: over processes, and in each over time.
    Gradients are averaged over them, so a term that is a *sum* over the batch (the released KL divergence) is
    multiplied by `parts`.
    """

    image: Image
    labels: LabelMap
    instances: InstanceMap
    keys: tuple[str, ...]
    parts: int = 1
    sketch: Sketch | None = None
    """For the one system that can be told lines."""

    def split(self, count: int) -> list["Batch"]:
        """Cut this share into `count` equal ones, each a part of the global batch of its own."""
        sketches = [None] * count if self.sketch is None else self.sketch.chunk(count)
        share = len(self.keys) // count
        pieces = zip(self.image.chunk(count), self.labels.chunk(count), self.instances.chunk(count), strict=True)
        return [
            Batch(*piece, self.keys[number * share : (number + 1) * share], self.parts * count, sketches[number])
            for number, piece in enumerate(pieces)
        ]

    def to(self, device: torch.device | str) -> "Batch":
        """Move the pictures, without waiting for the copy where memory is pinned."""
        return replace(
            self,
            image=self.image.to(device, non_blocking=True),
            labels=self.labels.to(device, non_blocking=True),
            instances=self.instances.to(device, non_blocking=True),
            sketch=None if self.sketch is None else self.sketch.to(device, non_blocking=True),
        )
