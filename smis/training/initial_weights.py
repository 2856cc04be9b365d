"""The first weights of a fine-tuning: those of a checkpoint, whose classes may be others, or in another order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from smis.core.errors import CheckpointError, ParamsError, shown
from smis.nn.class_axes import ClassAxis, Side, TensorAxes, carry_over, number_in, with_number
from smis.nn.initialize import without_memory
from smis.training.checkpoints import differences
from smis.training.export import Checkpoint, first_mismatch, part_of

NETWORKS = ("generator", "encoder", "discriminator")
_LISTED = 6


@dataclass(frozen=True)
class Target:
    """The system that is to be trained: its name and section of params.yaml, and what its data set's images are."""

    name: str
    config: Any
    classes: Sequence[str]
    height: int
    width: int


@dataclass(frozen=True)
class CarriedOver:
    """What a system took from a checkpoint."""

    classes: Mapping[str, str]
    """The checkpoint's class of each class that was kept."""
    new_classes: Sequence[str]
    entries: int
    total: int
    """Numbers that were taken, and all numbers of the networks."""
    anew: Sequence[str]
    """Tensors, or whole networks, of which nothing was taken."""

    def __str__(self) -> str:
        """Say it in one line."""
        classes = f"{len(self.classes)} of {len(self.classes) + len(self.new_classes)} classes are known"
        new = f" (new: {_listed(self.new_classes)})" if self.new_classes else ""
        anew = f"; begun anew: {_listed(self.anew)}" if self.anew else ""
        return f"{classes}{new}, {self.entries:,} of {self.total:,} weights are taken{anew}"


def initialize_from(
    system: Any, checkpoint: Checkpoint, target: Target, *, renamed: Mapping[str, str] | None = None
) -> CarriedOver:
    """Give a system every weight of a checkpoint that fits; weights that belong to a class follow its name.

    Which entries belong to classes is found by comparing the shapes of the system with those that it would have with
    twice as many classes; networks with grouped convolutions say it themselves (`class_axes`). With as many classes in
    another order, the system then makes the checkpoint's images, up to rounding; groups of several classes must have
    stayed together for that. What does not fit keeps the values that it was built with.

    Args:
        system: Built for the target, on any device.
        checkpoint: Of the same system and sizes. Without `encoder.` or `discriminator.` tensors, these begin anew.
        target: What the system was built from.
        renamed: The checkpoint's name of a class that is called otherwise here.

    Raises:
        CheckpointError: if the checkpoint is of another system, or of other sizes.
        ParamsError: if `renamed` names a class that is not there.
    """
    about = checkpoint.description
    source = Target(about.system, target.config, about.classes, about.height, about.width)
    outline = _check_fits(checkpoint, target, source)
    names = _old_names(target.classes, about.classes, renamed or {}, checkpoint=checkpoint)
    here, there = _SystemAxes(target, system), _SystemAxes(source, outline)
    classes = [names.get(name, f"\0{name}") for name in target.classes]  # no class of the checkpoint is called so
    entries, total, anew = 0, 0, []
    for part in NETWORKS:
        network: nn.Module | None = getattr(system, part)
        if network is None:
            continue
        tensors = {key: tensor.detach().cpu() for key, tensor in network.state_dict().items()}
        total += sum(tensor.numel() for tensor in tensors.values())
        old = part_of(checkpoint.tensors, part)
        if not old:
            anew.append(f"{part} (the checkpoint has none)")
            continue
        new_side = Side(tensors, here.of(part), classes, here.numbered(part))
        taken, counts = carry_over(new=new_side, old=Side(old, there.of(part), about.classes))
        network.load_state_dict(taken)
        entries += sum(counts.values())
        anew += [f"{part}.{key}" for key, count in counts.items() if not count]
    new_classes = [name for name in target.classes if name not in names]
    return CarriedOver(names, new_classes, entries, total, anew)


def _check_fits(checkpoint: Checkpoint, target: Target, source: Target) -> Any:
    """Return the target's networks as they are for the checkpoint's classes and size, if its tensors fit them."""
    if source.name != target.name:
        raise CheckpointError(
            f"{checkpoint.path} is a checkpoint of {source.name}, not of {target.name}; give one of {target.name} as "
            f"train.init_from, or train {source.name}"
        )
    there, here = (config.model_dump(mode="json") for config in (checkpoint.config, target.config))
    ours = {key: value for key, value in here.items() if key not in ("losses", "perceptual", "init_gain")}
    others = "; ".join(differences({key: there.get(key) for key in ours}, ours))
    remedy = f"set systems.{target.name} as it is there ({others or 'no setting differs'})"
    try:
        outline = _outline(source, times=1)
    except ParamsError as error:
        raise CheckpointError(f"{checkpoint.path} does not fit systems.{target.name}: {error}; {remedy}") from None
    for part in NETWORKS:
        network, tensors = getattr(outline, part), part_of(checkpoint.tensors, part)
        difference = first_mismatch(network, tensors) if network is not None and tensors else None
        if difference is not None:
            raise CheckpointError(
                f"{checkpoint.path} does not fit the {part} of systems.{target.name}: {difference}; {remedy}"
            )
    return outline


def _outline(target: Target, *, times: int) -> Any:
    with without_memory():
        return target.config.build(
            classes=times * len(target.classes), height=target.height, width=target.width, training=False
        )


def _old_names(
    classes: Sequence[str], there: Sequence[str], renamed: Mapping[str, str], *, checkpoint: Checkpoint
) -> dict[str, str]:
    """Return the checkpoint's name of each class that it has."""
    for new, old in renamed.items():
        if new not in classes:
            raise ParamsError(
                f"train.init_classes: {shown(new)} is no class of the data set; it has: {', '.join(classes)}"
            )
        if old not in there:
            raise ParamsError(
                f"train.init_classes.{new}: {shown(old)} is no class of {checkpoint.path}; it has: {', '.join(there)}"
            )
    return {name: renamed.get(name, name) for name in classes if renamed.get(name, name) in there}


class _SystemAxes:
    """Which entries of a system's tensors belong to classes, by shapes with as many classes and with twice as many."""

    def __init__(self, target: Target, system: Any) -> None:
        self._classes = len(target.classes)
        self._system = system
        try:
            self._twice = _outline(target, times=2)
        except ParamsError as error:
            raise ParamsError(
                f"which weights belong to which class is told by systems.{target.name} with twice as many classes, "
                f"which cannot be built: {error}"
            ) from None

    def of(self, part: str) -> dict[str, TensorAxes]:
        """Return the axes of a network's tensors where classes have any."""
        network, larger = getattr(self._system, part), getattr(self._twice, part)
        if network is None:
            return {}
        declared = getattr(network, "class_axes", lambda classes: {})(self._classes)
        shapes = {key: tensor.shape for key, tensor in larger.state_dict().items()}
        found = {
            key: self._compared(tensor.shape, shapes[key])
            for key, tensor in network.state_dict().items()
            if key in shapes and tensor.shape != shapes[key]
        }
        return declared or found

    def numbered(self, part: str) -> dict[str, int]:
        """Return the place in a name at which each class has its number, as in `0.fc.weight` or `fc_mu0.weight`."""
        network, larger = getattr(self._system, part), getattr(self._twice, part)
        keys = set(network.state_dict())
        more = set(larger.state_dict()) - keys
        found: dict[str, int] = {}
        for key in keys if more else ():
            words = key.split(".")
            for place, word in enumerate(words):
                number = number_in(word)
                if number is not None and with_number(words, place, number + self._classes) in more:
                    found[key] = place
        return found

    def _compared(self, shape: torch.Size, larger: torch.Size) -> TensorAxes:
        first, second, *_ = [*map(self._axis, shape, larger), None]
        return TensorAxes(first, second)

    def _axis(self, size: int, larger: int) -> ClassAxis | None:
        """Return an axis of classes, which come first in it, and of what does not become more with them."""
        each, left = divmod(larger - size, self._classes)
        return None if each <= 0 or left else ClassAxis(self._classes, rest=size - each * self._classes)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
