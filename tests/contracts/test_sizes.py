"""A file is one idea; a folder for what has no home does not exist."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path for top in ("smis", "pipelines", "flows", "tests", "benchmarks") for path in (ROOT / top).rglob("*.py")
)
CEILING = 400


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_idea_of_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= CEILING


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "misc"])
def test_every_function_has_a_home(name: str) -> None:
    assert [path for path in FILES if path.stem == name] == []
