"""Latents of images with the layout they belong to: indexing, pairing, and checks of what a system supports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from smis.core.errors import StyleError
from smis.core.shapes import InstanceMap, LabelMap
from smis.core.style import Style
from smis.models.system_registry import SYSTEMS
from smis.styles import latents
from smis.styles.inference import InferenceModel
from smis.styles.label_layout import ABSENT, LabelLayout
from smis.styles.latents import PartClasses

B = TypeVar("B", bound="StyleBatch")

_SUPPORT = {
    "nothing": "makes one image of a label map and has no style",
    "global": "has one latent for the whole image",
    "class": "has one latent for each class",
    "instance": "has one latent for each instance",
}
_PLURALS = {"class": "classes", "instance": "instances", "global": "the whole image"}


@dataclass(frozen=True, eq=False)
class StyleBatch:
    """Latents of one or many images; each label map is that of as many successive latents."""

    model: InferenceModel
    layout: LabelLayout
    latents: Style
    seeds: tuple[int, ...]
    """For each label map: what latents of parts that it does not have yet are sampled from."""
    sampled: bool
    """Whether the latents of classes that the images do not have are samples too."""

    @property
    def labels(self) -> LabelMap:
        """The label maps that the latents belong to."""
        return self.layout.labels

    @property
    def instances(self) -> InstanceMap:
        """The instance maps that the latents belong to."""
        return self.layout.instances

    @property
    def samples(self) -> int:
        """The number of images of each label map."""
        return len(self) // len(self.layout)

    def __len__(self) -> int:
        return latents.count(self.latents)

    def __getitem__(self: B, index: int | slice) -> B:
        """Take some of the images; a single one is a style of one image."""
        chosen = range(len(self))[index]
        numbers = torch.tensor([chosen] if isinstance(chosen, int) else list(chosen), dtype=torch.long)
        if not len(numbers):
            raise IndexError(f"a style of {len(self)} images has none at {index}")
        style = replace(self, latents=latents.map_latents(self.latents, lambda each: each[numbers.to(each.device)]))
        if len(self.layout) == 1:
            return style
        maps = numbers // self.samples
        return replace(style, layout=self.layout.select(maps), seeds=tuple(self.seeds[n] for n in maps.tolist()))

    def __repr__(self) -> str:
        height, width = self.layout.size
        images = "1 image" if len(self) == 1 else f"{len(self)} images"
        return f"{type(self).__name__}({images} of {self.model.title}, {height} x {width})"

    def repeat(self: B, times: int) -> B:
        """Repeat the latents of each image, one after the other; the layout stays one.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> len(style.repeat(4))
            4
        """
        return replace(self, latents=self.latents.repeated(times))

    @property
    def _part_field(self) -> str | None:
        return latents.PARTS.get(self.model.varies)

    @property
    def _part_classes(self) -> PartClasses:
        return self.layout.part_classes.repeat_interleave(self.samples, dim=0)

    @property
    def _parts(self) -> Tensor:
        """The latents of the parts, of a system that has parts: (images, parts, ...)."""
        return latents.filled_fields(self.latents)[latents.PARTS[self.model.varies]]

    def _with_parts(self: B, parts: Tensor) -> B:
        return replace(self, latents=replace(self.latents, **{latents.PARTS[self.model.varies]: parts}))

    def _check_style(self, action: str) -> None:
        if self.model.varies == "nothing":
            raise self._unsupported(action, by=("class", "instance", "global"))

    def _check_parts(self, action: str) -> None:
        if self._part_field is None:
            raise self._unsupported(action, by=("class", "instance"))

    def _check_instances(self, action: str) -> None:
        if self.model.varies != "instance":
            raise self._unsupported(action, by=("instance",))

    def _unsupported(self, action: str, *, by: Sequence[str]) -> StyleError:
        """Name what the system has, and the systems that support the action."""
        systems = {kind: [name for name in sorted(SYSTEMS) if SYSTEMS.load(name).varies == kind] for kind in by}
        supporting = "; ".join(f"{_PLURALS[kind]}: {', '.join(names)}" for kind, names in systems.items())
        return StyleError(
            f"{self.model.title} {_SUPPORT[self.model.varies]}, so it cannot {action}; systems that vary {supporting}"
        )

    def _class(self, name: str | int) -> int:
        """Return the id of a class that at least one image has."""
        class_id = self._class_id(name)
        if not bool((self._part_classes == class_id).any()):
            raise StyleError(f"the image has no {self.model.classes[class_id]}; it has: {self._present_classes()}")
        return class_id

    def _class_id(self, name: str | int) -> int:
        classes = self.model.classes
        if isinstance(name, str) and name in classes:
            return classes.index(name)
        if isinstance(name, int) and not isinstance(name, bool) and 0 <= name < len(classes):
            return name
        raise StyleError(f"there is no class {name!r}; there are: {self._list_classes(range(len(classes)))}")

    def _part(self, name: Any) -> int:
        """Return the number of a part that every image has: an instance's id, or a class."""
        kind, number = "instance", name
        if self.model.varies == "class":
            kind, number = "class", self._class(name)
        present = [part for part, common in enumerate((self._part_classes != ABSENT).all(dim=0).tolist()) if common]
        if not isinstance(number, int) or number not in present:
            first = self._part_classes[0].tolist()
            names = ", ".join(f"{part} ({self.model.classes[first[part]]})" for part in present) or "none"
            raise StyleError(f"the image has no {kind} {number!r}; there are: {names}")
        return number

    def _present_classes(self) -> str:
        return self._list_classes(id for id in self._part_classes.flatten().tolist() if id != ABSENT)

    def _list_classes(self, ids: Iterable[int]) -> str:
        return ", ".join(f"{self.model.classes[id]} ({id})" for id in sorted(set(ids))) or "none"


def expand_seeds(seed: int | Sequence[int], count: int) -> tuple[int, ...]:
    """Return a seed for each label map; a single one is that of all.

    Raises:
        StyleError: if their number is another.
    """
    seeds = (seed,) * count if isinstance(seed, int) else tuple(seed)
    if len(seeds) != count:
        raise StyleError(f"there are {len(seeds)} seeds for {count} label maps; give one, or one for each")
    return seeds
