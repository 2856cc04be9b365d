"""How the released networks begin."""

from torch import nn
from torch.nn.modules.conv import _ConvNd


def initialize(network: nn.Module, *, gain: float = 0.02) -> None:
    """Draw the weights of convolutions and linear layers as Glorot and Bengio do, with a small gain; biases are 0.

    Fans are those of the stored weight: a grouped convolution counts all outputs and one group's inputs, as released.
    """
    for layer in network.modules():
        if isinstance(layer, _ConvNd | nn.Linear):
            # behind spectral normalization the parameter goes by another name and `weight` is what it computes
            nn.init.xavier_normal_(getattr(layer, "weight_orig", layer.weight), gain=gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def initialize_normally(network: nn.Module, *, deviation: float = 0.02) -> None:
    """Draw the weights of convolutions from one normal distribution, whatever their fans; biases stay as torch's.

    So pix2pixHD's release begins.
    """
    for layer in network.modules():
        if isinstance(layer, _ConvNd):
            nn.init.normal_(layer.weight, std=deviation)
