"""The device to compute on."""

import os
import re

import torch

from smis.core.errors import ParamsError, shown

VARIABLE = "SMIS_DEVICE"


def usable_device(name: str | torch.device | None = None) -> torch.device:
    """Return the named device; without a name that of `$SMIS_DEVICE`, or a GPU if available.

    Raises:
        ParamsError: if the device is not available.

    Example:
        >>> usable_device("cpu")
        device(type='cpu')
    """
    device, given = named_device(name), _source(name)
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise _unusable(given, str(error).splitlines()[0]) from None
    return device


def named_device(name: str | torch.device | None = None) -> torch.device:
    """Return the device as `usable_device` does, without asking whether it is there.

    Raises:
        ParamsError: if it is neither the CPU nor a GPU of CUDA.
    """
    given = name if name is not None else os.environ.get(VARIABLE)
    if name is None and not given:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu(:0)?|cuda(:[0-9]{1,3})?", str(given)):
        raise _unusable(_source(name), "it is neither the CPU nor a GPU of CUDA")
    return torch.device(str(given))


def _source(name: str | torch.device | None) -> str:
    if name is None:
        return f"{VARIABLE}={shown(os.environ.get(VARIABLE, ''))}"
    return f"device {shown(str(name))}"


def _unusable(source: str, reason: str) -> ParamsError:
    return ParamsError(f"{source} cannot be used ({reason}); leave it out, or give 'cpu', 'cuda' or 'cuda:1'")
