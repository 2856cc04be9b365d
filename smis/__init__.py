"""Diverse semantic image synthesis: from label maps to pictures, one class's or instance's style at a time.

`synth = smis.load("checkpoint.safetensors")` is where a person begins. What needs torch is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smis.styles import Layout, PictureStyle, Synthesizer, load, to_pictures

__all__ = ["Layout", "PictureStyle", "Synthesizer", "load", "to_pictures"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'smis' has no attribute {name!r}")
    return getattr(import_module("smis.styles"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
