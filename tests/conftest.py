"""Shapes and types of every public call are checked while tests run."""

from jaxtyping import install_import_hook

install_import_hook("smis", "beartype.beartype")

import os  # noqa: E402

os.environ.setdefault("OMP_NUM_THREADS", "1")
