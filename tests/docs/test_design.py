import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/design.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", PAGE)


def test_the_page_names_tests() -> None:
    assert len(NAMED) >= 20


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_test_that_the_design_page_names_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert not name or name in functions


@pytest.mark.parametrize("path", re.findall(r"`((?:smis|pipelines|flows|docs)/[\w/]+\.\w+)`", PAGE))
def test_every_file_that_the_design_page_names_exists(path: str) -> None:
    assert (ROOT / path).exists() or "NAME" in path
