"""A style: the codes that decide the appearance of an image whose layout is given."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Int
from torch import Tensor

from smis.core.shapes import InstanceMap, LabelMap


@dataclass(frozen=True)
class Style:
    """Codes by what they vary; a system fills those that it has.

    `global_latent`: (b, ...), one code for the whole image. `classes`: (b, classes, ...), one for each class.
    `instances`: (b, slots, ...), one for each instance, with `instance_classes`: (b, slots) the class of each,
    -1 where a slot is empty.

    Example:
        >>> base, fresh = Style(classes=torch.zeros(1, 3, 2)), Style(classes=torch.ones(1, 3, 2))
        >>> base.replaced(fresh, classes=[1]).classes.tolist()
        [[[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]
    """

    global_latent: Tensor | None = None
    classes: Tensor | None = None
    instances: Tensor | None = None
    instance_classes: Tensor | None = None

    def replaced(self, other: "Style", *, classes: Collection[int] = (), instances: Collection[int] = ()) -> "Style":
        """Take the codes of some classes or instances from another style of the same layout.

        A system with one code for everything cannot vary a part: its whole code is replaced. That is what mOCD
        measures.
        """
        if self.classes is not None and other.classes is not None:
            chosen = torch.zeros(self.classes.shape[:2], dtype=torch.bool, device=self.classes.device)
            chosen[:, list(classes)] = True
            return replace(self, classes=_swap(self.classes, other.classes, chosen=chosen))
        if self.instances is not None and self.instance_classes is not None and other.instances is not None:
            of_classes = torch.tensor(sorted(classes), dtype=torch.long, device=self.instance_classes.device)
            chosen = torch.isin(self.instance_classes, of_classes)
            chosen[:, list(instances)] = True
            return replace(self, instances=_swap(self.instances, other.instances, chosen=chosen))
        return replace(self, global_latent=other.global_latent)

    def filled(self) -> dict[str, Tensor]:
        """Return the codes that are not None, by the name of their field."""
        codes = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: code for name, code in codes.items() if code is not None}

    def map(self, function: Callable[[Tensor], Tensor]) -> "Style":
        """Apply a function to every field that is filled."""
        return Style(**{name: function(code) for name, code in self.filled().items()})

    def repeated(self, samples: int) -> "Style":
        """Repeat each image's codes `samples` times, one after the other."""
        return self.map(lambda code: code.repeat_interleave(samples, dim=0))


def classes_of(labels: LabelMap, instances: InstanceMap, *, slots: int) -> Int[Tensor, "b slots"]:
    """Return the class of each slot, -1 where it is empty.

    Example:
        >>> labels, instances = torch.tensor([[[0, 7, 7]]]), torch.tensor([[[0, 1, 2]]])
        >>> classes_of(labels, instances, slots=4)
        tensor([[ 0,  7,  7, -1]])
    """
    empty = torch.full((len(labels), slots), -1, dtype=labels.dtype, device=labels.device)
    return empty.scatter_reduce(1, instances.flatten(1), labels.flatten(1), reduce="amax")


def _swap(ours: Tensor, theirs: Tensor, *, chosen: Tensor) -> Tensor:
    return torch.where(chosen.reshape(*chosen.shape, *[1] * (ours.dim() - 2)), theirs, ours)
