"""The design page says how a system is added: done as it says, in a copy, the shared exam passes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs/examples/pixelwise.py"


def test_a_system_that_is_added_as_the_page_says_passes_the_exam(tmp_path: Path) -> None:
    for folder in ("smis", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(EXAMPLE, tmp_path / "smis/models")
    registry = tmp_path / "smis/models/system_registry.py"
    rows = registry.read_text(encoding="utf-8")
    registry.write_text(rows.replace('        "sean":', f'        {row()}\n        "sean":'), encoding="utf-8")
    exam = [sys.executable, "-m", "pytest", "-q", "-x", "-k", "pixelwise", "tests/models/test_every_system.py"]
    settings = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(exam, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"1\d passed", done.stdout)


def test_the_row_and_the_section_that_the_page_shows_are_those_of_the_example() -> None:
    assert row() == '"pixelwise": "smis.models.pixelwise:Config",'
    section = re.search(r"```yaml\n(systems:\n.*?)```", page(), re.DOTALL)
    assert section is not None
    assert yaml.safe_load(section[1]) == {"systems": {"pixelwise": {"preset": "paperdoll"}}}


def test_an_example_is_as_short_as_the_page_says() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) < 90


def row() -> str:
    found = re.search(r'^"pixelwise": .*$', page(), re.MULTILINE)
    assert found is not None
    return found[0]


def page() -> str:
    return (ROOT / "docs/design.md").read_text(encoding="utf-8")
