"""Segmentation networks that predict the label map of an image, published or trained on real images, and their file.

The file holds the results on real test images, and the weights of a trained network or the checksum of those of a
published one.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from smis.core import weights
from smis.core.config import first_mistake
from smis.core.errors import ParamsError, WeightsError
from smis.core.files import UnreadableError
from smis.core.shapes import Image, LabelMap
from smis.core.tensor_files import BrokenTensorsError, read_tensors, write_tensors
from smis.metrics import segformer, unet
from smis.metrics.image.result import ids_of
from smis.metrics.unet import UnetConfig

_MOST_SHOWN = 200
"""Characters of a reason in a message."""
_FORMAT = 1
"""With another, `_Facts` refuses the file."""


class SegmenterConfig(UnetConfig):
    """Which network predicts the label maps, and the one that is trained."""

    network: Literal["trained", "segformer_ade20k", "segformer_cityscapes", "segformer_clothes"] = "trained"
    """With a published network nothing is trained, and of the other fields only `batch` is used."""
    seed: int = 0
    """Independent of the training's seed, so that all trials of a sweep are measured by the same network."""


@dataclass(frozen=True)
class Segmenter:
    """A network that predicts the label map of an image, in the ids of a data set."""

    name: str
    network: Callable[[Image], LabelMap]
    ignored: frozenset[int]
    """Ids whose pixels do not count: unlabeled, or not known to the network."""
    facts: dict[str, Any]
    """The metadata of its file: classes, size, and the results on real images, once they are known."""
    tensors: Mapping[str, Tensor]
    """The weights of a trained network; empty for a published one."""
    resize: str = "none"
    checksum: str = ""
    """The first digits of the SHA-256 of the weights; empty until a trained network has a file."""

    @property
    def protocol(self) -> dict[str, Any]:
        """How label maps are predicted, and which ids do not count."""
        own = {
            "segmenter": self.name,
            "weights": self.checksum,
            "resize": self.resize,
            "ignore": ids_of(self.ignored),
        }
        return {key: value for key, value in own.items() if value}

    def predict(self, image: Image) -> LabelMap:
        """Return the likeliest class of each pixel of images of -1..1."""
        with torch.inference_mode():
            return self.network(image)


def trained(network: nn.Module, config: UnetConfig, *, facts: dict[str, Any], checksum: str = "") -> Segmenter:
    """Make a segmenter of a trained network; `facts` holds the data set's `classes`, and `ignored` ids if any."""
    return Segmenter(
        name=config.encoder,
        network=partial(unet.predict, network),
        ignored=frozenset(facts.get("ignored", ())),
        facts={**facts, "config": config.model_dump(mode="json", include=set(UnetConfig.model_fields))},
        tensors=network.state_dict(),
        checksum=checksum,
    )


def published(name: str, *, facts: dict[str, Any], device: torch.device) -> Segmenter:
    """Build a published network from its file of weights; `facts` are as for `trained`, with `height` and `width`.

    Raises:
        ParamsError: if the network is for data sets of another number of classes, or a package is missing.
        WeightsError: if the file is missing or is not the published one.
    """
    classes, ignored = facts["classes"], frozenset(facts.get("ignored", ()))
    segformer.check(name, classes=len(classes) - (len(classes) - 1 in ignored))  # where `folder` has what has no label
    path = weights.find(name)
    return Segmenter(
        name=name,
        network=segformer.load(name).to(device),
        ignored=segformer.unknown(name, classes) | ignored,
        facts={**facts, "network": name, "weights": weights.digest(path)},
        tensors={},
        resize=segformer.rule(name, height=facts["height"], width=facts["width"]),
        checksum=weights.TABLE[name].sha256,
    )


def save(path: Path, segmenter: Segmenter) -> None:
    """Write weights and facts; the same of both give the same bytes.

    Raises:
        DiskError: if the file cannot be written.
    """
    about = {"format": _FORMAT, **segmenter.facts}
    write_tensors(path, segmenter.tensors, metadata={"segmenter": json.dumps(about, sort_keys=True)})


def load(path: Path, *, device: torch.device) -> Segmenter:
    """Read what `save` wrote.

    Raises:
        WeightsError: if the file is missing, broken or of another format, or a published network's weights are
            missing or are not those that it was measured with.
    """
    facts, tensors = _read(path)
    return _load_published(path, facts, device) if facts.get("network") else _load_trained(path, facts, tensors, device)


def read_facts(path: Path) -> dict[str, Any]:
    """Return what a segmenter's file says of it, without building it: `classes`, `height`, `width`, and `results`.

    Raises:
        WeightsError: if the file is missing, broken or of another format.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        tensors, metadata = read_tensors(path)
        facts = _Facts.model_validate_json(metadata.get("segmenter", "{}")).model_dump(exclude_unset=True)
    except FileNotFoundError:
        remedy = "run the stage that trains it: `dvc repro segmenter`"
        raise WeightsError(f"there is no segmenter {path}; {remedy}") from None
    except UnreadableError as error:
        raise WeightsError(f"{path} is no segmenter: {error}; {error.remedy}") from None
    except (BrokenTensorsError, ValidationError) as error:
        reason = first_mistake(error) if isinstance(error, ValidationError) else error
        raise WeightsError(f"{path} is broken ({reason}); delete it and run `dvc repro segmenter` again") from None
    del facts["format"]
    return facts, tensors


class _Facts(BaseModel):
    """What a segmenter's file says of it, as far as it is needed to build it again."""

    model_config = ConfigDict(extra="allow")

    format: Literal[1]
    classes: Annotated[list[str], Field(min_length=1)]
    height: Annotated[int, Field(ge=1, le=16384)]
    width: Annotated[int, Field(ge=1, le=16384)]
    ignored: list[int] = []
    network: str = ""
    weights: str = ""
    config: dict[str, Any] = {}


def _load_published(path: Path, facts: dict[str, Any], device: torch.device) -> Segmenter:
    name, measured = facts["network"], facts["weights"]
    present = weights.digest(weights.find(name))
    if present != measured:
        raise WeightsError(
            f"{path} was measured with weights of {name} whose SHA-256 begins {measured[:8]}, but those on this "
            f"machine begin {present[:8]}; run `dvc repro segmenter` again"
        )
    return published(name, facts=facts, device=device)


def _load_trained(path: Path, facts: dict[str, Any], tensors: dict[str, Tensor], device: torch.device) -> Segmenter:
    try:
        config = UnetConfig.check(facts.get("config", {}), source="config")
        network = config.build(classes=len(facts["classes"]), height=facts["height"], width=facts["width"], seed=0)
        network.load_state_dict(tensors)
    except (ParamsError, RuntimeError) as error:  # load_state_dict's, a line for each tensor
        reason = " ".join(str(error).split())[:_MOST_SHOWN]
        raise WeightsError(f"{path} is broken ({reason}); delete it and run `dvc repro segmenter` again") from None
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return trained(network.to(device).eval(), config, facts=facts, checksum=checksum)
