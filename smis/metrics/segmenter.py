"""What finds the label map in an image again: a published network, or one that was trained on real images; its file.

The file says how well the network does on real test images. That of a trained network holds its weights; that of a
published one says which file of weights it was measured with.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from smis.core import weights
from smis.core.errors import WeightsError
from smis.core.files import written
from smis.core.shapes import Image, LabelMap
from smis.metrics import segformer, unet
from smis.metrics.image.result import ids_of
from smis.metrics.unet import UnetConfig

_FORMAT = 1


class SegmenterConfig(UnetConfig):
    """Which network finds the label maps, and what the one that we train is like."""

    network: Literal["trained", "segformer_ade20k", "segformer_cityscapes", "segformer_clothes"] = "trained"
    """A published network trains nothing: of the other fields only `batch` counts then."""
    seed: int = 0
    """Its own: all trainings of a sweep, whatever their seeds, are measured by one instrument."""


@dataclass(frozen=True)
class Segmenter:
    """A network that finds the label map in an image, in the ids of a data set."""

    name: str
    find: Callable[[Image], LabelMap]
    ignored: frozenset[int]
    """Ids whose pixels do not count: what nobody labeled, and what the network does not know."""
    facts: dict[str, Any]
    """What its file says: classes, size, and how well it does on real images, when that is known."""
    tensors: Mapping[str, Tensor]
    """What its file holds: the weights of a network that we trained, of a published one nothing."""
    resize: str = "none"
    checksum: str = ""
    """How the SHA-256 of the weights begins; nothing before a trained network has a file."""

    @property
    def protocol(self) -> dict[str, Any]:
        """Say how label maps are found, and which ids do not count."""
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
            return self.find(image)


def trained(network: nn.Module, config: UnetConfig, *, facts: dict[str, Any], checksum: str = "") -> Segmenter:
    """Put a trained network behind the interface; `facts` names the data set's classes, and those `ignored`."""
    return Segmenter(
        name=config.encoder,
        find=partial(unet.predict, network),
        ignored=frozenset(facts.get("ignored", ())),
        facts={**facts, "config": config.model_dump(mode="json", include=set(UnetConfig.model_fields))},
        tensors=network.state_dict(),
        checksum=checksum,
    )


def published(name: str, *, facts: dict[str, Any], device: torch.device) -> Segmenter:
    """Build a published network from its file of weights; `facts` are as for `trained`, and height and width.

    Raises:
        ParamsError: if the network is for data sets of another number of classes, or a package is missing.
        WeightsError: if the file is missing or is not the published one.
    """
    classes, ignored = facts["classes"], frozenset(facts.get("ignored", ()))
    segformer.check(name, classes=len(classes) - (len(classes) - 1 in ignored))  # where `folder` has what has no label
    path = weights.find(name)
    return Segmenter(
        name=name,
        find=segformer.load(name).to(device),
        ignored=segformer.unknown(name, classes) | ignored,
        facts={**facts, "network": name, "weights": weights.digest(path)},
        tensors={},
        resize=segformer.rule(name, height=facts["height"], width=facts["width"]),
        checksum=weights.TABLE[name].sha256,
    )


def save(path: Path, segmenter: Segmenter) -> None:
    """Write weights and facts; the same of both give the same bytes (one key: safetensors shuffles several).

    Raises:
        DiskError: if the place cannot be written.
    """
    about = {"format": _FORMAT, **segmenter.facts}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in segmenter.tensors.items()}
    with written(path) as beside:
        save_file(tensors, beside, metadata={"segmenter": json.dumps(about, sort_keys=True)})


def load(path: Path, *, device: torch.device) -> Segmenter:
    """Read what `save` wrote.

    Raises:
        WeightsError: if the file is missing, broken or of another format, or a published network's weights are
            missing or are not those that it was measured with.
    """
    facts, tensors = _read(path)
    if facts.pop("format", None) != _FORMAT:
        raise WeightsError(f"{path} is no segmenter of format {_FORMAT}; run `dvc repro segmenter` again")
    return _load_published(path, facts, device) if "network" in facts else _load_trained(path, facts, tensors, device)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise WeightsError(f"there is no segmenter {path}; run the stage that trains it: `dvc repro segmenter`")
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("segmenter", "{}"))
            return facts, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise WeightsError(f"{path} is broken ({error}); delete it and run `dvc repro segmenter` again") from None


def _load_published(path: Path, facts: dict[str, Any], device: torch.device) -> Segmenter:
    name, measured = facts["network"], facts["weights"]
    here = weights.digest(weights.find(name))
    if here != measured:
        raise WeightsError(
            f"{path} was measured with weights of {name} whose SHA-256 begins {measured[:8]}, but those on this "
            f"machine begin {here[:8]}; run `dvc repro segmenter` again"
        )
    return published(name, facts=facts, device=device)


def _load_trained(path: Path, facts: dict[str, Any], tensors: dict[str, Tensor], device: torch.device) -> Segmenter:
    config = UnetConfig.check(facts["config"], source=str(path), at="config")
    network = config.build(classes=len(facts["classes"]), height=facts["height"], width=facts["width"], seed=0)
    network.load_state_dict(tensors)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return trained(network.to(device).eval(), config, facts=facts, checksum=checksum)
