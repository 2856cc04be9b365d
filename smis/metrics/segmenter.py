"""A small segmentation network of our own, for data sets whose published segmenter cannot be had.

Ronneberger et al., "U-Net" (MICCAI 2015) with a light encoder of segmentation-models-pytorch, from scratch.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import segmentation_models_pytorch as smp
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from pydantic import Field, PositiveFloat, PositiveInt
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from smis.core.batch import Batch
from smis.core.config import Config
from smis.core.errors import ParamsError, WeightsError
from smis.core.files import written
from smis.core.shapes import Image, LabelMap

_FORMAT = 1
_RAREST = 1e-4
"""A class of a smaller share weighs no more than one of this share."""

ClassWeights = Float[Tensor, " classes"]


class SegmenterConfig(Config):
    """How large the segmenter is, and how long it learns."""

    encoder: Literal["resnet18", "mobilenet_v2"] = "resnet18"
    depth: int = Field(4, ge=3, le=5)
    """How often the encoder halves the image."""
    width: int = Field(128, ge=16)
    """Channels of the decoder's first stage; each next has half as many."""
    steps: PositiveInt = 260
    batch: PositiveInt = 16
    learning_rate: PositiveFloat = 3e-3
    """The highest of the one-cycle schedule."""
    weight_decay: float = Field(1e-2, ge=0)

    def build(self, *, classes: int, height: int, width: int, seed: int) -> nn.Module:
        """Make the network with weights that the seed decides.

        Raises:
            ParamsError: if the images cannot be halved `depth` times.
        """
        if height % 2**self.depth or width % 2**self.depth:
            raise ParamsError(
                f"segmenter.depth: {self.depth} asks for sizes that are multiples of {2**self.depth}, "
                f"but the images are {height} x {width}; take a smaller depth or prepare another size"
            )
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


def train(
    network: nn.Module,
    batches: Iterator[Batch],
    config: SegmenterConfig,
    *,
    device: torch.device,
    weights: ClassWeights,
    after: Callable[[float], None] = lambda loss: None,
) -> None:
    """Learn to find the label map of real images, by cross-entropy; `after` hears the loss of every step.
    Smith and Topin, "Super-Convergence" (2018): one cycle of the learning rate, the fastest way to a good network.
    """
    network.to(device).train()
    counts = weights.to(device)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=config.learning_rate, total_steps=config.steps + 1, cycle_momentum=False
    )
    for batch in islice(batches, config.steps):
        here = batch.to(device)
        scores = network(here.image.contiguous(memory_format=torch.channels_last))
        loss = _weighted(scores, here.labels, counts)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        after(loss.item())
    network.eval()


def _weighted(scores: Tensor, labels: LabelMap, weights: ClassWeights) -> Tensor:
    """Average over what weighs something; 0 where nothing does, not 0 / 0."""
    total = F.cross_entropy(scores, labels, weight=weights, reduction="sum")
    return total / weights[labels].sum().clamp(min=1e-6)


def class_weights(pixels: Int[ndarray, " classes"], *, ignore: int | None = None) -> ClassWeights:
    """Weigh a pixel by one over the root of its class's share, so that a rare class is learned in few steps.

    `pixels` counts those of each class in the training images. Classes without any, and `ignore`, weigh nothing.
    """
    shares = torch.from_numpy(pixels / pixels.sum()).float()
    weights = torch.where(shares > 0, shares.clamp(min=_RAREST).rsqrt(), 0.0)
    if ignore is not None:
        weights[ignore] = 0
    return weights


def predict(network: nn.Module, image: Image) -> LabelMap:
    """Return the likeliest class of each pixel."""
    with torch.inference_mode():
        return network(image.contiguous(memory_format=torch.channels_last)).argmax(dim=1)


@dataclass(frozen=True)
class Segmenter:
    """A trained network, and what its file says: data set, classes, how well it does on real images."""

    network: nn.Module
    facts: dict[str, Any]
    checksum: str
    """How the SHA-256 of the file begins."""


def save(path: Path, network: nn.Module, config: SegmenterConfig, *, facts: dict[str, Any]) -> None:
    """Write weights and facts; the same of both give the same bytes (one key: safetensors shuffles several).

    Raises:
        DiskError: if the place cannot be written.
    """
    about = {"format": _FORMAT, "config": config.model_dump(mode="json"), **facts}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with written(path) as beside:
        save_file(tensors, beside, metadata={"segmenter": json.dumps(about, sort_keys=True)})


def load(path: Path, *, device: torch.device) -> Segmenter:
    """Read what `save` wrote.

    Raises:
        WeightsError: if the file is missing, broken or of another format.
    """
    if not path.is_file():
        raise WeightsError(f"there is no segmenter {path}; run the stage that trains it: `dvc repro segmenter`")
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("segmenter", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise WeightsError(f"{path} is broken ({error}); delete it and run `dvc repro segmenter` again") from None
    if facts.get("format") != _FORMAT:
        raise WeightsError(f"{path} is no segmenter of format {_FORMAT}; run `dvc repro segmenter` again")
    config = SegmenterConfig.check(facts["config"], source=str(path), at="config")
    network = config.build(classes=len(facts["classes"]), height=facts["height"], width=facts["width"], seed=0)
    network.load_state_dict(tensors)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return Segmenter(network.to(device).eval(), facts, digest)
