"""A studio with the models of the zoo, and a browser that looks at it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.services.browser import chromium
from tests.services.browser.studio import small_model
from tests.services.browser.studio.studio_page import SMALL, StudioPage

PROGRAM = "from smis.cli import main; main()"


@pytest.fixture(scope="package")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `make repro` leaves it: a model for half the size, and a segmenter."""
    folder = tmp_path_factory.mktemp("studio")
    checkpoint = small_model.write_checkpoint(folder / SMALL)
    small_model.write_segmenter(folder / "runs/paperdoll/segmenter.safetensors", checkpoint)
    return folder


@pytest.fixture(scope="package")
def address(workspace: Path) -> Iterator[str]:
    """One studio for all tests of this folder: each opens a page that knows nothing."""
    command = [sys.executable, "-c", PROGRAM, "studio", "--port", "0", "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=workspace, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[0]
        finally:
            server.terminate()


Opener = Callable[..., Page]


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Opener]:
    """Open empty pages of browsers that know nothing."""
    pages: list[Page] = []

    def open_page(width: int = chromium.WIDTH, height: int = chromium.HEIGHT, touch: bool = False) -> Page:
        page = browser.new_page(viewport={"width": width, "height": height}, has_touch=touch)
        page.set_default_timeout(chromium.PATIENCE_S * 1000)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.context.close()


@pytest.fixture
def studio(address: str, new_page: Opener) -> Iterator[StudioPage]:
    """The page with INADE and its first example."""
    studio = StudioPage(new_page(), address)
    studio.open()
    yield studio
    assert studio.errors == []


@pytest.fixture
def pictures() -> Path:
    chromium.PICTURES.mkdir(exist_ok=True)
    return chromium.PICTURES
