"""Generators as programs of torch.export and as ONNX models."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor

from smis.core.errors import CheckpointError, ParamsError
from smis.core.seeding import Noise, generator
from smis.models.system_registry import SYSTEMS
from smis.published import generator_export
from smis.published.generator_export import Exported, Traced, export_onnx, export_program, trace
from smis.training.export import load_system

CODES = {
    "clade": {},
    "groupdnet": {"style_classes": (1, 2, 8, 2, 2)},
    "inade": {"style_global_latent": (1, 64), "style_instances": (1, 16, 2, 8)},
    "oasis": {"style_instances": (1, 16, 16)},
    "spade": {},
    "vspade": {"style_global_latent": (1, 64)},
}


EXPORTS = {"program": export_program, "onnx": export_onnx}
FILES = {"program": "X.pt2", "onnx": "X.onnx"}
TOLERANCES = {"program": "PROGRAM_TOLERANCE", "onnx": "ONNX_TOLERANCE"}


@pytest.fixture
def traced_once(checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Give a checkpoint of two classes, whose graph is made once for all tests: that takes most of the time."""
    monkeypatch.setattr(generator_export, "trace", _traced)
    return lambda name: checkpoint(name, classes=2)


@cache
def _traced(path: Path, *, batch: int) -> Traced:
    return trace(path, batch=batch)


@pytest.fixture(scope="module")
def exported(
    checkpoint: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], tuple[Exported, Path]]:
    """Give a system's file of a kind, and what is known of it; each is made once."""

    @cache
    def export(name: str, kind: str) -> tuple[Exported, Path]:
        path = tmp_path_factory.mktemp(name) / FILES[kind]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(generator_export, "trace", _traced)
            return EXPORTS[kind](checkpoint(name, classes=2), path), path

    return export


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_every_system_is_exported_and_makes_the_images_of_eager(
    exported: Callable[[str, str], tuple[Exported, Path]], name: str
) -> None:
    for kind in EXPORTS:
        made, path = exported(name, kind)
        assert path.exists()
        assert made.output == (1, 3, 64, 64)
        assert made.inputs["labels"] == ("int64", (1, 64, 64))
        assert made.difference <= made.allowed <= 1e-4


@pytest.mark.parametrize("name", sorted(CODES))
def test_inputs_are_the_maps_that_are_read_and_the_codes(
    exported: Callable[[str, str], tuple[Exported, Path]], name: str
) -> None:
    made, _ = exported(name, "program")
    assert {key: shape for key, (_, shape) in made.inputs.items() if key.startswith("style_")} == CODES[name]
    assert ("instances" in made.inputs) == (name in ("inade", "oasis"))


def test_a_program_runs_without_our_code_and_says_what_it_is(
    exported: Callable[[str, str], tuple[Exported, Path]], checkpoint: Callable[..., Path]
) -> None:
    _, path = exported("vspade", "program")
    extra = {"checkpoint.json": ""}
    program = torch.export.load(path, extra_files=extra)
    image, expected = _images(checkpoint("vspade", classes=2), lambda inputs: program.module()(**inputs))
    torch.testing.assert_close(image, expected, atol=1e-6, rtol=0)
    assert "hair" in json.loads(json.loads(extra["checkpoint.json"])["classes"])


def test_an_onnx_model_runs_without_torch_and_says_what_it_is(
    exported: Callable[[str, str], tuple[Exported, Path]], checkpoint: Callable[..., Path]
) -> None:
    _, path = exported("vspade", "onnx")
    session = onnxruntime.InferenceSession(path)
    image, expected = _images(
        checkpoint("vspade", classes=2),
        lambda inputs: torch.from_numpy(session.run(None, {name: x.numpy() for name, x in inputs.items()})[0]),
    )
    torch.testing.assert_close(image, expected, atol=1e-5, rtol=0)
    assert "hair" in json.loads(session.get_modelmeta().custom_metadata_map["classes"])


def _images(path: Path, run: Callable[[dict[str, Tensor]], Tensor]) -> tuple[Tensor, Tensor]:
    system = load_system(path, SYSTEMS).system
    labels = (torch.arange(64) // 16 % 2).expand(1, 64, 64).contiguous()
    style = system.sample(labels, labels, Noise(generator(7)))
    with torch.no_grad():
        expected = system.synthesize(labels, labels, style)
    assert expected.std() > 0.01
    return run({"labels": labels, "style_global_latent": style.global_latent}), expected


def test_parts_that_are_never_run_are_not_exported(
    checkpoint: Callable[..., Path],
) -> None:
    traced = trace(checkpoint("groupdnet", unused_block=True), batch=1)
    names = list(traced.program.state_dict)
    assert any(".up_3." in name for name in names)
    assert not any(".up_4." in name or name.endswith("weight_orig") for name in names)


@pytest.mark.parametrize("kind", sorted(EXPORTS))
def test_what_is_too_far_from_eager_is_not_written(
    traced_once: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(generator_export, TOLERANCES[kind], -1.0)
    with pytest.raises(
        CheckpointError, match=r"X was not written: it would be up to \S+ from eager, -1e\+00 is allowed"
    ):
        EXPORTS[kind](traced_once("pix2pixhd"), tmp_path / "X")
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator_export, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(ParamsError, match=r"--to onnx needs onnxscript; install it with: pip install 'smis\[export\]'"):
        export_onnx(tmp_path / "X.safetensors", tmp_path / "X.onnx")


def test_a_generator_that_reads_positions_is_exported_with_maps_as_input(
    checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    for export, name in ((export_program, "positions.pt2"), (export_onnx, "positions.onnx")):
        made = export(checkpoint("clade", classes=2, positions=True, edges=True), tmp_path / name)
        assert made.inputs["positions"] == ("float32", (1, 2, 64, 64))
        assert "instances" in made.inputs


def test_a_generator_that_reads_sketches_is_exported_with_one_as_input(
    checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    made = export_program(checkpoint("inade", classes=2, sketch=True), tmp_path / "sketch.pt2")
    assert made.inputs["sketch"] == ("float32", (1, 1, 64, 64))
