"""Networks whose layers torch.compile fuses, where that computes the same."""

import torch
from torch import nn
from torch.nn.utils.spectral_norm import SpectralNorm


def compile_forward(network: nn.Module) -> None:
    """Compile what a network does with its inputs, spectral normalization left out.

    torch 2.15's inductor differentiates its power iteration wrongly, without a word: the vectors that it moves in place
    are saved too late for the backward pass.
    """
    for layer in network.modules():
        for hook in layer._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm):
                setattr(hook, "compute_weight", torch.compiler.disable(hook.compute_weight))  # noqa: B010
    forward = torch.compile(network.forward)  # and not the hooks of the whole: some are there for a while only
    network.forward = forward  # pyright: ignore[reportAttributeAccessIssue]
