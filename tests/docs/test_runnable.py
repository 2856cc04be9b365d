"""Blocks of code under `<!-- run -->` run as they stand, in the order of their page.

Those of a page share a folder, which has what a reader has at hand: `smis/zoo/models`; for the models `...-paperdoll`
two label maps, `labels.png` and `edited.png`, and a `photograph.png`; a tiny `checkpoint.safetensors` and a `prepared`
data set. Python blocks share their names. A block without a language is a shell's. Nothing may ask the network.
"""

import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import example_files
from tests.docs.shown_commands import PAGES, ROOT

_BLOCK = re.compile(r"^<!-- run -->\n+```(?P<language>[a-z]*)[^\n]*\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = [page for page in PAGES if _BLOCK.search(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_marks_as_runnable_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _put_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", _no_network)
    names: dict[str, Any] = {"__name__": "page"}
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["language"] == "python":
            exec(compile(block["code"], str(page), "exec"), names)
        else:
            done = subprocess.run(["bash", "-euc", block["code"]], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{block['code']}\n{done.stderr}"


def _put_files(folder: Path) -> None:
    example_files.write(folder)
    (folder / "smis").symlink_to(ROOT / "smis")
    for number, name in enumerate(("labels.png", "edited.png"), 1):
        shutil.copy(ROOT / f"smis/zoo/models/inade-paperdoll/labels/{number}.png", folder / name)
    with Image.open(folder / "labels.png") as labels:
        pixels = np.random.default_rng(0).integers(0, 256, (labels.height, labels.width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "photograph.png")


def _no_network(*_: object) -> None:
    raise AssertionError("a block opens a connection")
