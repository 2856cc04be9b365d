"""Label maps that were checked, with the instances on them."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from smis.core.errors import LabelError
from smis.core.shapes import InstanceMap, LabelMap

ABSENT = -1
"""The class of a part that an image does not have."""


@dataclass(frozen=True, eq=False)
class LabelLayout:
    """Label maps of one size and their instances, on the device; make it with `synth.layout(labels)`.

    Example:
        >>> synth = smis.load("checkpoint.safetensors")
        >>> layout = synth.layout("labels.png")
        >>> layout.size
        (32, 64)
        >>> images = [synth(layout, synth.sample(layout, seed=seed)) for seed in range(3)]
    """

    labels: LabelMap
    instances: InstanceMap
    part_classes: Int[Tensor, "b parts"]
    """On the CPU: the class of each part, -1 where the image has none; no parts where one latent is for all."""
    derived: bool
    """Whether instances were derived from the classes, one of each: then their ids mean nothing."""
    prepared: Any = None
    """What the system computed from the maps alone; None if it was not asked to."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.labels.shape[1], self.labels.shape[2]

    def select(self, images: Tensor) -> "LabelLayout":
        """Take some images, by number; what was computed for all of them is dropped."""
        indices = images.to(self.labels.device)
        return LabelLayout(self.labels[indices], self.instances[indices], self.part_classes[images], self.derived)

    def has_labels(self, labels: LabelMap) -> bool:
        """Return whether these (on the CPU) are the label maps."""
        return self.labels.shape == labels.shape and torch.equal(self.labels.cpu(), labels)


def instances_from_labels(labels: LabelMap) -> InstanceMap:
    """Make each class one instance; ids are dense from 0 in each image, in the order of class ids.

    Example:
        >>> instances_from_labels(torch.tensor([[[7, 3, 3]]]))
        tensor([[[1, 0, 0]]])
    """
    return torch.stack([torch.unique(label_map, return_inverse=True)[1] for label_map in labels])


def check_one_class_per_instance(labels: LabelMap, instances: InstanceMap, *, classes: list[str]) -> None:
    """Refuse instances that have pixels of several classes.

    Raises:
        LabelError: with the first such instance and its classes.
    """
    for label_map, instance_map in zip(labels, instances, strict=True):
        pairs = torch.unique(instance_map.long() * len(classes) + label_map)  # of numbers, as it is slow on columns
        owners = pairs // len(classes)
        ids, counts = torch.unique_consecutive(owners, return_counts=True)
        if bool((counts > 1).any()):
            number = int(ids[counts > 1][0])
            names = ", ".join(classes[c] for c in (pairs[owners == number] % len(classes)).tolist())
            raise LabelError(
                f"instance {number} has pixels of several classes ({names}), but an instance is one object of one "
                "class; give each its own id, or leave the instance map out"
            )


def present_classes(labels: LabelMap, *, classes: int) -> Int[Tensor, "b classes"]:
    """Return for each class its id, or -1 on images that do not have it.

    Example:
        >>> present_classes(torch.tensor([[[0, 2, 2]]]), classes=4)
        tensor([[ 0, -1,  2, -1]])
    """
    counts = torch.stack([torch.bincount(label_map.flatten(), minlength=classes) for label_map in labels])
    return torch.where(counts > 0, torch.arange(classes), ABSENT)
