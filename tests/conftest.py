"""Shapes and types of public calls are checked while tests run; beartype cannot resolve `Self`: name the class."""

import os

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
