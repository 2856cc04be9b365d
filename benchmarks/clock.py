"""Two ways of the same work, timed in turns, so that a busy moment hits both."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch


def compare(ways: Mapping[str, Callable[[], object]], *, repeats: int, warm: bool = True) -> dict[str, float]:
    """Return the median seconds of each way and the ratio of the first, the baseline, to the last."""
    for run in ways.values() if warm else ():
        run()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, run in ways.items():
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    first, *_, last = medians.values()
    return {f"{name}_s": round(seconds, 5) for name, seconds in medians.items()} | {"ratio": round(first / last, 2)}


def machine() -> dict[str, Any]:
    """Say where this is measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.processor() or platform.machine()
    return {"cpu": cpu, "cores": os.cpu_count(), "threads": torch.get_num_threads(), "torch": torch.__version__}
