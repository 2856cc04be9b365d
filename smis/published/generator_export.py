"""The generator as an ONNX model or a program of torch.export, which run without this package."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from smis.core.errors import CheckpointError, ParamsError
from smis.core.files import written
from smis.core.seeding import Noise
from smis.core.style import Style
from smis.models.system_registry import SYSTEMS
from smis.nn.positional_maps import positional_maps
from smis.nn.spectral_norm import fold_spectral_norm
from smis.published.release_files import count_unused
from smis.training.export import load_system, read_checkpoint

Inputs = dict[str, Tensor]
_STYLE = "style_"
_MORE = ("sketch", "positions")
"""Inputs of some systems, by their names in `synthesize`."""


@dataclass(frozen=True)
class Exported:
    """Inputs and output of a file, and its difference from eager PyTorch on inputs that it was not traced with."""

    inputs: dict[str, tuple[str, tuple[int, ...]]]
    """Kind of numbers and shape of each, by name."""
    output: tuple[int, ...]
    difference: float
    """The greatest absolute difference of a value in -1..1."""
    allowed: float


class Generation(nn.Module):
    """Generate from `labels`, from `instances`, `sketch` and `positions` if the system reads them, and from a
    `style_...` for each code.
    """

    def __init__(self, system: Any) -> None:
        super().__init__()
        self.system = system

    def forward(self, **inputs: Tensor) -> Tensor:
        """Return the images (b, 3, h, w) in -1..1."""
        labels = inputs["labels"]
        codes = {name.removeprefix(_STYLE): code for name, code in inputs.items() if name.startswith(_STYLE)}
        style = Style(**codes) if codes else Style(global_latent=torch.zeros(labels.shape[0], 0))
        more = {name: inputs[name] for name in _MORE if name in inputs}
        return self.system.synthesize(labels, inputs.get("instances", torch.zeros_like(labels)), style, **more)


@dataclass(frozen=True)
class Traced:
    """The generator as a graph, inputs that it was not traced with, and the output of eager PyTorch for them."""

    program: torch.export.ExportedProgram
    inputs: Inputs
    expected: Tensor
    metadata: dict[str, str]

    def compared(self, image: Tensor, *, allowed: float, path: Path) -> Exported:
        """Compare a file's image of `inputs` with eager's.

        Raises:
            CheckpointError: if the file computes something else than eager.
        """
        difference = (image - self.expected).abs().max().item()
        if not difference <= allowed:
            raise CheckpointError(
                f"{path} was not written: it would be up to {difference:.1e} from eager, {allowed:.0e} is allowed"
            )
        kinds = {name: (str(x.dtype).removeprefix("torch."), tuple(x.shape)) for name, x in self.inputs.items()}
        return Exported(kinds, tuple(self.expected.shape), difference, allowed)


def trace(checkpoint: Path, *, batch: int) -> Traced:
    """Trace the generator of a checkpoint, for a batch size and the image size that it was trained at.

    Weights are divided by their spectral norms beforehand, and layers that never run are left out.

    Raises:
        CheckpointError: if the checkpoint is missing, broken, or does not fit its system.
    """
    trained = load_system(checkpoint, SYSTEMS)
    metadata = trained.metadata
    shape = (batch, int(metadata["height"]), int(metadata["width"]))
    classes = len(json.loads(metadata["classes"]))
    first, other = (_inputs(trained.system, shape, classes=classes, seed=seed) for seed in (0, 1))
    function = Generation(trained.system)
    with torch.no_grad():
        expected = function(**other)
        _strip(trained.system)
        program = torch.export.export(function, (), first)
        if not any(node.name == "instances" and node.users for node in program.graph.nodes):
            del first["instances"], other["instances"]
            program = torch.export.export(function, (), first)
    return Traced(program, other, expected, metadata)


def _inputs(system: Any, shape: tuple[int, int, int], *, classes: int, seed: int) -> Inputs:
    """Draw a class and an instance for every pixel by itself: no network is asked for more."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, shape, generator=generator)
    instances = torch.randint(getattr(system, "slots", classes), shape, generator=generator)
    style = system.sample(labels, instances, Noise(generator))
    codes = {field.name: getattr(style, field.name) for field in fields(style) if field.name != "instance_classes"}
    named = {_STYLE + name: code for name, code in codes.items() if code is not None and code.numel()}
    return {"labels": labels, "instances": instances, **_more(system, labels, generator), **named}


def _more(system: Any, labels: Tensor, generator: torch.Generator) -> Inputs:
    """Return what some systems read besides: a sketch, or positional maps, which no graph can find in the labels."""
    more = {}
    if getattr(system, "sketched", False):
        more["sketch"] = torch.rand(labels.shape, generator=generator).unsqueeze(1)
    if getattr(system, "unmapped", None) is not None:
        more["positions"] = positional_maps(labels, unmapped=system.unmapped)
    return more


def _strip(system: Any) -> None:
    """Leave only what generates, each layer with the weight that it works with in evaluation."""
    for name, _ in list(system.named_children()):
        if name != "generator":
            setattr(system, name, None)
    for name in count_unused(system.generator):
        delattr(system.generator, name)
    fold_spectral_norm(system.generator)


@contextmanager
def _output(checkpoint: Path, out: Path) -> Iterator[Path]:
    """Refuse a broken checkpoint, then a place that cannot be written, before minutes of work."""
    read_checkpoint(checkpoint, SYSTEMS)
    with written(out) as beside:
        yield beside


ONNX_TOLERANCE = 1e-4
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
    import onnxruntime

    with _output(checkpoint, out) as beside:
        traced = trace(checkpoint, batch=batch)
        model = torch.onnx.export(traced.program, output_names=["image"], verbose=False)
        assert model is not None
        model.model.metadata_props.update(traced.metadata)
        model.save(str(beside), external_data=False)
        session = onnxruntime.InferenceSession(str(beside), providers=["CPUExecutionProvider"])
        arrays = {name: tensor.numpy() for name, tensor in traced.inputs.items()}
        image = torch.from_numpy(session.run(["image"], arrays)[0])
        return traced.compared(image, allowed=ONNX_TOLERANCE, path=out)


PROGRAM_TOLERANCE = 1e-5
"""From eager, in an image of -1..1."""


def export_program(checkpoint: Path, out: Path, *, batch: int = 1) -> Exported:
    """Write a `.pt2` file for `torch.export.load(...).module()(labels=..., style_...=...)`.

    Its extra file `checkpoint.json` has the checkpoint's metadata: classes, palette, system.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or the program computes something else than eager.
        DiskError: if the file cannot be written.
    """
    with _output(checkpoint, out) as beside:
        traced = trace(checkpoint, batch=batch)
        with beside.open("wb") as file:
            torch.export.save(traced.program, file, extra_files={"checkpoint.json": json.dumps(traced.metadata)})
        with beside.open("rb") as file, torch.no_grad():
            image = torch.export.load(file).module()(**traced.inputs)
        return traced.compared(image, allowed=PROGRAM_TOLERANCE, path=out)
