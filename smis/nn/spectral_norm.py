"""Spectral normalization, in the form that the published checkpoints hold."""

import warnings
from typing import TypeVar

from torch import nn
from torch.nn.utils.spectral_norm import SpectralNorm

Layer = TypeVar("Layer", bound=nn.Module)


def spectral_norm(layer: Layer) -> Layer:
    """Divide the layer's weight by its largest singular value.

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (ICLR 2018). The older of torch's two
    implementations: one power iteration in each training-mode forward pass, and the state `weight_orig`, `weight_u`,
    `weight_v`, as the authors' releases have it; the newer one computes other numbers. A grouped convolution has one
    singular value for all its groups.

    Example:
        >>> import torch
        >>> layer = spectral_norm(nn.Linear(2, 2, bias=False))
        >>> layer.weight_orig.data = torch.tensor([[4.0, 0.0], [0.0, 1.0]])
        >>> for _ in range(30):
        ...     y = layer(torch.eye(2))
        >>> y.detach()
        tensor([[1.0000, 0.0000],
                [0.0000, 0.2500]])
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return nn.utils.spectral_norm(layer)


def fold_spectral_norm(network: nn.Module) -> None:
    """Give each layer the weight that it works with in evaluation, once and for all: that is the same in each pass.

    The state then has `weight` in place of `weight_orig`, `weight_u` and `weight_v`; outputs stay bit for bit.

    Example:
        >>> import torch
        >>> layer = spectral_norm(nn.Linear(2, 2)).eval()
        >>> x = torch.eye(2)
        >>> before = layer(x)
        >>> fold_spectral_norm(layer)
        >>> sorted(layer.state_dict()), torch.equal(layer(x), before)
        (['bias', 'weight'], True)
    """
    for layer in network.modules():
        if any(isinstance(hook, SpectralNorm) for hook in layer._forward_pre_hooks.values()):
            nn.utils.remove_spectral_norm(layer)
