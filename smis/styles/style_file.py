"""A style as a safetensors file: its latents, and the maps that they belong to."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from smis.core.errors import CheckpointError, StyleError, shown
from smis.core.style import Style
from smis.styles.inference import InferenceModel
from smis.styles.latents import check_same_shapes
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
    except CheckpointError:
        raise StyleError(
            f"there is no style in {path}, or the file is broken; write one with style.save(PATH)"
        ) from None
    if "style_of" not in metadata:
        raise StyleError(f"{path} holds weights and no style; write one with style.save(PATH)")
    latents = {name.removeprefix(_PREFIX): value for name, value in tensors.items() if name.startswith(_PREFIX)}
    latents = {_OLD_FIELDS.get(name, name): value for name, value in latents.items()}
    maps = tensors["labels"], tensors.get("instances")
    return {
        **_fields_on(model, Style(**latents), *maps, system=metadata["style_of"]),
        "seeds": tuple(json.loads(metadata["seeds"])),
        "sampled": bool(json.loads(metadata["drawn"])),
    }


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
    check_same_shapes(moved, model.sample(layout, seeds=(0,) * len(layout), samples=1))
    return {"model": model, "layout": layout, "latents": moved}
