"""One package per DVC stage, each started as `python -m pipelines.STAGE`."""

import os

# Beside one busy process, OpenMP threads that spin while they wait make a training step take up to 90 times as long.
# Read once, when torch loads libgomp; child processes inherit it.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
