"""A number that says how it was measured, and how sure it is."""

import hashlib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from torch import distributed

UNKNOWN = math.nan
"""A bound of an interval that cannot be known."""
NORMAL_95 = 1.959963984540054
"""Standard deviations each way that hold the middle 95 % of a normal distribution."""

_CELLS = 2**22
"""Counts that are held at once, 32 MiB; few enough label maps are one chunk."""
_ALIGNED = 64
"""Rows of a chunk are a multiple: BLAS sums rows in groups, and a row in another place of its group by another bit."""

Ignored = int | Collection[int] | None
"""Ids whose pixels do not count."""
Draws = Float[ndarray, " resamples"]
"""One value of a statistic for each resample."""


@dataclass(frozen=True)
class Result:
    """Hold a value, its 95 % interval, and every choice that another value must share to be compared with it."""

    name: str
    value: float | int
    interval: tuple[float | int, float | int]
    protocol: Mapping[str, Any] = field(default_factory=dict)
    draws: Draws | None = field(default=None, compare=False, repr=False)
    """The value in each resample, where the interval is theirs. The same number is the same resample in two results of
    the same label maps and bootstrap, so that their differences are paired (`comparison.py`)."""

    @classmethod
    def drawn(
        cls, name: str, value: float, *, draws: Draws, protocol: Mapping[str, Any], batches: int | None = None
    ) -> "Result":
        """Hold a value with the interval of its draws, of label maps or, where so many are given, of whole batches.

        Of a single one all draws are the same, and no interval is known.
        """
        units, unit = (protocol.get("label_maps", 2), "label map") if batches is None else (batches, "batch")
        if units < 2:
            how = {**protocol, "interval": f"unknown: a single {unit} cannot tell how others would differ"}
            return cls(name, value, (UNKNOWN, UNKNOWN), how)
        return cls(name, value, interval(draws), protocol, draws)

    def with_protocol(self, fields: Mapping[str, Any]) -> "Result":
        """Return the same result with more fields in front of its protocol; a field that it has stays as it is."""
        return replace(self, protocol={**fields, **self.protocol})

    def to_json(self) -> dict[str, Any]:
        """Return the entry below its name in a metrics file; a value or bound that is not known is null."""
        value, *bounds = (number if math.isfinite(number) else None for number in (self.value, *self.interval))
        return {"value": value, "interval": bounds, "protocol": dict(self.protocol)}

    @classmethod
    def from_json(cls, name: str, entry: Mapping[str, Any], *, draws: Draws | None = None) -> "Result":
        """Read what `to_json` returned."""
        value, low, high = (UNKNOWN if number is None else number for number in (entry["value"], *entry["interval"]))
        return cls(name, value, (low, high), entry["protocol"], draws)


@dataclass(frozen=True)
class Bootstrap:
    """Draw label maps with replacement, the same draws for the same seed.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), percentile intervals. The label map is the unit:
    samples of one map are not independent of each other.
    """

    resamples: int = 1000
    seed: int = 0

    def counts(self, maps: int) -> Float[ndarray, "resamples maps"]:
        """Say how often each resample holds each label map."""
        counts, row = np.empty((self.resamples, maps)), 0
        for some in self.chunks(maps):
            counts[row : row + len(some)] = some
            row += len(some)
        return counts

    def chunks(self, maps: int) -> Iterator[Float[ndarray, "_ maps"]]:
        """Give the rows of `counts` some at a time, for many label maps; the draws are the same."""
        numbers, even = np.random.default_rng(self.seed), np.full(maps, 1 / maps)
        rows = max(1, _CELLS // maps // _ALIGNED) * _ALIGNED
        for start in range(0, self.resamples, rows):
            yield numbers.multinomial(maps, even, size=min(rows, self.resamples - start)).astype(np.float64)

    def means(self, values: Float[ndarray, " maps"]) -> Draws:
        """Return the mean over label maps in each resample."""
        return np.concatenate([some @ values for some in self.chunks(len(values))]) / len(values)

    @property
    def protocol(self) -> dict[str, Any]:
        """Say how the interval was made."""
        return {"interval": "95 % bootstrap over label maps", "resamples": self.resamples, "seed": self.seed}

    @property
    def to_first_order(self) -> dict[str, Any]:
        """Say the same of an interval that the influences of single images give."""
        return self.protocol | {"interval": f"{self.protocol['interval']}, by their influences"}


def of_maps(keys: Iterable[str], *, named: bool = True) -> dict[str, Any]:
    """Say how many label maps were measured, and which: values of others cannot be compared pair by pair."""
    names = sorted(keys)
    if not named:
        return {"label_maps": len(names)}
    return {"label_maps": len(names), "keys": hashlib.sha256("\n".join(names).encode()).hexdigest()[:8]}


def ids_of(ignore: Ignored) -> list[int]:
    """Return the ids that do not count, in their order."""
    return [ignore] if isinstance(ignore, int) else sorted(ignore or ())


def interval(draws: Draws) -> tuple[float, float]:
    """Return the bounds of the middle 95 %; resamples in which the statistic is not defined do not count."""
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return float(low), float(high)


@runtime_checkable
class Metric(Protocol):
    """Gather with `update`, whose arguments are the metric's own; join what was gathered elsewhere; compute."""

    def merge(self, other: Any) -> None:
        """Take over what another process gathered."""
        ...

    def compute(self, bootstrap: Bootstrap) -> Any:
        """Return the value, or values, of all that was gathered."""
        ...


T = TypeVar("T", bound=Metric)


def gather(metric: T) -> T:
    """Merge what all processes of torch.distributed gathered, each its share of the label maps; all get the whole.

    A single process gets its own back.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return metric
    parts: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(parts, _light(metric))
    for rank, part in enumerate(parts):
        if rank != distributed.get_rank():
            metric.merge(part)
    return metric


def _light(metric: T) -> T:
    """Every process has the network already."""
    sent = copy(metric)
    if hasattr(sent, "_network"):
        sent._network = None  # pyright: ignore[reportAttributeAccessIssue]
    return sent
