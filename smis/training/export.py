"""Export of finished weights: a safetensors file with the metadata to build the system again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError, model_validator
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from smis.core.checkpoint_path import resolve_checkpoint
from smis.core.config import Config, first_mistake, with_new_names
from smis.core.errors import CheckpointError, ParamsError
from smis.core.files import UnreadableError
from smis.core.registry import Registry
from smis.core.tensor_files import BrokenTensorsError, read_tensors, write_tensors
from smis.nn.initialize import without_memory

FORMAT = "1"
_Byte = Annotated[int, Field(ge=0, le=255)]
_Side = Annotated[int, Field(ge=1, le=16384)]


class SystemDescription(BaseModel):
    """What a system is built from, as the metadata of its checkpoint have it."""

    model_config = ConfigDict(frozen=True)

    system: str
    config: Json[dict[str, Any]]
    classes: Json[Annotated[list[str], Field(min_length=1)]]
    palette: Json[list[tuple[_Byte, _Byte, _Byte]]]
    height: _Side
    width: _Side

    @model_validator(mode="after")
    def _names_each_class_once(self) -> "SystemDescription":
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("one of its classes has its name twice")
        if len(self.palette) != len(self.classes):
            raise ValueError(f"its palette has {len(self.palette)} colors for {len(self.classes)} classes")
        return self

    @classmethod
    def read(cls, metadata: Mapping[str, str], *, source: Path) -> "SystemDescription":
        """Check a checkpoint's metadata.

        Raises:
            CheckpointError: if something is missing, of another type, or out of range.
        """
        try:
            return cls.model_validate(metadata)
        except ValidationError as error:
            mistake = first_mistake(error)
            raise CheckpointError(f"{source} has invalid metadata: {mistake}; train or import it again") from None


@dataclass(frozen=True)
class Trained:
    """A system with its trained weights, in eval mode, and the metadata of its checkpoint.

    `metadata` has format, system, config (JSON), dataset, classes (JSON), palette (JSON), height, width, step; of an
    imported checkpoint also release and preset. Without encoder tensors in the file, the system's `encoder` is None.
    """

    system: Any
    metadata: dict[str, str]


def tensors_of(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Return all parameters and buffers by `network.key`; parameters stay parameters.

    Example:
        >>> sorted(tensors_of({"generator": nn.Linear(1, 1)}))
        ['generator.bias', 'generator.weight']
    """
    return {
        f"{name}.{key}": tensor
        for name, network in networks.items()
        for key, tensor in network.state_dict(keep_vars=True).items()
    }


def save_weights(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str]) -> None:
    """Write a checkpoint atomically; the same weights and metadata give the same bytes.

    Raises:
        DiskError: if the file cannot be written.

    Example:
        >>> save_weights(Path("linear.safetensors"), nn.Linear(1, 1).state_dict(), metadata={"step": "7"})
        >>> tensors, metadata = load_weights(Path("linear.safetensors"))
        >>> metadata["step"]
        '7'
    """
    write_tensors(path, tensors, metadata={"format": FORMAT, **metadata})


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors (on the CPU, all floats as float32) and metadata.

    Raises:
        CheckpointError: if the file is missing, broken, or of another format, or a tensor has NaN or infinity.
    """
    try:
        tensors, metadata = read_tensors(path)
    except FileNotFoundError:
        raise CheckpointError(
            f"there is no checkpoint {path}; run the stage `train` first (`dvc repro train`), or bring a published one "
            "with `smis import-checkpoint`"
        ) from None
    except UnreadableError as error:
        raise CheckpointError(f"{path} is no checkpoint: {error}; {error.remedy}") from None
    except BrokenTensorsError as error:
        raise CheckpointError(f"{path} is broken ({error}); delete it and run the stage `train` again") from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path} has format {metadata.get('format')!r}, this program reads {FORMAT!r}")
    return as_float32(tensors, source=path), metadata


def as_float32(tensors: Mapping[str, Tensor], *, source: Path) -> dict[str, Tensor]:
    """Convert floats of any precision, as networks have them.

    Raises:
        CheckpointError: if a tensor has NaN or infinity; names it.
    """
    converted = {name: each.float() if each.is_floating_point() else each for name, each in tensors.items()}
    for name, tensor in converted.items():
        # NaN is lowest and highest, and no mask of the tensor's size is made
        if tensor.is_floating_point() and tensor.numel() and not all(each.isfinite() for each in tensor.aminmax()):
            raise CheckpointError(
                f"{source}: {name} has numbers that are NaN or infinite; its training diverged or the file is damaged: "
                "take an earlier one"
            )
    return converted


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that fits the system that it names."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    description: SystemDescription
    config: Any
    """The system's."""

    @property
    def encodes(self) -> bool:
        """Whether it has an encoder: an imported one may lack it."""
        return any(name.startswith("encoder.") for name in self.tensors)

    def build(self, height: int | None = None, width: int | None = None) -> Any:
        """Build the system, for the size that it was trained at or another, with random weights.

        Raises:
            ParamsError: if the system cannot have that size.
        """
        about = self.description
        return self.config.build(
            classes=len(about.classes), height=height or about.height, width=width or about.width, training=False
        )

    def outline(self) -> Any:
        """Build the system without memory for its weights.

        Raises:
            CheckpointError: if the metadata describe what cannot be built, or nothing of the file's size.
        """
        try:
            with without_memory(), _AtMost(10 * len(self.tensors) + 1000):
                return self.build()
        # numbers beyond sense: sizes overflow in torch, powers in Python
        except (ParamsError, RuntimeError, ValueError, OverflowError, MemoryError) as error:
            reason = " ".join(str(error).split()) or "too large"
            raise CheckpointError(f"{self.path} describes a system that cannot be built: {reason}") from None


def read_checkpoint(path: Path, systems: Registry) -> Checkpoint:
    """Read a checkpoint, and compare it with the system that it names before that takes any memory.

    Args:
        path: A file, a folder with a `checkpoint.safetensors`, or `zoo:NAME`.
        systems: The systems that it may name.

    Raises:
        CheckpointError: if the file is missing, broken, or does not fit the system.
    """
    path = resolve_checkpoint(path)
    tensors, metadata = load_weights(path)
    about = SystemDescription.read(metadata, source=path)
    try:
        kind = systems.load(about.system)
        config = kind.check(with_new_names(about.config), source=about.system, at="config")
    except ParamsError as error:
        raise CheckpointError(f"{path}: {' '.join(str(error).split())}") from None
    checkpoint = Checkpoint(path, tensors, metadata, about, config)
    outline = checkpoint.outline()
    for name in ("generator", "encoder") if checkpoint.encodes else ("generator",):
        difference = first_mismatch(getattr(outline, name) or nn.Module(), part_of(tensors, name))
        if difference is not None:
            raise CheckpointError(f"{path} does not fit its system's {name}: {difference}; train or import it again")
    return checkpoint


def load_system(path: Path, systems: Registry) -> Trained:
    """Build the system that a checkpoint names, and load its weights.

    Raises:
        CheckpointError: if the file is missing, broken, or does not fit the system.
    """
    checkpoint = read_checkpoint(path, systems)
    system = checkpoint.build()
    system.generator.load_state_dict(part_of(checkpoint.tensors, "generator"))
    if not checkpoint.encodes:
        system.encoder = None
    else:
        system.encoder.load_state_dict(part_of(checkpoint.tensors, "encoder"))
    return Trained(system=system.eval(), metadata=checkpoint.metadata)


def description(
    *,
    system: str,
    config: Config,
    dataset: str,
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    height: int,
    width: int,
    step: int = 0,
) -> dict[str, str]:
    """Return the metadata that a system can be built from, with the names and colors of its classes."""
    return {
        "system": system,
        "config": config.model_dump_json(),
        "dataset": dataset,
        "classes": json.dumps(classes),
        "palette": json.dumps(palette),
        "height": str(height),
        "width": str(width),
        "step": str(step),
    }


def part_of(tensors: Mapping[str, Tensor], network: str) -> dict[str, Tensor]:
    """Return the tensors of one network, by their names in its state dict."""
    return {key.removeprefix(f"{network}."): value for key, value in tensors.items() if key.startswith(f"{network}.")}


def first_mismatch(network: nn.Module, tensors: Mapping[str, Tensor]) -> str | None:
    """Name the first tensor that is not as the network has it, or nothing if all are."""
    ours = network.state_dict()
    for name, wanted in ours.items():
        if name not in tensors:
            return f"{name} {_size(wanted)} is missing in the file"
        found = tensors[name]
        if found.shape != wanted.shape:
            return f"{name} has shape {_size(found)} in the file, {_size(wanted)} in the network"
        if found.dtype != wanted.dtype:
            return f"{name} is {_kind(found)} in the file, {_kind(wanted)} in the network"
    extra = next((name for name in tensors if name not in ours), None)
    return None if extra is None else f"{extra} {_size(tensors[extra])} of the file is not in the network"


def _size(tensor: Tensor) -> str:
    return str(list(tensor.shape))


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


class _AtMost(TorchFunctionMode):
    """Refuse to make more tensors than a number."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit, self._made = limit, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._made += func is torch.empty
        if self._made > self._limit:
            raise ValueError(f"it has more than {self._limit:,} tensors")
        return func(*args, **(kwargs or {}))
