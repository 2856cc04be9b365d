"""A label map that has been checked, with the instances on it."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from smis.core.errors import LabelError
from smis.core.shapes import InstanceMap, LabelMap

ABSENT = -1
"""The class of a part that a picture does not have."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Label maps of one size and their instances, on the device; make it with `synth.layout(labels)`.

    A *part* is what has a code of its own: a class, or an instance's slot, whichever the system varies.

    Example:
        >>> synth = smis.load("checkpoint.safetensors")
        >>> layout = synth.layout("labels.png")
        >>> layout.size
        (32, 64)
        >>> images = [synth(layout, synth.sample(layout, seed=seed)) for seed in range(3)]
    """

    labels: LabelMap
    instances: InstanceMap
    owners: Int[Tensor, "b parts"]
    """On the CPU: the class of each part, -1 where the picture has none. No parts where there is one code for all."""
    derived: bool
    """Whether instances were made from the classes, one of each: then their ids mean nothing."""
    prepared: Any = None
    """What the system computed from the maps alone; nothing if it was not asked to."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.labels.shape[1], self.labels.shape[2]

    def chosen(self, pictures: Tensor) -> "Layout":
        """Take some pictures, by number; what was computed for all of them is left behind."""
        here = pictures.to(self.labels.device)
        return Layout(self.labels[here], self.instances[here], self.owners[pictures], self.derived)

    def is_of(self, labels: LabelMap) -> bool:
        """Say whether these (on the CPU) are the label maps."""
        return self.labels.shape == labels.shape and torch.equal(self.labels.cpu(), labels)


def one_of_each(labels: LabelMap) -> InstanceMap:
    """Make each class one instance; ids are dense from 0 in each picture, in the order of class ids."""
    return torch.stack([torch.unique(picture, return_inverse=True)[1] for picture in labels])


def check_one_class_each(labels: LabelMap, instances: InstanceMap, *, classes: list[str]) -> None:
    """Refuse instances that are of many classes.

    Raises:
        LabelError: with the first such instance and its classes.
    """
    for one_labels, one_instances in zip(labels, instances, strict=True):
        pairs = torch.unique(torch.stack([one_instances.flatten(), one_labels.flatten()]), dim=1)
        ids, counts = torch.unique_consecutive(pairs[0], return_counts=True)
        if bool((counts > 1).any()):
            number = int(ids[counts > 1][0])
            found = ", ".join(classes[c] for c in pairs[1, pairs[0] == number].tolist())
            raise LabelError(
                f"instance {number} has pixels of several classes ({found}), but an instance is one object of one "
                "class; give each its own id, or leave the instance map out"
            )


def present(labels: LabelMap, *, classes: int) -> Int[Tensor, "b classes"]:
    """Say of each class where it is: its id, or -1 on pictures that do not have it."""
    counts = torch.stack([torch.bincount(picture.flatten(), minlength=classes) for picture in labels])
    return torch.where(counts > 0, torch.arange(classes), ABSENT)
