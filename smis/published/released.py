"""A checkpoint of ours back to the files of a release."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from smis.core.errors import CheckpointError
from smis.core.files import written
from smis.models.systems import SYSTEMS
from smis.nn.initialize import SkipInit
from smis.published.fit import misfit
from smis.training.export import build_system, load_weights, part_of

FILES = {"generator": "latest_net_G.pth", "encoder": "latest_net_E.pth"}


def export_released(checkpoint: Path, folder: Path) -> dict[Path, int]:
    """Write `latest_net_G.pth` and, if there is an encoder, `latest_net_E.pth`; return the tensors in each.

    They are plain states as the authors' code loads them: the names and every bit of each tensor are the checkpoint's.

    Raises:
        CheckpointError: if the checkpoint is missing, broken, or does not fit its own system.
        DiskError: if a file cannot be written.
    """
    tensors, metadata = load_weights(checkpoint)
    with SkipInit():
        system = build_system(metadata, SYSTEMS, source=checkpoint)
    counts = {}
    for name, file in FILES.items():
        own = part_of(tensors, name)
        if own:
            state = _state(getattr(system, name), own, source=f"the {name} of {checkpoint}")
            _save(folder / file, state)
            counts[folder / file] = len(state)
    return counts


def _state(network: nn.Module, tensors: Mapping[str, Tensor], *, source: str) -> dict[str, Tensor]:
    """Put tensors into the order of the network's state, beside its versions of layers, which old loaders ask for."""
    difference = misfit(network, tensors)
    if difference is not None:
        raise CheckpointError(f"{source} does not fit its system: {difference}; import or train it again")
    state = network.state_dict()
    state.update((name, tensors[name]) for name in state)
    return state


def _save(path: Path, state: Mapping[str, Tensor]) -> None:
    # A file rather than a path: torch writes the path's name into the file, and that of `beside` is never the same.
    with written(path) as beside, beside.open("wb") as file:
        torch.save(state, file)
