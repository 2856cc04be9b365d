"""A checkpoint's networks, at every image size that their weights fit."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from smis.core.errors import CheckpointError, LabelError, ParamsError
from smis.models.registry import SYSTEMS
from smis.nn.initialize import SkipInit
from smis.training.export import build_system, load_weights, part_of


class Networks:
    """Builds the system of a checkpoint for a size when it is first asked for; all sizes share their weights.

    Raises:
        CheckpointError: if the file is missing, broken, or does not fit its system.
    """

    def __init__(self, path: Path, *, device: torch.device, channels_last: bool, compiled: bool) -> None:
        tensors, self._metadata = load_weights(path)
        self._path, self._device, self._compiled = path, device, compiled
        self.title: str = SYSTEMS.load(self._metadata["system"]).title
        self.classes: list[str] = json.loads(self._metadata["classes"])
        self.palette = [tuple(color) for color in json.loads(self._metadata["palette"])]
        self.size = int(self._metadata["height"]), int(self._metadata["width"])
        self._tensors = {key: _placed(value, device, channels_last=channels_last) for key, value in tensors.items()}
        self.encodes = bool(part_of(tensors, "encoder"))
        self._systems = {self.size: self._built(*self.size)}

    @property
    def trained(self) -> Any:
        """The system at the size that it was trained with."""
        return self._systems[self.size]

    def at(self, height: int, width: int) -> Any:
        """Return the system for an image size, in eval mode.

        Raises:
            LabelError: if the architecture does not allow the size, or the weights are for another one.
        """
        if (height, width) not in self._systems:
            self._systems[height, width] = self._built(height, width)
        return self._systems[height, width]

    def _built(self, height: int, width: int) -> Any:
        system = self._empty(height, width)
        # what trains is not needed
        system.discriminator = None
        for name, network in self._filled(system).items():
            own = part_of(self._tensors, name)
            if (height, width) != self.size:
                self._check(network, own, asked=f"{height} x {width}")
            try:
                network.load_state_dict(own, assign=True)
            except RuntimeError as error:
                reason = " ".join(str(error).split())[:300]
                raise CheckpointError(
                    f"{self._path} does not fit its system's {name}: {reason}; train or import it again"
                ) from None
        system.to(self._device).eval()
        if self._compiled:
            system.generator.compile()
        return system

    def _empty(self, height: int, width: int) -> Any:
        metadata = self._metadata | {"height": str(height), "width": str(width)}
        try:
            with SkipInit():
                return build_system(metadata, SYSTEMS, source=self._path)
        except ParamsError as error:
            if (height, width) == self.size:
                raise
            reason = str(error).partition(";")[0]
            raise LabelError(f"{reason}; resize the label map, for instance to {self._trained}") from None

    def _check(self, network: nn.Module, own: dict[str, Tensor], *, asked: str) -> None:
        """Refuse a size that needs weights of another shape."""
        if any(own[key].shape != needed.shape for key, needed in network.state_dict().items() if key in own):
            raise LabelError(
                f"the label map is {asked}, but the weights of this {self.title} are for {self._trained} only; resize "
                "the label map to that, to the nearest pixel"
            )

    @property
    def _trained(self) -> str:
        return "{} x {}".format(*self.size)

    def _filled(self, system: Any) -> dict[str, Any]:
        """Return the networks that there are weights for; an imported checkpoint may have none of an encoder."""
        return {"generator": system.generator} | ({"encoder": system.encoder} if self.encodes else {})


def _placed(tensor: Tensor, device: torch.device, *, channels_last: bool) -> Tensor:
    if channels_last and tensor.dim() == 4:
        return tensor.to(device, memory_format=torch.channels_last)
    return tensor.to(device)
