"""In which numbers a step is computed; weights, averages and optimizers stay in float32."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Literal, ParamSpec, TypeVar

import torch

Precision = Literal["float32", "bf16", "fp16"]
"""`fp16` is for GPUs without bf16: its losses are scaled into its range."""

KINDS: dict[Precision, torch.dtype] = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

P = ParamSpec("P")
R = TypeVar("R")


def mixed(compute: Callable[P, R], *, precision: Precision, device: torch.device) -> Callable[P, R]:
    """Let `compute` choose the shorter numbers where that is safe; what comes after it (backward) is not touched."""

    @wraps(compute)
    def computed(*args: P.args, **kwargs: P.kwargs) -> R:
        with _context(precision, device):
            return compute(*args, **kwargs)

    return computed


def _context(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=KINDS[precision])
