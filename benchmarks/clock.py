"""Two ways of the same work, timed in turns, so that a busy moment hits both."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""Seconds that pass, and those of this process's threads: the second are the same on a busy machine."""


def compare(
    ways: Mapping[str, Callable[[], object]], *, repeats: int, warm: bool = True, clock: str = "wall"
) -> dict[str, Any]:
    """Return the median seconds of each way, and of the ratio of the first, the baseline, to the last.

    The spread of the ratio is that of its pairs, each of one turn.
    """
    now = CLOCKS[clock]
    for run in ways.values() if warm else ():
        run()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, run in ways.items():
            start = now()
            run()
            taken[name].append(now() - start)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    first, *_, last = medians.values()
    baseline, *_, ours = taken.values()
    pairs = [before / after for before, after in zip(baseline, ours, strict=True)]
    seconds: dict[str, Any] = {f"{name}_s": round(median, 5) for name, median in medians.items()}
    spread = [round(min(pairs), 2), round(max(pairs), 2)]
    return seconds | {"ratio": round(first / last, 2), "ratio_spread": spread, "clock": clock}


def machine() -> dict[str, Any]:
    """Say where this is measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.processor() or platform.machine()
    return {"cpu": cpu, "cores": os.cpu_count(), "threads": torch.get_num_threads(), "torch": torch.__version__}
