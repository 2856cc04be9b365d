"""A generator as an ONNX model."""

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from smis.core.errors import ParamsError
from smis.core.files import written
from smis.published.generation import Exported, Inputs, trace

ALLOWED = 1e-4
"""From eager, in an image of -1..1: another library adds in another order."""
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def export_onnx(checkpoint: Path, out: Path, *, batch: int = 1) -> Exported:
    """Write an ONNX model from `labels`, `instances` (where they are read) and `style_...` to `image`.

    Its metadata are the checkpoint's: classes, palette, system.

    Raises:
        ParamsError: if a package that this needs is not installed.
        CheckpointError: if the checkpoint cannot be read, or the model computes something else than eager.
        DiskError: if the file cannot be written.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise ParamsError(f"--to onnx needs {', '.join(missing)}; install it with: pip install 'smis[export]'")
    traced = trace(checkpoint, batch=batch)
    model = torch.onnx.export(traced.program, output_names=["image"], verbose=False)
    assert model is not None
    model.model.metadata_props.update(traced.metadata)
    with written(out) as beside:
        model.save(str(beside), external_data=False)
        return traced.compared(_run(beside, traced.inputs), allowed=ALLOWED).checked(out)


def _run(path: Path, inputs: Inputs) -> Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    return torch.from_numpy(session.run(["image"], arrays)[0])
