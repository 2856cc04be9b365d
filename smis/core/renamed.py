"""Parameters that have been renamed: params.yaml and space.yaml are refused with the new name, old checkpoints load.

The table can be removed in December 2027.
"""

from collections.abc import Mapping
from typing import Any

RENAMED = {
    "rate_generator": "lr_generator",
    "rate_discriminator": "lr_discriminator",
    "gain": "init_gain",
    "divergence": "kl",
}


def with_new_names(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section, and all sections in it, with renamed keys under their new names.

    Example:
        >>> with_new_names({"gain": 0.02, "losses": {"divergence": 0.05}})
        {'init_gain': 0.02, 'losses': {'kl': 0.05}}
    """
    return {
        RENAMED.get(key, key): with_new_names(value) if isinstance(value, Mapping) else value
        for key, value in section.items()
    }
