"""Tables of the options of a Config: names, defaults, and the texts that stand below the fields in the code."""

import ast
import inspect
import textwrap
from enum import Enum
from functools import cache
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic_core import PydanticUndefined

from smis.core.config import Config


def table(config: type[Config], *, heading: str = "option") -> str:
    """Return a row for each option; those of a section in it follow as `section.option`."""
    rows = list(_rows(config, ""))
    if not rows:
        return "There are no options."
    return "\n".join([f"| {heading} | default | what |", "|---|---|---|", *rows])


def _rows(config: type[Config], prefix: str) -> Any:
    texts = _texts(config)
    for name, field in config.model_fields.items():
        inner = next(
            (each for each in _kinds(field.annotation) if inspect.isclass(each) and issubclass(each, Config)), None
        )
        text = " ".join((texts.get(name) or field.description or "").split()).replace("|", "\\|")
        if inner is not None and not field.is_required() and prefix.count(".") < 2:
            yield from _rows(inner, f"{prefix}{name}.")
            continue
        choices = [each for kind in _kinds(field.annotation) if get_origin(kind) is Literal for each in get_args(kind)]
        allowed = f" One of {', '.join(f'`{each}`' for each in choices)}." if choices else ""
        yield f"| `{prefix}{name}` | {_default(field)} | {text}{allowed} |"


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True) if field.default is PydanticUndefined else field.default
    if field.is_required() or value is PydanticUndefined:
        return "required"
    if isinstance(value, Enum):
        value = value.value
    text = {None: "–", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)
    text = (
        ", ".join(f"{each:.4g}" if isinstance(each, float) else str(each) for each in value)
        if isinstance(value, tuple)
        else text
    )
    return f"`{text}`" if text and text != "–" else "–"


def _kinds(annotation: Any) -> list[Any]:
    """Return the types that a field may have."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [kind for each in get_args(annotation) if each is not NoneType for kind in _kinds(each)]
    return [annotation]


@cache
def _texts(config: type) -> dict[str, str]:
    """Return what stands below each field in the source of a class and those that it inherits from."""
    found: dict[str, str] = {}
    for cls in reversed(config.__mro__):
        if not (issubclass(cls, Config) and cls is not Config):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body  # pyright: ignore[reportAttributeAccessIssue]
        for node, below in pairwise(body):
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                found[node.target.id] = str(below.value.value)  # pyright: ignore[reportAttributeAccessIssue]
    return found
