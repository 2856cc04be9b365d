"""Types of command-line arguments: numbers are bounded before anything is allocated for them, no path is empty."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from smis.core.errors import shown
from smis.core.numbers import MOST_SEED, parse_whole

MOST_SAMPLES = 10_000
"""Images that one label map gets; all of them are on the sheet."""


def whole(high: int, *, low: int = 0) -> Callable[[str], int]:
    """Return the type of a whole number from `low` to `high`."""

    def read(text: str) -> int:
        number = parse_whole(text, low=low, high=high)
        if number is None:
            raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number from {low} to {high}")
        return number

    return read


def positive(high: int) -> Callable[[str], int]:
    """Return the type of a whole number from 1 to `high`."""
    return whole(high, low=1)


def nonempty_path(text: str) -> Path:
    """Return a place; "" is none, though Python takes it for the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("'' is no path; give a file or a folder, or . for the current folder")
    return Path(text)


seed = whole(MOST_SEED)
samples = positive(MOST_SAMPLES)
batch_size = positive(65_536)
MOST_WORKERS = max(32, 4 * (os.cpu_count() or 1))
"""Processes or threads, each of which has memory of its own."""
processes = positive(MOST_WORKERS)
