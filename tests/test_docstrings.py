"""Examples (`>>>`) in docstrings run as they stand, and the public library has one everywhere.

Each module's examples run in a folder that has the files of tests/example_files.py alone. An example sees the names of
its module, as with `python -m doctest`, and `smis`.
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

import pytest

import smis
from smis.styles import ImageStyle, Synthesizer
from tests import example_files

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
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return example_files.write(tmp_path_factory.mktemp("examples"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_module_run_as_they_stand(
    path: Path, examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(examples, tmp_path, dirs_exist_ok=True)
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
