"""First weights of networks: as the releases draw them, or none where a file's take their place."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.nn.functional import normalize
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode


def initialize(network: nn.Module, gain: float = 0.02) -> None:
    """Draw the weights of convolutions and linear layers as Glorot and Bengio do, with a small gain; biases are 0.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (AISTATS 2010),
    Eq. 12, from a normal distribution: its deviation is gain * sqrt(2 / (inputs + outputs)). They are those of the
    stored weight: a grouped convolution counts all outputs and one group's inputs, as released.

    Example:
        >>> layer = nn.Linear(100, 100)
        >>> initialize(layer, gain=1.0)
        >>> round(layer.weight.std().item(), 2), layer.bias.abs().max().item()
        (0.1, 0.0)
    """
    for layer in network.modules():
        if isinstance(layer, _ConvNd | nn.Linear):
            # behind spectral normalization the parameter goes by another name and `weight` is what it computes
            init.xavier_normal_(getattr(layer, "weight_orig", layer.weight), gain=gain)
            if layer.bias is not None:
                init.zeros_(layer.bias)


def initialize_normally(network: nn.Module, deviation: float = 0.02) -> None:
    """Draw the weights of convolutions from one normal distribution, as pix2pixHD's release; biases stay torch's.

    Example:
        >>> layer = nn.Conv2d(32, 32, 3)
        >>> initialize_normally(layer, deviation=0.5)
        >>> round(layer.weight.std().item(), 1)
        0.5
    """
    for layer in network.modules():
        if isinstance(layer, _ConvNd):
            init.normal_(layer.weight, std=deviation)


class SkipInit(TorchFunctionMode):
    """Leave first weights uninitialized while networks are built, as `torch.nn.utils.skip_init` does for one layer.

    For networks whose weights come from a file: drawing takes as long as reading it. A spectral norm's first vectors
    are left as they are, too: on torch's meta device, to normalize them imports a thousand modules.

    Example:
        >>> with SkipInit():
        ...     layer = nn.Linear(2, 3)
        >>> layer.weight.shape
        torch.Size([3, 2])
    """

    _DRAWS = (Tensor.normal_, Tensor.uniform_, init.normal_, init.uniform_, init.kaiming_uniform_, normalize)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Skip functions that draw."""
        kwargs = kwargs or {}
        if func in self._DRAWS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@contextmanager
def without_memory() -> Iterator[None]:
    """Build networks of names, shapes and kinds of numbers alone, whatever their size.

    Example:
        >>> with without_memory():
        ...     layer = nn.Linear(10**6, 10**6)
        >>> layer.weight.shape, layer.weight.is_meta
        (torch.Size([1000000, 1000000]), True)
    """
    with torch.device("meta"), SkipInit():
        yield
