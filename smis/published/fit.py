"""Whether tensors are those of a network."""

from collections.abc import Mapping

from torch import Tensor, nn


def misfit(network: nn.Module, tensors: Mapping[str, Tensor]) -> str | None:
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


def unused(network: nn.Module) -> dict[str, int]:
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
