"""Shapes and types of public calls are checked while tests run; beartype cannot resolve `Self`: name the class."""

import os

import pytest
from jaxtyping import install_import_hook

_CHECKED = (
    "nn",
    "losses",
    "models",
    "datasets",
    "data",
    "metrics",
    "engine",
    "core.batch",
    "core.seeding",
    "core.style",
)

os.environ.setdefault("OMP_NUM_THREADS", "1")
install_import_hook([f"smis.{name}" for name in _CHECKED], "beartype.beartype")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest, so that no process is left alone with it at the end."""
    items.sort(key=lambda item: "browser" not in item.path.parts)
