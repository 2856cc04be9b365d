"""Text is UTF-8 in every locale: what reads or writes it says so."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def unsaid(code: str) -> Iterator[int]:
    """Yield the lines of calls that leave the encoding of text to the locale."""
    for call in (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)):
        if _is_of_text(call) and not any(keyword.arg == "encoding" for keyword in call.keywords):
            yield call.lineno


def _is_of_text(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute):
        opens = call.func.attr == "open" and all(isinstance(argument, ast.Constant) for argument in call.args)
        opens = opens and getattr(call.func.value, "id", "") != "tarfile"
        return call.func.attr in ("read_text", "write_text") or (opens and not _is_binary(call))
    return isinstance(call.func, ast.Name) and call.func.id == "open" and not _is_binary(call)


def _is_binary(call: ast.Call) -> bool:
    return any(isinstance(each, ast.Constant) and "b" in str(each.value) for each in call.args)


def test_the_guard_knows_text_from_bytes() -> None:
    assert list(unsaid('open(path)\npath.open("a")\npath.read_text()\npath.write_text("b")')) == [1, 2, 3, 4]
    assert list(unsaid('open(path, "rb")\npath.open("wb")\narchive.open(name)\nopen(path, encoding="utf-8")')) == []


@pytest.mark.parametrize("package", ["smis", "pipelines", "flows"])
def test_text_is_read_and_written_as_utf_8(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert [f"{path}:{line}" for path in files for line in unsaid(path.read_text(encoding="utf-8"))] == []
