"""A style as a safetensors file: its latents, and the maps that they belong to."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import BaseModel, Json, ValidationError
from torch import Tensor

from smis.core.config import first_mistake
from smis.core.errors import CheckpointError, LabelError, StyleError, shown
from smis.core.style import Style
from smis.styles.inference import InferenceModel
from smis.styles.latents import check_same_shapes, count
from smis.training.export import load_weights, save_weights

if TYPE_CHECKING:
    from smis.styles.image_style import ImageStyle

_PREFIX = "code."
_OLD_FIELDS = {"everything": "global_latent"}
"""Fields of files that were written before December 2026."""


def save(path: Path, style: "ImageStyle") -> None:
    """Write beside and rename.

    Raises:
        DiskError: if the file cannot be written.
    """
    maps = {"labels": style.labels} | ({} if style.layout.derived else {"instances": style.instances})
    tensors = {_PREFIX + name: latents for name, latents in style.latents.filled().items()}
    metadata = {"style_of": style.model.title, "seeds": json.dumps(style.seeds), "drawn": json.dumps(style.sampled)}
    save_weights(path, tensors | {name: ids.to(torch.int32) for name, ids in maps.items()}, metadata=metadata)


def read(path: Path, model: InferenceModel) -> dict[str, Any]:
    """Read the fields of a style, checked against the checkpoint.

    Raises:
        StyleError: if the file is no style, or one of another system.
        LabelError: if its maps do not fit the checkpoint.
    """
    try:
        tensors, metadata = load_weights(path)
    except CheckpointError as error:
        reason = str(error).partition(";")[0] if path.exists() else f"there is no style in {path}"
        raise StyleError(f"{reason}; write one with style.save(PATH)") from None
    if "style_of" not in metadata:
        raise StyleError(f"{path} holds weights and no style; write one with style.save(PATH)")
    try:
        about = _Metadata.model_validate(metadata)
        read = _fields_on(model, _latents(tensors), *_maps(tensors), system=about.style_of)
        if len(about.seeds) != len(read["layout"]):
            raise StyleError(f"it has {len(about.seeds)} seeds for {len(read['layout'])} label maps")
    except ValidationError as error:
        raise StyleError(f"{path}: {first_mistake(error)}; write one with style.save(PATH)") from None
    except (StyleError, LabelError) as error:
        raise type(error)(f"{path}: {error}") from None
    return read | {"seeds": about.seeds, "sampled": about.drawn}


class _Metadata(BaseModel):
    """What a file says about its style."""

    style_of: str
    seeds: Json[tuple[int, ...]]
    drawn: Json[bool]


def _latents(tensors: Mapping[str, Tensor]) -> Style:
    named = {name.removeprefix(_PREFIX): value for name, value in tensors.items() if name.startswith(_PREFIX)}
    named = {_OLD_FIELDS.get(name, name): value for name, value in named.items()}
    known = [field.name for field in fields(Style)]
    unknown = [name for name in named if name not in known]
    if unknown or not named:
        raise StyleError(f"its latents are {', '.join(named) or 'missing'}, allowed are {', '.join(known)}")
    return Style(**named)


def _maps(tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    if "labels" not in tensors:
        raise StyleError("it has no labels; write one with style.save(PATH)")
    return tensors["labels"], tensors.get("instances")


def convert(style: "ImageStyle", model: InferenceModel) -> "ImageStyle":
    """Return the style as one of another checkpoint of the same system, on its device.

    Raises:
        StyleError: if it is one of another system.
    """
    if getattr(style, "model", None) is model:
        return style
    check_style(style)
    instances = None if style.layout.derived else style.instances
    return replace(style, **_fields_on(model, style.latents, style.labels, instances, system=style.model.title))


def check_style(style: object) -> None:
    """Refuse what is no style.

    Raises:
        StyleError: with what it is.
    """
    if not isinstance(getattr(style, "latents", None), Style):
        raise StyleError(f"the style is {shown(style)}; give what synth.sample, synth.encode or synth.style returned")


def _fields_on(
    model: InferenceModel, latents: Style, labels: Tensor, instances: Tensor | None, *, system: str
) -> dict[str, Any]:
    if system != model.title:
        raise StyleError(f"this is a style of {system}, but the checkpoint is of {model.title}; take one of its own")
    layout = model.read_layout(labels, instances)
    moved = latents.map(lambda each: each.to(model.device))
    sampled = model.sample(layout, seeds=(0,) * len(layout), samples=1)
    check_same_shapes(moved, sampled)
    for name, wanted in sampled.filled().items():
        found = moved.filled()[name]
        if found.dtype != wanted.dtype or len(found) != count(moved) or len(found) % len(layout) or not len(found):
            raise StyleError(
                f"its latents {name} are {len(found)} of {found.dtype} for {len(layout)} label maps, allowed are "
                f"{wanted.dtype}, as many for each map; write one with style.save(PATH)"
            )
    return {"model": model, "layout": layout, "latents": moved}
