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

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
install_import_hook([f"smis.{name}" for name in _CHECKED], "beartype.beartype")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest, so that no process is left alone with it at the end."""
    items.sort(key=lambda item: "browser" not in item.path.parts)


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
