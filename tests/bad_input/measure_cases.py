"""Bad arguments of what measures people, costs and differences, and of every metric's `compute`."""

# pyright: reportArgumentType=false, reportCallIssue=false
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from smis.metrics import cost, human, kid, segmentation
from smis.metrics.comparison import compare
from smis.metrics.image import fid, lpips
from smis.metrics.image.feature_statistics import Statistics
from smis.metrics.image.result import Result
from smis.metrics.image.sample_diversity import Diversity, InstanceDiversity, RegionDiversity
from smis.metrics.model_diversity import SampleMetrics
from smis.metrics.paired import PairedDistance

NAN = float("nan")
CPU = torch.device("cpu")
alex = lpips.load("stlpips_alex")
linear = nn.Linear(1, 1)


def voted(*votes: Any, **options: Any) -> Any:
    evaluation = human.SemanticEvaluation(**options)
    evaluation.update(votes)
    return evaluation.compute()


def costs(**options: Any) -> cost.Cost:
    return cost.Cost(**{"generator": linear, "encoder": None, "batch": 1, "device": CPU, **options})


def result(draws: int = 3) -> Result:
    return Result("fid", 1.0, (1.0, 1.0), {}, draws=np.arange(draws).astype(np.float64))


METRICS: dict[str, Callable[[], Any]] = {
    "SHE": human.SemanticEvaluation,
    "Cost": costs,
    "Diversity": lambda: Diversity(alex),
    "RegionDiversity": lambda: RegionDiversity(alex, classes=6),
    "InstanceDiversity": lambda: InstanceDiversity(alex),
    "SampleMetrics": lambda: SampleMetrics(alex, classes=6),
    "PairedDistance": lambda: PairedDistance(alex),
    "Segmentation": lambda: segmentation.Segmentation(classes=2, protocol={}),
    "KernelDistance": lambda: kid.KernelDistance("kid", {}),
    "FrechetDistance": lambda: fid.FrechetDistance(
        "fd", Statistics(torch.zeros(2).double(), torch.eye(2).double()), {}
    ),
}
cases: dict[str, Callable[[], Any]] = {
    f"{name}.compute({value!r})": lambda make=make, value=value: make().compute(value)
    for name, make in METRICS.items()
    for value in (None, 10, "many", fid.Bootstrap)
}
cases |= {
    "bootstrap: no resamples": lambda: fid.Bootstrap(0),
    "bootstrap: a negative seed": lambda: fid.Bootstrap(10, seed=-1),
    "bootstrap: a million million resamples": lambda: fid.Bootstrap(10**12),
    "bootstrap: resamples of text": lambda: fid.Bootstrap("many"),
    "bootstrap: no seed": lambda: fid.Bootstrap(10, seed=None),
    "segmentation.per_class(None)": lambda: segmentation.Segmentation(classes=2, protocol={}).per_class(None),
    **{
        f"wilson({yes!r}, {votes!r})": lambda yes=yes, votes=votes: human.wilson(yes, votes)
        for yes, votes in [(0, 0), (2, 1), (-1, 3), (1, -3), (0.5, 1), (1, NAN), ("1", 2), (None, 2), (True, 2)]
    },
    **{
        f"fleiss_kappa of {name}": lambda counts=counts: human.fleiss_kappa(counts)
        for name, counts in {
            "a list": [[1, 2]],
            "one row": np.array([1, 2]),
            "floats": np.array([[1.0, NAN]]),
            "negative counts": np.array([[-1, 3]]),
            "truth": np.array([[True, False]]),
            "None": None,
        }.items()
    },
    "a vote of nobody": lambda: human.Vote("", "pair", True),
    "a vote of a number": lambda: human.Vote(7, "pair", True),
    "a vote on nothing": lambda: human.Vote("ann", None, True),
    "a vote of 1": lambda: human.Vote("ann", "pair", 1),
    "a vote of text": lambda: human.Vote("ann", "pair", "yes"),
    "a vote on an unknown catch": lambda: human.Vote("ann", "pair", True, catch="all"),
    "SHE without votes": lambda: voted(),
    "SHE of text": lambda: voted("yes"),
    "SHE of None": lambda: human.SemanticEvaluation().update(None),
    **{f"SHE: {share!r} failures": lambda share=share: voted(failures_allowed=share) for share in (-0.1, 2, NAN, "0")},
    "cost: parameters of text": lambda: cost.parameters("generator"),
    "cost: parameters of a list": lambda: cost.parameters([linear]),
    "cost: seconds of None": lambda: cost.seconds(None, device=CPU),
    "cost: seconds on no device": lambda: cost.seconds(print, device="tpu"),
    "cost: flops of a number": lambda: cost.flops(3),
    "cost: memory of None": lambda: cost.peak_memory(None, device=CPU),
    "cost: memory on no device": lambda: cost.peak_memory(print, device=None if torch.cuda.is_available() else "cuda"),
    "cost of text": lambda: costs(generator="generator"),
    "cost: an encoder of text": lambda: costs(encoder="encoder"),
    "cost: device of floats": lambda: costs(device=1.5),
    **{f"cost: batch {batch!r}": lambda batch=batch: costs(batch=batch) for batch in (0, -1, 1.5, None, "1", 10**12)},
    **{f"cost: keys {keys!r}": lambda keys=keys: costs().update(keys, list) for keys in ([], None, "ab", [1], {})},
    "cost: runs nothing": lambda: costs().update(["a"], None),
    "cost of no run": lambda: costs().compute(fid.Bootstrap(10)),
    "compare(None)": lambda: compare(None, result()),
    "compare with a number": lambda: compare(result(), 1.0),
    "compare other resamples": lambda: compare(result(3), result(4)),
    "compare without resamples": lambda: compare(Result("fid", 1.0, (1.0, 1.0)), result()),
    "compare other metrics": lambda: compare(result(), Result("kid", 1.0, (1.0, 1.0))),
}  # fmt: skip
cases |= {
    "good: votes of NumPy": lambda: human.Vote("ann", "pair", np.bool_(True)) == human.Vote("ann", "pair", True),
    "good: counts of NumPy": lambda: human.wilson(np.int64(8), np.uint8(10)) == human.wilson(8, 10),
    "good: a generator of votes": lambda: voted(*(human.Vote("ann", f"{n}", True) for n in range(2))).value == 100,
    "good: a device by name": lambda: cost.seconds(list, device="cpu") >= 0,
}
