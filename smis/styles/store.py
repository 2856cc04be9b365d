"""A style as a file: its codes, and the maps that they belong to."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smis.core.errors import CheckpointError, StyleError
from smis.core.style import Style
from smis.styles import codes
from smis.styles.coded import C, Coded
from smis.styles.painter import Painter
from smis.training.export import load_weights, save_weights

_CODE = "code."


def save(path: Path, style: Coded) -> None:
    """Write beside and rename.

    Raises:
        DiskError: if the file cannot be written.
    """
    maps = {"labels": style.labels} | ({} if style.layout.derived else {"instances": style.instances})
    tensors = {_CODE + name: code for name, code in codes.named(style.codes).items()}
    metadata = {"style_of": style.painter.title, "seeds": json.dumps(style.seeds), "drawn": json.dumps(style.drawn)}
    save_weights(path, tensors | {name: ids.to(torch.int32) for name, ids in maps.items()}, metadata=metadata)


def read(path: Path, painter: Painter) -> dict[str, Any]:
    """Read the fields of a style, checked against the checkpoint.

    Raises:
        StyleError: if the file is no style, or one of another system.
        LabelError: if its maps do not fit the checkpoint.
    """
    tensors, metadata = _content(path)
    found = {name.removeprefix(_CODE): code for name, code in tensors.items() if name.startswith(_CODE)}
    return {
        **_placed(painter, Style(**found), tensors["labels"], tensors.get("instances"), of=metadata["style_of"]),
        "seeds": tuple(json.loads(metadata["seeds"])),
        "drawn": bool(json.loads(metadata["drawn"])),
    }


def adopted(style: C, painter: Painter) -> C:
    """Return the style as one of another checkpoint of the same system, on its device.

    Raises:
        StyleError: if it is one of another system.
    """
    if style.painter is painter:
        return style
    instances = None if style.layout.derived else style.instances
    return replace(style, **_placed(painter, style.codes, style.labels, instances, of=style.painter.title))


def _placed(painter: Painter, style: Style, labels: Tensor, instances: Tensor | None, *, of: str) -> dict[str, Any]:
    if of != painter.title:
        raise StyleError(f"this is a style of {of}, but the checkpoint is of {painter.title}; take one of its own")
    layout = painter.read(labels, instances)
    here = codes.mapped(style, lambda code: code.to(painter.device))
    codes.check_alike(here, painter.sample(layout, seeds=(0,) * len(layout), samples=1))
    return {"painter": painter, "layout": layout, "codes": here}


def _content(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        tensors, metadata = load_weights(path)
    except CheckpointError:
        raise StyleError(
            f"there is no style in {path}, or the file is broken; write one with style.save(PATH)"
        ) from None
    if "style_of" not in metadata:
        raise StyleError(f"{path} holds weights and no style; write one with style.save(PATH)")
    return tensors, metadata
