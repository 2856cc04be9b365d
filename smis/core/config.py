"""The one base class of every section of params.yaml."""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from smis.core.errors import ParamsError


class Config(BaseModel):
    """Typed, frozen, closed to unknown keys; `preset: NAME` fills in a published setting.

    A preset is data beside its class. Keys written next to `preset` win over the preset's own.
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
        return {**cls.presets[name], **own}

    @classmethod
    def check(cls, section: Any, *, source: str, at: str = "") -> Self:
        """Read a section, or name every mistake in it at once.

        Raises:
            ParamsError: with one line per mistake and its path below `at`.
        """
        try:
            return cls.model_validate(section)
        except ValidationError as error:
            raise ParamsError.of(mistakes(error, at=at), source=source) from None


def mistakes(error: ValidationError, *, at: str = "") -> list[str]:
    """Say each mistake as `path: what is wrong`."""
    found = []
    for detail in error.errors(include_url=False):
        path = ".".join([*([at] if at else []), *(str(part) for part in detail["loc"])])
        found.append(f"{path}: {detail['msg']}" + _value(detail))
    return found


def _value(detail: Any) -> str:
    """The value itself, where it helps: not for a missing key, not for a whole section."""
    value = detail.get("input")
    if detail["type"] in {"missing", "extra_forbidden"} or isinstance(value, dict | list):
        return ""
    return f" (it is {value!r})"
