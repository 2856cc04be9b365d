"""Where to compute."""

import torch

from smis.core.errors import ParamsError


def usable_device(name: str | torch.device | None = None) -> torch.device:
    """Return the device of a name; without one, a GPU where there is one.

    Raises:
        ParamsError: if this machine has no such device.
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ParamsError(f"device {str(name)!r} cannot be used ({reason}); leave it out, or give 'cpu'") from None
    return device
