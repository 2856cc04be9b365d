"""SegFormer with published weights for ADE20K, for Cityscapes and for people in clothes, through transformers.

Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers" (NeurIPS 2021). The
sizes of the network are listed here, so that only the file of weights is needed and nothing is downloaded from a hub.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from smis.core import weights
from smis.core.errors import ParamsError, WeightsError, optional_package
from smis.core.images import to_levels
from smis.core.shapes import Image, LabelMap

B5 = {
    "depths": [3, 6, 40, 3],
    "hidden_sizes": [64, 128, 320, 512],
    "num_attention_heads": [1, 2, 5, 8],
    "sr_ratios": [8, 4, 2, 1],
    "mlp_ratios": [4, 4, 4, 4],
    "patch_sizes": [7, 3, 3, 3],
    "strides": [4, 2, 2, 2],
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-6,
    "decoder_hidden_size": 768,
}
"""The published sizes, by the names of transformers' `SegformerConfig`."""

B2 = {**B5, "depths": [3, 4, 6, 3]}

_MEAN, _DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
"""Of ImageNet's colors in 0..1, as the published image processor has them."""


@dataclass(frozen=True)
class Published:
    """The classes that a published network predicts, and its input."""

    finds: str
    """Description of the data set's ids, for messages."""
    classes: frozenset[int]
    """Possible numbers of classes of the data set, without the one for unlabeled pixels."""
    ids: tuple[int, ...]
    """The data set's class of each output channel; several channels may have the same."""
    side: int
    """Shorter side in pixels of the input, as in the network's training."""
    sizes: dict[str, Any] = field(default_factory=lambda: B5)


PUBLISHED = {
    "segformer_ade20k": Published(
        "the 150 classes of ADE20K, ids 1 to 150 after 0 for 'other'", frozenset({151}), tuple(range(1, 151)), side=640
    ),
    "segformer_cityscapes": Published(
        "the 19 evaluated classes of Cityscapes among its label ids 0 to 33, with or without 'license plate' as 34",
        frozenset({34, 35}),
        (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33),
        side=1024,
    ),
    "segformer_clothes": Published(
        "seven of the eight classes of DeepFashion, socks not among them",
        frozenset({8}),
        (0, 1, 1, 2, 3, 5, 5, 3, 5, 6, 6, 2, 4, 4, 4, 4, 0, 3),
        side=512,
        sizes=B2,
    ),
}
"""The networks by the names of their weights.

Which parser measured DeepFashion in the papers, and how its classes were merged, was not released. That of clothes was
trained on ATR (18 classes): a hat is merged into hair, sunglasses into the face, a dress and a scarf into top-clothes,
a belt into bottom-clothes, a bag into the background.
"""


class Segformer(nn.Module):
    """Predict the classes of a data set, in its ids.

    Images are processed one at a time: the result does not depend on the batch, and memory is that of one image.
    """

    def __init__(self, network: nn.Module, published: Published) -> None:
        super().__init__()
        self.network, self.side = network, published.side
        self.register_buffer("ids", torch.tensor(published.ids))
        self.requires_grad_(False).eval()

    def forward(self, image: Image) -> LabelMap:
        """Return the likeliest class of each pixel of images of -1..1."""
        return torch.cat([self.get_buffer("ids")[self.scores(single).argmax(dim=1)] for single in image.split(1)])

    def scores(self, image: Image) -> Float[Tensor, "b channels h w"]:
        """Return the score of each channel at each pixel, enlarged from what the network gives (a quarter of it)."""
        small = self.network(pixel_values=prepare(image, side=self.side)).logits
        return F.interpolate(small, size=image.shape[-2:], mode="bilinear", align_corners=False)


def fed(height: int, width: int, *, side: int) -> tuple[int, int]:
    """Return the height and width that an image is resized to: the shorter of both is `side`, the aspect is kept.

    Example:
        >>> fed(256, 512, side=1024)
        (1024, 2048)
    """
    shorter = min(height, width)
    return round(height * side / shorter), round(width * side / shorter)


def prepare(image: Image, *, side: int) -> Float[Tensor, "b 3 rows columns"]:
    """Resize and normalize images of -1..1 as the published image processor does, which works on 0..255.

    That one squeezes every image into a square; here the aspect is kept, as when the published mIoU was measured.
    """
    from torchvision.transforms.v2.functional import normalize, resize

    resized = resize(to_levels(image), list(fed(*image.shape[-2:], side=side)), antialias=True)
    return normalize(resized.float() / 255, _MEAN, _DEVIATION)


def rule(name: str, *, height: int, width: int) -> str:
    """Return a description of the resizing of an image of this size, and of its scores."""
    rows, columns = fed(height, width, side=PUBLISHED[name].side)
    return f"image to {rows} x {columns}, bilinear, antialiased; scores to {height} x {width}, bilinear"


def unknown(name: str, classes: Sequence[str]) -> frozenset[int]:
    """Return the ids of a data set's classes that the network does not predict.

    Example:
        >>> sorted(unknown("segformer_ade20k", ["other", *map(str, range(150))]))
        [0]
    """
    return frozenset(range(len(classes))) - frozenset(PUBLISHED[name].ids)


def check(name: str, *, classes: int) -> None:
    """Compare the number of a data set's classes, the one for unlabeled pixels apart, with the network.

    Raises:
        ParamsError: if it is another data set's.
    """
    if classes not in PUBLISHED[name].classes:
        raise ParamsError(
            f"segmenter.network: {name} finds {PUBLISHED[name].finds}, but the data set has {classes} classes; "
            "take `network: trained`, or prepare the data set with these ids"
        )


def load(name: str) -> Segformer:
    """Build a network with its published weights, frozen, on the CPU.

    Raises:
        ParamsError: if the package transformers is missing.
        WeightsError: if the weights are missing, are not the published ones or do not fit the network.
    """
    published = PUBLISHED[name]
    return Segformer(_filled(name, {**published.sizes, "num_labels": len(published.ids)}), published)


def _filled(name: str, sizes: dict[str, Any]) -> nn.Module:
    """Let transformers load the tensors: it knows the names that they were published with."""
    library, path = _transformers(), weights.find(name)
    with _quiet(library):
        network, report = library.SegformerForSemanticSegmentation.from_pretrained(
            None,
            config=library.SegformerConfig(**sizes),
            state_dict=weights.read(name),
            dtype=torch.float32,
            ignore_mismatched_sizes=True,  # they are in the report, and refused below
            output_loading_info=True,
        )
    wrong = sorted(str(key) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in report[kind])
    if wrong:
        raise WeightsError(f"{path} does not fit {name}: {len(wrong)} tensors differ, the first is {wrong[0]}")
    return network


def _transformers() -> Any:
    """Import the package on first use: it takes seconds, and is optional."""
    with optional_package("published segmentation networks", extra="segmenters"):
        import transformers
    return transformers


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Suppress its progress bars and reports, and restore its settings."""
    logging = library.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
