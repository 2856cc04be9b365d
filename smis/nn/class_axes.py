"""Which entries of a tensor's axes belong to which classes, so that weights can follow classes by name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import digits

import torch
from jaxtyping import Int
from torch import Tensor, nn


@dataclass(frozen=True)
class ClassAxis:
    """An axis of equal blocks, each of one class or of several in a row, and then of `rest` entries of no class.

    Before them stand `lead` entries of no class. With `last_first`, the block of the last class is the first.
    """

    blocks: int
    rest: int = 0
    lead: int = 0
    last_first: bool = False

    @classmethod
    def of(cls, blocks: int) -> "ClassAxis | None":
        """Return the axis of so many blocks; one block is no division."""
        return cls(blocks) if blocks > 1 else None

    def members(self, classes: Sequence[str]) -> list[set[str]]:
        """Return the classes of each block.

        Example:
            >>> [sorted(block) for block in ClassAxis(2).members(["sky", "sea", "sand", "tree"])]
            [['sea', 'sky'], ['sand', 'tree']]
        """
        found: list[set[str]] = [set() for _ in range(self.blocks)]
        for number, name in enumerate(classes):
            found[number * self.blocks // len(classes)].add(name)
        return [found[-1], *found[:-1]] if self.last_first else found


@dataclass(frozen=True)
class TensorAxes:
    """The first two axes of a tensor; None is an axis without classes. Of a grouped convolution's weight, `second`
    divides the input channels of all groups together.
    """

    first: ClassAxis | None = None
    second: ClassAxis | None = None
    groups: int = 1


def convolution_axes(
    name: str, conv: nn.Conv2d, *, reads: ClassAxis | None, makes: ClassAxis | None
) -> Iterator[tuple[str, TensorAxes]]:
    """Yield the tensors of a convolution, spectrally normalized or not, by their names in the state dict.

    Of the vectors of spectral normalization, `weight_v` stands for the inputs of one group; groups share it.
    """
    for key in ("weight", "weight_orig"):
        yield f"{name}.{key}", TensorAxes(makes, reads, conv.groups)
    for key in ("bias", "weight_u"):
        yield f"{name}.{key}", TensorAxes(makes)
    yield f"{name}.weight_v", TensorAxes(reads if conv.groups == 1 else None)


@dataclass(frozen=True)
class Side:
    """The tensors of one network, what their axes are, and the names of its classes."""

    tensors: Mapping[str, Tensor]
    axes: Mapping[str, TensorAxes]
    classes: Sequence[str]
    numbered: Mapping[str, int] = field(default_factory=dict)
    """Of tensors that each class has: which word of the name is, or ends with, the number of the class."""

    def axes_of(self, name: str) -> TensorAxes:
        """Return what a tensor's axes are; nothing is known of most."""
        return self.axes.get(name, TensorAxes())


def carry_over(*, new: Side, old: Side) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Return the new tensors with the entries of old ones that belong to the same classes, and how many those are.

    An entry of several classes is taken from the block that has most of them; where blocks differ in size, or the
    other axes do, nothing fits.
    """
    taken, counts = dict(new.tensors), dict.fromkeys(new.tensors, 0)
    for name in new.tensors:
        old_name = _old_name(name, new=new, old=old)
        if old_name is not None and old_name in old.tensors:
            taken[name], counts[name] = _carried(name, old_name, new=new, old=old)
    return taken, counts


def with_number(words: Sequence[str], place: int, number: int) -> str:
    """Return a tensor's name with another number in one place, alone or at the end of a word.

    Example:
        >>> with_number("0.fc.weight".split("."), 0, 3), with_number("fc_mu12.bias".split("."), 0, 3)
        ('3.fc.weight', 'fc_mu3.bias')
    """
    return ".".join([*words[:place], words[place].rstrip(digits) + str(number), *words[place + 1 :]])


def number_in(word: str) -> int | None:
    """Return the number that a word of a tensor's name is or ends with.

    Example:
        >>> number_in("3"), number_in("fc_mu12"), number_in("bias")
        (3, 12, None)
    """
    number = word.removeprefix(word.rstrip(digits))
    return int(number) if number else None


def _old_name(name: str, *, new: Side, old: Side) -> str | None:
    """Return the name of a tensor there, where a class may have another number."""
    if name not in new.numbered:
        return name
    words, place = name.split("."), new.numbered[name]
    number = number_in(words[place])
    assert number is not None
    own = new.classes[number]
    return with_number(words, place, old.classes.index(own)) if own in old.classes else None


def _carried(name: str, old_name: str, *, new: Side, old: Side) -> tuple[Tensor, int]:
    ours, theirs = new.tensors[name], old.tensors[old_name]
    here, there = new.axes_of(name), old.axes_of(old_name)
    if here == there == TensorAxes():
        return (theirs.to(ours), ours.numel()) if ours.shape == theirs.shape else (ours, 0)
    if ours.dim() != theirs.dim() or ours.shape[2:] != theirs.shape[2:]:
        return ours, 0
    a, b = (_as_matrix(tensor) for tensor in (ours, theirs))
    rows = _sources(here.first, there.first, sizes=(a.shape[0], b.shape[0]), new=new.classes, old=old.classes)
    sizes = a.shape[1] * here.groups, b.shape[1] * there.groups
    columns = _sources(here.second, there.second, sizes=sizes, new=new.classes, old=old.classes)
    fits, columns = _places(rows, columns, (a, here.groups), (b, there.groups))
    if not fits.any():
        return ours, 0
    found = b.to(a)[rows.clamp(min=0)[:, None], columns]
    return torch.where(fits[..., None], found, a).view_as(ours), int(fits.sum()) * a.shape[2]


def _as_matrix(tensor: Tensor) -> Tensor:
    return tensor.reshape(tensor.shape[0], tensor.shape[1] if tensor.dim() > 1 else 1, -1)


def _sources(
    new_axis: ClassAxis | None,
    old_axis: ClassAxis | None,
    *,
    sizes: tuple[int, int],
    new: Sequence[str],
    old: Sequence[str],
) -> Int[Tensor, " n"]:
    """Return the old entry for each new one, -1 where there is none."""
    nothing = torch.full((sizes[0],), -1)
    if new_axis is None or old_axis is None:
        return torch.arange(sizes[0]) if new_axis == old_axis and sizes[0] == sizes[1] else nothing
    block, old_block = (
        (size - axis.rest - axis.lead) // axis.blocks for size, axis in zip(sizes, (new_axis, old_axis), strict=True)
    )
    if block != old_block:
        return nothing
    if new_axis.rest and new_axis.rest == old_axis.rest:
        nothing[-new_axis.rest :] = torch.arange(sizes[1] - old_axis.rest, sizes[1])
    if new_axis.lead == old_axis.lead:
        nothing[: new_axis.lead] = torch.arange(old_axis.lead)
    theirs = old_axis.members(old)
    for number, ours in enumerate(new_axis.members(new)):
        best = max(range(len(theirs)), key=lambda each, ours=ours: len(theirs[each] & ours))
        if theirs[best] & ours:
            first, source = new_axis.lead + number * block, old_axis.lead + best * block
            nothing[first : first + block] = torch.arange(source, source + block)
    return nothing


def _places(
    rows: Int[Tensor, " o"], columns: Int[Tensor, " i"], new: tuple[Tensor, int], old: tuple[Tensor, int]
) -> tuple[Tensor, Int[Tensor, "o j"]]:
    """Return which entries of a weight have an old one, and its column among those of the old row's own group."""
    (a, groups), (b, old_groups) = new, old
    own = torch.arange(a.shape[0]) // (a.shape[0] // groups) * a.shape[1]
    columns = columns[own[:, None] + torch.arange(a.shape[1])]
    group = rows.clamp(min=0) // (b.shape[0] // old_groups)
    local = columns - group[:, None] * b.shape[1]
    fits = (rows >= 0)[:, None] & (columns >= 0) & (local >= 0) & (local < b.shape[1])
    return fits, local.clamp(0, b.shape[1] - 1)
