"""The authors' checkpoint files: read without running what may be inside, compared with a network, and written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from smis.core.errors import CheckpointError
from smis.models.system_registry import SYSTEMS
from smis.training.checkpoints import read_torch_file, write_torch_file
from smis.training.export import as_float32, part_of, read_checkpoint

_PARALLEL = "module."


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a plain file of tensors, as `torch.save(network.state_dict())` writes it, onto the CPU, floats as float32.

    Raises:
        CheckpointError: if the file is missing, broken, or holds anything else, or a number that is not finite.

    Example:
        >>> torch.save(nn.Linear(2, 3).half().state_dict(), "net.pth")
        >>> {name: tensor.dtype for name, tensor in read_tensors(Path("net.pth")).items()}
        {'weight': torch.float32, 'bias': torch.float32}
    """
    content = read_torch_file(path)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not names with their tensors")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(
                f"{path} is no plain list of tensors: {name!r} is a {type(value).__name__}; "
                "give the network's state alone (a released latest_net_*.pth)"
            )
        if not _is_whole(value):
            raise CheckpointError(f"{path}: {name} is a tensor without its numbers (meta, sparse or expanded)")
    return as_float32(content, source=path)


def _is_whole(tensor: Tensor) -> bool:
    """Return whether the file has every number of a tensor."""
    dense = not tensor.is_meta and tensor.layout == torch.strided
    return dense and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def without_data_parallel(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors by the network's own names where `DataParallel` has put `module.` before every one.

    Example:
        >>> list(without_data_parallel({"module.fc.bias": torch.zeros(1)}))
        ['fc.bias']
    """
    parallel = is_data_parallel(tensors)
    return {name.removeprefix(_PARALLEL) if parallel else name: tensor for name, tensor in tensors.items()}


def is_data_parallel(tensors: Mapping[str, Tensor]) -> bool:
    """Return whether every name begins with `module.`."""
    return bool(tensors) and all(name.startswith(_PARALLEL) for name in tensors)


ENCODER_INSIDE = {"sean": "Zencoder."}
"""How the encoder's tensors begin in the generator's file, of releases, called as their systems, that have it there."""


def by_network(files: Mapping[str, dict[str, Tensor]], *, release: str) -> dict[str, dict[str, Tensor]]:
    """Return the tensors of each network, where a release has both in one file.

    Example:
        >>> one = {"Zencoder.model.1.bias": torch.zeros(1), "fc.bias": torch.ones(1)}
        >>> by_network({"generator": one}, release="sean")
        {'generator': {'fc.bias': tensor([1.])}, 'encoder': {'model.1.bias': tensor([0.])}}
    """
    prefix, tensors = ENCODER_INSIDE.get(release), files["generator"]
    if prefix is None or "encoder" in files:
        return dict(files)
    inside = part_of(tensors, prefix.removesuffix("."))
    return {
        "generator": {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)},
        **({"encoder": inside} if inside else {}),
    }


def count_unused(network: nn.Module) -> dict[str, int]:
    """Count the tensors of each part that is never run: it is built without gradients.

    Example:
        >>> count_unused(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4).requires_grad_(False)))
        {'1': 2}
    """
    return {
        name: len(part.state_dict())
        for name, part in network.named_children()
        if any(True for _ in part.parameters()) and not any(p.requires_grad for p in part.parameters())
    }


FILES = {"generator": "latest_net_G.pth", "encoder": "latest_net_E.pth"}
"""Names of files in most releases."""
FILES_OF = {"oasis": {"generator": "best_EMA.pth"}}
"""Those of a system whose code has others: OASIS tests with the moving average."""


def export_released(checkpoint: Path, folder: Path) -> dict[Path, int]:
    """Write `latest_net_G.pth` and, if there is an encoder, `latest_net_E.pth`; return the tensors in each.

    A system whose own code reads other names gets those: `FILES_OF`.

    They are plain states as the authors' code loads them: the names and every bit of each tensor are the checkpoint's.
    SEAN's encoder is in its generator's file, without the codes of training images, which no release has there.

    Raises:
        CheckpointError: if the checkpoint is missing, broken, or does not fit its own system.
        DiskError: if a file cannot be written.

    Example:
        >>> [path.name for path in export_released(Path("checkpoint.safetensors"), Path("."))]
        ['latest_net_G.pth', 'latest_net_E.pth']
    """
    read = read_checkpoint(checkpoint, SYSTEMS)
    networks = read.outline()
    tensors = {name: part_of(read.tensors, name) for name in FILES}
    if inside := ENCODER_INSIDE.get(read.description.system):
        _put_inside(networks, tensors, inside)
    counts = {}
    for name, file in FILES_OF.get(read.description.system, FILES).items():
        own = tensors[name]
        if own:
            state = getattr(networks, name).state_dict()  # with its versions of layers, which old loaders ask for
            state.update((key, own[key]) for key in state)
            write_torch_file(folder / file, state)
            counts[folder / file] = len(state)
    return counts


def _put_inside(networks: Any, tensors: dict[str, dict[str, Tensor]], prefix: str) -> None:
    """Make the encoder, as released, the first part of the generator."""
    networks.encoder.exemplars = None
    parts = dict(networks.generator.named_children())
    networks.generator._modules.clear()
    for name, part in {prefix.removesuffix("."): networks.encoder, **parts}.items():
        networks.generator.add_module(name, part)
    tensors["generator"] |= {prefix + name: tensor for name, tensor in tensors.pop("encoder").items()}
    tensors["encoder"] = {}
