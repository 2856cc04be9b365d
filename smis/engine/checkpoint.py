"""The finished weights, for others: a safetensors file that says what it holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from smis.core.errors import CheckpointError
from smis.core.files import written
from smis.core.registry import Registry

FORMAT = "1"


@dataclass(frozen=True)
class Trained:
    """A system with its trained weights, in eval mode, and what its checkpoint says about itself.

    `metadata` holds format, system, config (JSON), dataset, classes (JSON), palette (JSON), height, width, step.
    """

    system: Any
    metadata: dict[str, str]


def tensors_of(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Name every parameter and buffer `network.key`; parameters stay parameters."""
    return {
        f"{name}.{key}": tensor
        for name, network in networks.items()
        for key, tensor in network.state_dict(keep_vars=True).items()
    }


def save_weights(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str]) -> None:
    """Write beside and rename; the same weights and metadata give the same bytes.

    Raises:
        DiskError: if the file cannot be written.
    """
    ready = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    content = _sorted_header(save(ready, metadata={"format": FORMAT, **metadata}))
    with written(path) as beside:
        beside.write_bytes(content)


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors (on the CPU) and metadata.

    Raises:
        CheckpointError: if the file is missing, broken, or of another format.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}; run the stage `train` first (`dvc repro train`)")
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
    """Build the system that a checkpoint names, and fill in its weights.

    Raises:
        CheckpointError: if the file is missing, broken, or does not fit the system.
    """
    tensors, metadata = load_weights(path)
    config = systems.load(metadata["system"]).check(json.loads(metadata["config"]), source=str(path), at="config")
    system = config.build(
        classes=len(json.loads(metadata["classes"])),
        height=int(metadata["height"]),
        width=int(metadata["width"]),
        training=False,
    )
    for name in ("generator", "encoder"):
        _fill(getattr(system, name), name, tensors, path=path)
    return Trained(system=system.eval(), metadata=metadata)


def _fill(network: nn.Module | None, name: str, tensors: Mapping[str, Tensor], *, path: Path) -> None:
    if network is None:
        return
    own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        lines = " ".join(str(error).split())
        raise CheckpointError(f"{path} does not fit its system's {name}: {lines[:300]}; train it again") from None


def _sorted_header(content: bytes) -> bytes:
    """Order the metadata, which safetensors writes in a random order: DVC compares bytes."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return content[:8] + text.ljust(size) + content[8 + size :]
