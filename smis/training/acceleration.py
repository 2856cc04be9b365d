"""Mixed precision and torch.compile for the networks of a system."""

from collections.abc import Callable
from typing import Literal, ParamSpec, TypeVar

import torch
from torch import nn
from torch.nn.utils.spectral_norm import SpectralNorm

Precision = Literal["float32", "bf16", "fp16"]
"""Type of the activations; weights, their moving average and optimizers stay in float32. `fp16` is for GPUs without
bf16: losses are scaled into its range."""

DTYPES: dict[Precision, torch.dtype] = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

P = ParamSpec("P")
R = TypeVar("R")


def autocast(function: Callable[P, R], *, precision: Precision, device: torch.device) -> Callable[P, R]:
    """Run a function under `torch.autocast`; a backward pass after it is not affected.

    Example:
        >>> product = autocast(torch.mm, precision="bf16", device=torch.device("cpu"))
        >>> product(torch.ones(2, 2), torch.ones(2, 2)).dtype
        torch.bfloat16
    """
    if precision == "float32":
        return function
    return torch.autocast(device.type, dtype=DTYPES[precision])(function)


def compile_forward(network: nn.Module) -> None:
    """Compile the forward pass of a network, except for spectral normalization.

    The inductor of torch 2.15 differentiates its power iteration wrongly without an error: the vectors are updated
    in place and saved too late for the backward pass.
    """
    for layer in network.modules():
        for hook in layer._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm):
                setattr(hook, "compute_weight", torch.compiler.disable(hook.compute_weight))  # noqa: B010
    forward = torch.compile(network.forward)  # without the hooks of the network: some are only there for one step
    network.forward = forward  # pyright: ignore[reportAttributeAccessIssue]
