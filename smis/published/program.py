"""A generator as a program of torch.export, which runs without our code."""

import json
from pathlib import Path

import torch

from smis.core.files import written
from smis.published.generation import Exported, trace

ALLOWED = 1e-5
"""From eager, in an image of -1..1."""


def export_program(checkpoint: Path, out: Path, *, batch: int = 1) -> Exported:
    """Write a `.pt2` file for `torch.export.load(...).module()(labels=..., style_...=...)`.

    Its extra file `checkpoint.json` says what the checkpoint says about itself: classes, palette, system.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or the program computes something else than eager.
        DiskError: if the file cannot be written.
    """
    traced = trace(checkpoint, batch=batch)
    with written(out) as beside:
        with beside.open("wb") as file:
            torch.export.save(traced.program, file, extra_files={"checkpoint.json": json.dumps(traced.metadata)})
        with beside.open("rb") as file, torch.no_grad():
            image = torch.export.load(file).module()(**traced.inputs)
        return traced.compared(image, allowed=ALLOWED).checked(out)
