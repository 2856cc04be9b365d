"""Reads the authors' files without running what may be inside."""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smis.core.errors import CheckpointError


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a plain file of tensors, as `torch.save(network.state_dict())` writes it, onto the CPU.

    Raises:
        CheckpointError: if the file is missing, broken, or holds anything else.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}; give the place of a released latest_net_*.pth")
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    # An unpickler that is fed anything may raise anything: KeyError, IndexError, EOFError, RuntimeError, ...
    except Exception as error:
        raise CheckpointError(f"{path} {_fault(error)}") from None
    return _checked(content, path)


def _fault(error: Exception) -> str:
    """Say in one line what torch says in ten."""
    foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
    if foreign:
        return f"holds code ({foreign[1]}), not only tensors; nothing in it was run, and it is not read"
    if "TorchScript" in str(error):
        return "is a TorchScript program; give the plain weights of the release"
    return "is broken or no file of torch.save; was it downloaded to its end?"


def _checked(content: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not names with their tensors")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(
                f"{path} is no plain list of tensors: {name!r} is a {type(value).__name__}; "
                "give the network's state alone (a released latest_net_*.pth)"
            )
    return dict(content)
