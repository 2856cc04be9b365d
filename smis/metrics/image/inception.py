"""The Inception network of 2015, with pytorch-fid's weights, which published values of FID and KID use.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (CVPR 2016), as TensorFlow's FID code had
it: pytorch-fid's blocks, whose poolings differ from torchvision's. Batch norms are folded into the convolutions.
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from smis.core import weights
from smis.core.errors import optional_package
from smis.core.shapes import Image

NAME = "inception_fid"
DIMENSIONS = 2048
SIDE = 299
"""Height and width in pixels of the network's input."""

_POOLED_AFTER = frozenset({"Conv2d_2b_3x3", "Conv2d_4a_3x3"})
_SKIPPED = frozenset({"maxpool1", "maxpool2", "avgpool", "dropout", "fc", "AuxLogits"})
"""torchvision's modules that are not used for the features, and poolings, which `forward` applies."""


class Inception(nn.Module):
    """Compute the 2048 features of the last pooling from images of 299 x 299 pixels, -1..1."""

    channels = DIMENSIONS

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(layers)
        self.requires_grad_(False).eval()

    def forward(self, image: Float[Tensor, "b 3 299 299"]) -> Float[Tensor, "b 2048"]:
        """Return the features."""
        x = image.contiguous(memory_format=torch.channels_last)
        for name, layer in self.layers.items():
            x = layer(x)
            if name in _POOLED_AFTER:
                x = F.max_pool2d(x, 3, stride=2)
        return x.mean(dim=(2, 3))


def resize(image: Image) -> Float[Tensor, "b 3 299 299"]:
    """Resize images of any size to 299 x 299 pixels as pytorch-fid does: bilinear, without antialiasing.

    Example:
        >>> resize(torch.zeros(1, 3, 64, 48)).shape
        torch.Size([1, 3, 299, 299])
    """
    return F.interpolate(image, size=(SIDE, SIDE), mode="bilinear", align_corners=False)


def features(network: nn.Module, image: Image) -> Float[Tensor, "b _"]:
    """Return the features of images, -1..1, of any size; computed on the network's device, returned on the CPU."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        return network(resize(image.to(device))).cpu()


def load() -> Inception:
    """Build the network with its published weights, frozen, on the CPU.

    Raises:
        WeightsError: if they are missing or are not the published ones; no other network takes their place.
        ParamsError: if a package is missing.
    """
    return build(weights.read(NAME))


def build(tensors: Mapping[str, Tensor]) -> Inception:
    """Build the network from the tensors of pytorch-fid's file."""
    with torch.device("meta"):
        network = bare()
    network.load_state_dict(tensors, assign=True)
    network.eval()
    layers = {name: layer for name, layer in network.named_children() if name not in _SKIPPED}
    for layer in layers.values():
        _fold(layer)
    return Inception({name: layer.to(memory_format=torch.channels_last) for name, layer in layers.items()})


def protocol() -> dict[str, str]:
    """Return what both sides of a distance must share."""
    return {
        "network": NAME,
        "weights": weights.TABLE[NAME].sha256,
        "features": f"last pooling, {DIMENSIONS} numbers",
        "resize": f"torch bilinear to {SIDE} x {SIDE}, no antialiasing",
    }


def bare() -> nn.Module:
    """Build what pytorch-fid's `fid_inception_v3` builds, without its download.

    Raises:
        ParamsError: if a package is missing.
    """
    blocks = _pytorch_fid()
    network = blocks._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    network.Mixed_5b = blocks.FIDInceptionA(192, pool_features=32)
    network.Mixed_5c = blocks.FIDInceptionA(256, pool_features=64)
    network.Mixed_5d = blocks.FIDInceptionA(288, pool_features=64)
    network.Mixed_6b = blocks.FIDInceptionC(768, channels_7x7=128)
    network.Mixed_6c = blocks.FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6d = blocks.FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6e = blocks.FIDInceptionC(768, channels_7x7=192)
    network.Mixed_7b = blocks.FIDInceptionE_1(1280)
    network.Mixed_7c = blocks.FIDInceptionE_2(2048)
    return network


def _pytorch_fid() -> Any:
    """Import the package on first use: it imports torchvision, which takes five seconds."""
    with optional_package("FID and KID", extra="metrics"):
        from pytorch_fid import inception
    return inception


def _fold(layer: nn.Module) -> None:
    """Fold each batch norm into the convolution before it."""
    for module in layer.modules():
        conv, norm = getattr(module, "conv", None), getattr(module, "bn", None)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            module.conv, module.bn = fuse_conv_bn_eval(conv, norm), nn.Identity()
