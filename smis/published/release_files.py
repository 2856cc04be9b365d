"""The authors' checkpoint files: read without running what may be inside, compared with a network, and written."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from smis.core.errors import CheckpointError
from smis.models.system_registry import SYSTEMS
from smis.nn.initialize import SkipInit
from smis.training.checkpoints import write_torch_file
from smis.training.export import build_system, load_weights, part_of


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a plain file of tensors, as `torch.save(network.state_dict())` writes it, onto the CPU.

    Raises:
        CheckpointError: if the file is missing, broken, or holds anything else.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}; give the place of a released latest_net_*.pth")
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    # An unpickler that is fed anything may raise anything: KeyError, IndexError, EOFError, RuntimeError, ...
    except Exception as error:
        raise CheckpointError(f"{path} {_fault(error)}") from None
    return _checked(content, path)


def _fault(error: Exception) -> str:
    """Say in one line what torch says in ten."""
    foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
    if foreign:
        return f"holds code ({foreign[1]}), not only tensors; nothing in it was run, and it is not read"
    if "TorchScript" in str(error):
        return "is a TorchScript program; give the plain weights of the release"
    return "is broken or no file of torch.save; was it downloaded to its end?"


def _checked(content: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not names with their tensors")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(
                f"{path} is no plain list of tensors: {name!r} is a {type(value).__name__}; "
                "give the network's state alone (a released latest_net_*.pth)"
            )
    return dict(content)


def first_mismatch(network: nn.Module, tensors: Mapping[str, Tensor]) -> str | None:
    """Name the first tensor that is not as the network has it, or nothing if all are.

    Kinds of numbers count too: a tensor of half precision would be another one after a way through the network.
    """
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


def count_unused(network: nn.Module) -> dict[str, int]:
    """Count the tensors of each part that is never run: it is built without gradients."""
    return {
        name: len(part.state_dict())
        for name, part in network.named_children()
        if any(True for _ in part.parameters()) and not any(p.requires_grad for p in part.parameters())
    }


def _size(tensor: Tensor) -> str:
    return str(list(tensor.shape))


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


FILES = {"generator": "latest_net_G.pth", "encoder": "latest_net_E.pth"}


def export_released(checkpoint: Path, folder: Path) -> dict[Path, int]:
    """Write `latest_net_G.pth` and, if there is an encoder, `latest_net_E.pth`; return the tensors in each.

    They are plain states as the authors' code loads them: the names and every bit of each tensor are the checkpoint's.

    Raises:
        CheckpointError: if the checkpoint is missing, broken, or does not fit its own system.
        DiskError: if a file cannot be written.
    """
    tensors, metadata = load_weights(checkpoint)
    with SkipInit():
        system = build_system(metadata, SYSTEMS, source=checkpoint)
    counts = {}
    for name, file in FILES.items():
        own = part_of(tensors, name)
        if own:
            state = _state(getattr(system, name), own, source=f"the {name} of {checkpoint}")
            write_torch_file(folder / file, state)
            counts[folder / file] = len(state)
    return counts


def _state(network: nn.Module, tensors: Mapping[str, Tensor], *, source: str) -> dict[str, Tensor]:
    """Put tensors into the order of the network's state, beside its versions of layers, which old loaders ask for."""
    difference = first_mismatch(network, tensors)
    if difference is not None:
        raise CheckpointError(f"{source} does not fit its system: {difference}; import or train it again")
    state = network.state_dict()
    state.update((name, tensors[name]) for name in state)
    return state
