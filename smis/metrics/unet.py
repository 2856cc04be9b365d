"""A small segmentation network, trained here, for data sets without a published segmenter.

Ronneberger et al., "U-Net" (MICCAI 2015) with a light encoder of segmentation-models-pytorch, from scratch.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Literal

import torch
from jaxtyping import Float, Int
from numpy import ndarray
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from smis.core.batch import Batch
from smis.core.config import Config
from smis.core.errors import ParamsError
from smis.core.shapes import Image, LabelMap, size_text

_RAREST = 1e-4
"""Classes with a smaller share of the pixels weigh as much as one with this share."""

ClassWeights = Float[Tensor, " classes"]


class UnetConfig(Config):
    """The size of the network and its training.

    Example:
        >>> UnetConfig(depth=3).check_size(64, 40)  # multiples of 8 are accepted
    """

    encoder: Literal["resnet18", "mobilenet_v2"] = "resnet18"
    depth: int = Field(4, ge=3, le=5)
    """Number of times the encoder halves the image."""
    width: int = Field(128, ge=16)
    """Channels of the decoder's first stage; each next stage has half as many."""
    steps: PositiveInt = 260
    batch: PositiveInt = 16
    learning_rate: PositiveFloat = 3e-3
    """Maximum of the one-cycle schedule."""
    weight_decay: float = Field(1e-2, ge=0)

    def build(self, *, classes: int, height: int, width: int, seed: int) -> nn.Module:
        """Build the network with random weights.

        Raises:
            ParamsError: if the images cannot be halved `depth` times.
        """
        self.check_size(height, width)
        import segmentation_models_pytorch as smp

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = smp.Unet(
                self.encoder,
                encoder_depth=self.depth,
                encoder_weights=None,
                decoder_channels=[max(8, self.width >> stage) for stage in range(self.depth)],
                classes=classes,
            )
        return network.to(memory_format=torch.channels_last)

    def check_size(self, height: int, width: int) -> None:
        """Check that images of a size can be halved `depth` times.

        Raises:
            ParamsError: if not.
        """
        if height % 2**self.depth or width % 2**self.depth:
            raise ParamsError(
                f"segmenter.depth: {self.depth} asks for sizes that are multiples of {2**self.depth}, "
                f"but the images are {size_text((height, width))}; take a smaller depth or prepare another size"
            )


def train(
    network: nn.Module,
    batches: Iterator[Batch],
    config: UnetConfig,
    *,
    device: torch.device,
    weights: ClassWeights,
    on_step: Callable[[float], None] = lambda loss: None,
) -> None:
    """Train on real images and their label maps with cross-entropy; `on_step` gets the loss of every step.

    Smith and Topin, "Super-Convergence" (2018): one cycle of the learning rate.
    """
    network.to(device).train()
    weights = weights.to(device)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=config.learning_rate, total_steps=config.steps + 1, cycle_momentum=False
    )
    for batch in islice(batches, config.steps):
        batch = batch.to(device)
        scores = network(batch.image.contiguous(memory_format=torch.channels_last))
        loss = _weighted(scores, batch.labels, weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        on_step(loss.item())
    network.eval()


def _weighted(scores: Tensor, labels: LabelMap, weights: ClassWeights) -> Tensor:
    """Average over the pixels by weight; 0, not 0 / 0, if all weights are 0."""
    total = F.cross_entropy(scores, labels, weight=weights, reduction="sum")
    return total / weights[labels].sum().clamp(min=1e-6)


def class_weights(pixels: Int[ndarray, " classes"], *, ignore: Collection[int] = ()) -> ClassWeights:
    """Return a weight per class, one over the root of its share, so that a rare class is learned in few steps.

    Args:
        pixels: Pixels of each class in the training images; a class without any has the weight 0.
        ignore: Ids with the weight 0.

    Example:
        >>> import numpy as np
        >>> class_weights(np.array([64, 16, 1, 0, 19]), ignore=[4]).tolist()
        [1.25, 2.5, 10.0, 0.0, 0.0]
    """
    shares = torch.from_numpy(pixels / pixels.sum()).float()
    weights = torch.where(shares > 0, shares.clamp(min=_RAREST).rsqrt(), 0.0)
    weights[list(ignore)] = 0
    return weights


def predict(network: nn.Module, image: Image) -> LabelMap:
    """Return the likeliest class of each pixel."""
    return network(image.contiguous(memory_format=torch.channels_last)).argmax(dim=1)
