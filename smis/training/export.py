"""Export of finished weights: a safetensors file with the metadata to build the system again."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from smis.core.config import Config, with_new_names
from smis.core.errors import CheckpointError
from smis.core.files import written
from smis.core.registry import Registry

FORMAT = "1"


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
    ready = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    with written(path) as temporary:
        _write(temporary, ready, metadata={"format": FORMAT, **metadata})
        _sort_metadata(temporary)


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors (on the CPU) and metadata.

    Raises:
        CheckpointError: if the file is missing, broken, or of another format.
    """
    if not path.is_file():
        raise CheckpointError(
            f"there is no checkpoint {path}; run the stage `train` first (`dvc repro train`), or bring a published one "
            "with `smis import-checkpoint`"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is broken ({error}); delete it and run the stage `train` again") from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path} has format {metadata.get('format')!r}, this program reads {FORMAT!r}")
    return tensors, metadata


def load_system(path: Path, systems: Registry) -> Trained:
    """Build the system that a checkpoint names, and load its weights.

    Raises:
        CheckpointError: if the file is missing, broken, or does not fit the system.
    """
    tensors, metadata = load_weights(path)
    system = build_system(metadata, systems, source=path)
    if not any(name.startswith("encoder.") for name in tensors):
        system.encoder = None
    for name in ("generator", "encoder"):
        network: nn.Module | None = getattr(system, name)
        try:
            if network is not None:
                network.load_state_dict(part_of(tensors, name))
        except RuntimeError as error:
            lines = " ".join(str(error).split())
            raise CheckpointError(f"{path} does not fit its system's {name}: {lines[:300]}; train it again") from None
    return Trained(system=system.eval(), metadata=metadata)


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


def build_system(metadata: Mapping[str, str], systems: Registry, *, source: Path) -> Any:
    """Build the system that a checkpoint's metadata describe, with random weights.

    Raises:
        ParamsError: if there is no such system, or its configuration is of another version.
    """
    config = systems.load(metadata["system"]).check(
        with_new_names(json.loads(metadata["config"])), source=str(source), at="config"
    )
    return config.build(
        classes=len(json.loads(metadata["classes"])),
        height=int(metadata["height"]),
        width=int(metadata["width"]),
        training=False,
    )


def part_of(tensors: Mapping[str, Tensor], network: str) -> dict[str, Tensor]:
    """Return the tensors of one network, by their names in its state dict."""
    return {key.removeprefix(f"{network}."): value for key, value in tensors.items() if key.startswith(f"{network}.")}


def _write(path: Path, tensors: dict[str, Tensor], *, metadata: dict[str, str]) -> None:
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(tensors, path, metadata=metadata)
        path.chmod(mode)  # safetensors creates files that only their owner can read
    except SafetensorError as error:
        # safetensors reports a full disk by its number alone; `written` makes a message of an OSError.
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def _sort_metadata(path: Path) -> None:
    """Sort the metadata, which safetensors writes in random order: DVC compares bytes."""
    with path.open("rb+") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        file.seek(8)
        file.write(text.ljust(size))
