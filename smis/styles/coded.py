"""Codes together with the pictures that they belong to, and which part of them is whose."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from smis.core.errors import StyleError
from smis.core.shapes import InstanceMap, LabelMap
from smis.core.style import Style
from smis.styles import codes
from smis.styles.abilities import cannot, class_id, listed
from smis.styles.layout import ABSENT, Layout
from smis.styles.painter import Painter
from smis.styles.parts import Owners

C = TypeVar("C", bound="Coded")


@dataclass(frozen=True, eq=False)
class Coded:
    """Codes of one or many pictures; each label map is that of as many successive codes."""

    painter: Painter
    layout: Layout
    codes: Style
    seeds: tuple[int, ...]
    """For each label map: what parts that it does not have yet are drawn from."""
    drawn: bool
    """Whether even the codes of classes that the pictures do not have are draws."""

    @property
    def labels(self) -> LabelMap:
        """The label maps that the codes belong to."""
        return self.layout.labels

    @property
    def instances(self) -> InstanceMap:
        """The instances on those."""
        return self.layout.instances

    @property
    def samples(self) -> int:
        """How many pictures there are of each label map."""
        return len(self) // len(self.layout)

    def __len__(self) -> int:
        return codes.count(self.codes)

    def __getitem__(self: C, which: int | slice) -> C:
        """Take some of the pictures; a single one stays a style, of one picture."""
        numbers = range(len(self))[which]
        taken = torch.tensor([numbers] if isinstance(numbers, int) else list(numbers), dtype=torch.long)
        if not len(taken):
            raise IndexError(f"a style of {len(self)} pictures has none at {which}")
        changed = replace(self, codes=codes.mapped(self.codes, lambda code: code[taken.to(code.device)]))
        if len(self.layout) == 1:
            return changed
        maps = taken // self.samples
        return replace(changed, layout=self.layout.chosen(maps), seeds=tuple(self.seeds[n] for n in maps.tolist()))

    def __repr__(self) -> str:
        height, width = self.layout.size
        pictures = "1 picture" if len(self) == 1 else f"{len(self)} pictures"
        return f"{type(self).__name__}({pictures} of {self.painter.title}, {height} x {width})"

    def repeat(self: C, times: int) -> C:
        """Repeat the codes of each picture, one after the other; the layout stays one.

        Example:
            >>> synth = smis.load("checkpoint.safetensors")
            >>> style = synth.sample("labels.png", seed=0)
            >>> len(style.repeat(4))
            4
        """
        return replace(self, codes=self.codes.repeated(times))

    @property
    def _field(self) -> str | None:
        return codes.PARTS.get(self.painter.varies)

    @property
    def _owners(self) -> Owners:
        return self.layout.owners.repeat_interleave(self.samples, dim=0)

    @property
    def _parts(self) -> Tensor:
        """The codes of the parts, of a system that has parts: (pictures, parts, ...)."""
        return codes.named(self.codes)[codes.PARTS[self.painter.varies]]

    def _with_parts(self: C, parts: Tensor) -> C:
        return replace(self, codes=replace(self.codes, **{codes.PARTS[self.painter.varies]: parts}))

    def _paired(self: C, other: "Coded") -> tuple[C, "Coded"]:
        """Bring two styles to one number of pictures."""
        codes.check_alike(self.codes, other.codes)
        count = max(len(self), len(other))
        if not {len(self), len(other)} <= {1, count}:
            raise StyleError(
                f"a style of {len(self)} pictures and one of {len(other)} do not pair up; take one: style[0]"
            )
        return (
            self if len(self) == count else self.repeat(count),
            other if len(other) == count else other.repeat(count),
        )

    def _seeds_of(self, seed: int | Sequence[int]) -> tuple[int, ...]:
        return seeds_of(seed, len(self.layout))

    def _check_style(self, verb: str) -> None:
        if self.painter.varies == "nothing":
            raise cannot(self.painter.title, "nothing", verb, able=("class", "instance", "global"))

    def _check_parts(self, verb: str) -> None:
        if self._field is None:
            raise cannot(self.painter.title, self.painter.varies, verb, able=("class", "instance"))

    def _check_instances(self, verb: str) -> None:
        if self.painter.varies != "instance":
            raise cannot(self.painter.title, self.painter.varies, verb, able=("instance",))

    def _class(self, given: str | int) -> int:
        """Return the id of a class that at least one picture has."""
        number = class_id(given, self.painter.classes)
        if not bool((self._owners == number).any()):
            raise StyleError(f"the picture has no {self.painter.classes[number]}; it has: {self._names()}")
        return number

    def _part(self, given: str | int) -> int:
        """Return the number of a part that every picture has: an instance's id, or a class."""
        what = "instance"
        if self.painter.varies == "class":
            what, given = "class", self._class(given)
        there = [part for part, own in enumerate((self._owners != ABSENT).all(dim=0).tolist()) if own]
        if not isinstance(given, int) or given not in there:
            raise StyleError(f"the picture has no {what} {given!r}; there are: {self._names(there)}")
        return given

    def _names(self, parts: Iterable[int] | None = None) -> str:
        """List the classes that pictures have; or instances, with the class that each has in the first picture."""
        if parts is None:
            return listed({owner for owner in self._owners.flatten().tolist() if owner != ABSENT}, self.painter.classes)
        first = self._owners[0].tolist()
        return ", ".join(f"{part} ({self.painter.classes[first[part]]})" for part in parts) or "none"


def seeds_of(seed: int | Sequence[int], count: int) -> tuple[int, ...]:
    """Return a seed for each label map; a single one is that of all.

    Raises:
        StyleError: if there are not so many.
    """
    seeds = (seed,) * count if isinstance(seed, int) else tuple(seed)
    if len(seeds) != count:
        raise StyleError(f"there are {len(seeds)} seeds for {count} label maps; give one, or one for each")
    return seeds
