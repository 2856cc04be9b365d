"""Diverse semantic image synthesis: from label maps to images, one class's or instance's style at a time.

`synth = smis.load("checkpoint.safetensors")` is the entry. What needs torch is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smis.styles import ImageStyle, LabelLayout, Synthesizer, load, to_uint8

__all__ = ["ImageStyle", "LabelLayout", "Synthesizer", "load", "to_uint8"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'smis' has no attribute {name!r}")
    return getattr(import_module("smis.styles"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
