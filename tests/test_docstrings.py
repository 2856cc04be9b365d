"""Examples (`>>>`) in docstrings run as they stand, and the public library has one everywhere.

Each module's examples run in an empty folder that has `checkpoint.safetensors` (a tiny INADE of random weights),
`labels.png`, `photograph.png` and `prepared` (a data set of three such images). An example sees the names of its
module, as with `python -m doctest`, and `smis`.
"""

import ast
import doctest
import inspect
import shutil
import socket
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import smis
from smis.core.sample import Sample
from smis.data.schema import Header
from smis.data.writer import write
from smis.styles import ImageStyle, Synthesizer
from tests import checkpoints

ROOT = Path(__file__).parents[1]
MODULES = [path for path in sorted((ROOT / "smis").rglob("*.py")) if ">>> " in path.read_text()]
PUBLIC = [
    *[(name, getattr(smis, name)) for name in smis.__all__],
    *[
        (f"{owner.__name__}.{name}", method)
        for owner in (Synthesizer, ImageStyle)
        for name, method in inspect.getmembers(owner, inspect.isfunction)
        if not name.startswith("_") or name == "__call__"
    ],
]


@pytest.fixture(scope="session")
def example_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    checkpoints.write(folder / "checkpoint.safetensors", "inade")
    height, width = checkpoints.SIZE
    labels = np.broadcast_to(np.arange(width) * 5 // width, (height, width)).astype(np.uint8)
    Image.fromarray(labels).save(folder / "labels.png")
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "photograph.png")
    palette = tuple((red, green, blue) for red, green, blue in checkpoints.PALETTE)
    header = Header("examples", tuple(checkpoints.NAMES), palette, height=height, width=width)
    images = [np.roll(pixels, n, axis=1) for n in range(3)]
    samples = [Sample(f"image-{n}", "train", image, labels, labels.astype(np.uint16)) for n, image in enumerate(images)]
    write(folder / "prepared", samples, header=header)
    return folder


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_module_run_as_they_stand(
    path: Path, example_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(example_files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", _no_network)
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    names = {"smis": smis, **vars(import_module(name))}
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    for example in _examples(path, names):
        runner.run(example, out=report.append)
    assert runner.tries > 0
    assert not report, "".join(report)


@pytest.mark.parametrize("item", [item for _, item in PUBLIC], ids=[name for name, _ in PUBLIC])
def test_the_public_library_has_an_example(item: Callable[..., Any]) -> None:
    assert ">>> " in (inspect.getdoc(item) or "")


def _examples(path: Path, names: dict[str, Any]) -> Iterator[doctest.DocTest]:
    """Find docstrings in the source: the shape checks of the tests wrap functions, which hides them from doctest."""
    parser = doctest.DocTestParser()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ">>> " in (ast.get_docstring(node) or ""):
            title = getattr(node, "name", path.stem)
            text = ast.get_docstring(node) or ""
            yield parser.get_doctest(text, dict(names), title, str(path), node.body[0].lineno)


def _no_network(*_: object) -> None:
    raise AssertionError("an example opens a connection")
