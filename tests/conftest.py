"""Shapes and types of public calls are checked while tests run; beartype cannot resolve `Self`: name the class."""

import os
import sys
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest
from jaxtyping import install_import_hook

_CHECKED = (
    "nn",
    "losses",
    "models",
    "datasets",
    "data",
    "metrics",
    "training",
    "sampling",
    "core.batch",
    "core.seeding",
    "core.style",
)

_SLOW = (
    "services/",
    "cli/test_bench.py",
    "datasets/io/test_s3_files.py",
    *(f"flows/sweep/test_{name}.py" for name in ("apply", "lists", "lock", "raw", "remote", "study", "sweep", "trial")),
    *(f"flows/test_{name}.py" for name in ("cancellation", "deployments", "devices", "experiment", "stages", "up")),
    "flows/sweep/test_remote_runs.py",
    "pipelines/remote/test_bucket.py",
    *(
        f"pipelines/test_{name}.py"
        for name in ("added", "laws", "load_size", "mistakes", "prepare", "raw", "segmenter")
    ),
    *(f"pipelines/test_{name}.py" for name in ("segmenter", "tracking_model", "tracking_server", "train")),
    *(f"pipelines/test_{name}.py" for name in ("train_validation", "whole_pipeline")),
    *(f"training/test_{name}.py" for name in ("launch", "processes", "resume", "workers")),
)

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
install_import_hook([f"smis.{name}" for name in _CHECKED], "beartype.beartype")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest, so that no process is left alone with it at the end.

    What starts a server, a browser or stages of the pipeline is slow: `make test-fast` leaves it out.
    """
    items.sort(key=lambda item: "browser" not in item.path.parts)
    for item in items:
        if str(item.path.relative_to(item.config.rootpath / "tests")).startswith(_SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The toy system is a module for tests and a script for processes."""
    path = Path(__file__).parent / "training" / "toy.py"
    spec = util.spec_from_file_location("smis_toy", path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
