"""A workplace with good files, and what a refusal must be: one line with the remedy, exit code 2, nothing written."""

import os
import resource
import shlex
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy import ndarray
from PIL import Image

from smis.cli import main
from tests import checkpoints

HEIGHT, WIDTH = checkpoints.SIZE
Refuse = Callable[..., str]


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """What hangs, or asks for all memory, fails here, and not the machine."""

    def late(*_: object) -> None:
        raise TimeoutError("it takes longer than 200 s")

    limits, handler = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGALRM, late)
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, limits[1]))
    signal.alarm(200)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, handler)
    resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints, two label maps, their instance maps and photographs: all of them are fine."""
    root = tmp_path_factory.mktemp("good")
    for name in ("groupdnet", "inade", "spade"):
        checkpoints.write(root / f"{name}.safetensors", name)
    checkpoints.write(root / "encoderless.safetensors", "inade", encoder=False)
    bars = np.broadcast_to(np.arange(WIDTH) * 5 // WIDTH, (HEIGHT, WIDTH)).astype(np.uint8)
    noise = np.random.default_rng(0)
    for stem in ("a", "b"):
        save(root / "labels" / f"{stem}.png", bars)
        save(root / "instances" / f"{stem}.png", bars)
        save(root / "images" / f"{stem}.png", noise.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8))
    return root


def save(path: Path, pixels: ndarray, **options: Any) -> Path:
    """Save pixels as the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def refuse(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Run `smis` with `{good}`, `{bad}` and `{out}` filled in; return the one line that it ended with."""

    def run(line: str, **places: object) -> str:
        out = tmp_path / "out"
        words = [word.format(good=good, bad=tmp_path, out=out, **places) for word in shlex.split(line)]
        before = _files(tmp_path)
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        assert code == 2, f"exit code {code}: {printed.out}{printed.err}"
        lines = [text for text in printed.err.splitlines() if "error: " in text]
        assert len(lines) == 1, printed.err
        assert printed.err.splitlines()[-1] == lines[0], f"more than one line: {printed.err}"
        assert "Traceback" not in printed.err
        assert "weights_only" not in printed.err
        assert all(character.isprintable() for character in lines[0]), repr(lines[0])
        assert _files(tmp_path) == before, "something was written"
        return lines[0].partition("error: ")[2]

    return run


def _files(root: Path) -> dict[str, tuple[int, int]]:
    found = (os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names)
    return {path: (os.lstat(path).st_mode, os.lstat(path).st_size) for path in found}
