"""The base class of every section of params.yaml."""

import reprlib
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from smis.core.errors import ParamsError

RENAMED = {
    "rate_generator": "lr_generator",
    "rate_discriminator": "lr_discriminator",
    "gain": "init_gain",
    "divergence": "kl",
}
"""Parameters that have been renamed: params.yaml and space.yaml are refused with the new name, old checkpoints load.

The table can be removed in December 2027.
"""

_MAX_SHOWN = 200
"""Characters of a value in a message."""


class Config(BaseModel):
    """A typed, frozen section that refuses unknown keys; `preset: NAME` fills in a published setting.

    Presets are data beside the class. Keys next to `preset` override the preset's own, at every depth.

    Example:
        >>> class Network(Config):
        ...     presets: ClassVar = {"small": {"width": 8, "layers": 2}}
        ...     width: int = 64
        ...     layers: int = 4
        >>> Network(preset="small", layers=3)
        Network(width=8, layers=3)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    presets: ClassVar[dict[str, dict[str, Any]]] = {}

    @model_validator(mode="before")
    @classmethod
    def _expand_preset(cls, section: Any) -> Any:
        if not isinstance(section, dict) or "preset" not in section:
            return section
        name = section["preset"]
        if not isinstance(name, str) or name not in cls.presets:
            allowed = ", ".join(sorted(cls.presets)) or "none"
            raise ValueError(f"preset {name!r} is not known; there are: {allowed}")
        own = {key: value for key, value in section.items() if key != "preset"}
        return merged(cls.presets[name], own)

    @classmethod
    def check(cls, section: Any, *, source: str, at: str = "") -> Self:
        """Validate a section, and report all mistakes at once.

        Raises:
            ParamsError: with one line per mistake and its path below `at`.
        """
        try:
            return cls.model_validate(section)
        except ValidationError as error:
            mistakes = [_format_mistake(cls, detail, at=at) for detail in error.errors(include_url=False)]
            raise ParamsError.of(mistakes, source=source) from None


def merged(preset: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Override a preset by a section, recursively.

    Example:
        >>> merged({"ema": 0.99, "losses": {"kl": 1, "gan": 1}}, {"losses": {"kl": 2}})
        {'ema': 0.99, 'losses': {'kl': 2, 'gan': 1}}
    """
    result = dict(preset)
    for key, value in own.items():
        default = result.get(key)
        result[key] = merged(default, value) if isinstance(default, dict) and isinstance(value, dict) else value
    return result


def _format_mistake(cls: type[Config], detail: Any, *, at: str) -> str:
    """Format a mistake as `path: what is wrong`."""
    location = [str(part) for part in detail["loc"]]
    path = ".".join([*([at] if at else []), *location])
    if detail["type"] == "extra_forbidden":
        keys, new_name = _keys(cls, location[:-1]), RENAMED.get(location[-1])
        if new_name in keys:
            return f"{path}: was renamed; it is called {new_name} now"
        return f"{path}: there is no such key; there are: {', '.join(keys) or 'none'}"
    if detail["type"] == "missing":
        return f"{path}: is missing"
    message = detail["msg"].removeprefix("Value error, ")
    value, text = detail.get("input"), repr(detail.get("input"))
    shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
    return f"{path}: {message}" + ("" if isinstance(value, dict | list) else f" (it is {shown})")


def first_mistake(error: ValidationError) -> str:
    """Format the first mistake of what a file says about itself, on one line."""
    first = error.errors(include_url=False)[0]
    field, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{field} is missing"
    return f"{field}: {message} (it is {reprlib.repr(first['input'])})" if field else message


def _keys(cls: type[Config], location: list[str]) -> list[str]:
    """Return the keys of a section; none where the location is not in a Config."""
    for part in location:
        kind = cls.model_fields[part].annotation if part in cls.model_fields else None
        if not (isinstance(kind, type) and issubclass(kind, Config)):
            return []
        cls = kind
    return list(cls.model_fields)


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
