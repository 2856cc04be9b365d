"""Spectral normalization, in the form that the published checkpoints hold."""

import warnings
from typing import TypeVar

from torch import nn

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
