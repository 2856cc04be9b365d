"""The one base class of every section of params.yaml."""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from smis.core.errors import ParamsError
from smis.core.renamed import RENAMED


class Config(BaseModel):
    """Typed, frozen, closed to unknown keys; `preset: NAME` fills in a published setting.

    A preset is data beside its class. Keys written next to `preset` win over the preset's own, at every depth.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    presets: ClassVar[dict[str, dict[str, Any]]] = {}

    @model_validator(mode="before")
    @classmethod
    def _expand_preset(cls, section: Any) -> Any:
        if not isinstance(section, dict) or "preset" not in section:
            return section
        name = section["preset"]
        if name not in cls.presets:
            allowed = ", ".join(sorted(cls.presets)) or "none"
            raise ValueError(f"preset {name!r} is not known; there are: {allowed}")
        own = {key: value for key, value in section.items() if key != "preset"}
        return _merged(cls.presets[name], own)

    @classmethod
    def check(cls, section: Any, *, source: str, at: str = "") -> Self:
        """Read a section, or name every mistake in it at once.

        Raises:
            ParamsError: with one line per mistake and its path below `at`.
        """
        try:
            return cls.model_validate(section)
        except ValidationError as error:
            found = [_mistake(cls, detail, at=at) for detail in error.errors(include_url=False)]
            raise ParamsError.of(found, source=source) from None


def _merged(preset: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Put a section over a preset, and what is inside it over what is inside the preset."""
    merged = dict(preset)
    for key, value in own.items():
        inside = merged.get(key)
        merged[key] = _merged(inside, value) if isinstance(inside, dict) and isinstance(value, dict) else value
    return merged


def _mistake(cls: type[Config], detail: Any, *, at: str) -> str:
    """Say a mistake as `path: what is wrong`."""
    place = [str(part) for part in detail["loc"]]
    path = ".".join([*([at] if at else []), *place])
    if detail["type"] == "extra_forbidden":
        keys, new_name = _keys(cls, place[:-1]), RENAMED.get(place[-1])
        if new_name in keys:
            return f"{path}: was renamed; it is called {new_name} now"
        return f"{path}: there is no such key; there are: {', '.join(keys) or 'none'}"
    if detail["type"] == "missing":
        return f"{path}: is missing"
    message = detail["msg"].removeprefix("Value error, ")
    value = detail.get("input")
    return f"{path}: {message}" + ("" if isinstance(value, dict | list) else f" (it is {value!r})")


def _keys(cls: type[Config], place: list[str]) -> list[str]:
    """Say which keys a section knows; nothing where it is no section of ours."""
    for part in place:
        kind = cls.model_fields[part].annotation if part in cls.model_fields else None
        if not (isinstance(kind, type) and issubclass(kind, Config)):
            return []
        cls = kind
    return list(cls.model_fields)
