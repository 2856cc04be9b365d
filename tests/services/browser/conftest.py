"""`make up` over a small real project, and a browser that looks at it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page

from flows.up import LOGS
from tests import empty_databases
from tests.flows.workspaces import ROOT, Workspace, wait_for
from tests.services.browser import chromium

SMALL: dict[str, Any] = {
    "axes": {"dataset": ["paperdoll"], "system": ["vspade"], "seed": [0]},
    "datasets": {"paperdoll": {"size": 32, "people": 1, "train": 16, "validation": 4, "test": 4}},
    "systems": {"vspade": {"preset": "paperdoll", "width": 4, "encoder_width": 8, "discriminator": {"width": 4}}},
    "reference": {"images": 16},
    "segmenter": {"steps": 2, "batch": 4},
    "train": {"steps": 2, "batch": 4, "grid_every": 2, "init_from": "smis/nn/initialize.py"},
    "validation": {},
    "sample": {"label_maps": 2, "samples": 2},
    "evaluate": {"resamples": 20, "timed_runs": 1},
}


class Project(Workspace):
    """The project's own code and stages on few small pictures."""

    files = {"params.yaml": yaml.safe_dump(yaml.safe_load((ROOT / "params.yaml").read_text()) | SMALL)}

    def __init__(self, path: Path) -> None:
        super().__init__(path, home=path / "prefect")
        for part in ("smis", "pipelines", "raw/paperdoll"):
            shutil.copytree(ROOT / part, path / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "dvc.yaml", path)
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.env |= {"SMIS_DEVICES": "cpu:2", "TMPDIR": str(path), "PATH": programs}

    @property
    def prefect(self) -> str:
        return f"http://127.0.0.1:{self.env['SMIS_PREFECT_PORT']}"

    @property
    def mlflow(self) -> str:
        return f"http://127.0.0.1:{self.env['SMIS_MLFLOW_PORT']}"

    def serve(self) -> None:
        """Start both servers and a worker and, meanwhile, make what all trials read."""
        process = self.start("flows.up")
        shared = [sys.executable, "-m", "dvc", "repro", "--quiet", "reference", "segmenter"]
        subprocess.run(shared, cwd=self.path, env=self.env, check=True, stdout=subprocess.DEVNULL)
        wait_for(lambda: "Ctrl-C ends all three" in self.output() or process.poll() is not None, timeout_s=120)
        assert process.poll() is None, self.output()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a file; it ends with them, as its event loop would be in the way of others."""
    if chromium.PROGRAM is None:
        pytest.skip("there is no Chromium; `make browser` says how to have one")
    with chromium.launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page = chromium.new_page(browser)
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def project(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = Project(tmp_path_factory.mktemp("project"))
    (made.path / LOGS).mkdir(parents=True)
    shutil.copy(empty_databases.prefect(tmp_path_factory), made.path / LOGS)
    shutil.copy(empty_databases.mlflow(tmp_path_factory), made.path)
    try:
        made.serve()
        yield made
    finally:
        made.end()
