"""The device to compute on."""

import torch

from smis.core.errors import ParamsError


def usable_device(name: str | torch.device | None = None) -> torch.device:
    """Return the named device; without a name, a GPU if available.

    Raises:
        ParamsError: if the device is not available.

    Example:
        >>> usable_device("cpu")
        device(type='cpu')
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=device)
        if device.type == "meta":
            raise RuntimeError("it holds no numbers")
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ParamsError(f"device {str(name)!r} cannot be used ({reason}); leave it out, or give 'cpu'") from None
    return device
