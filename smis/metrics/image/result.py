"""Results of metrics: a value with its interval and protocol; the bootstrap; the merging of processes."""

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

from smis.core.errors import ParamsError, shown
from smis.core.numbers import listed, whole, whole_seed

UNKNOWN = math.nan
"""A bound of an interval that is not known."""
NORMAL_95 = 1.959963984540054
"""Quantile 0.975 of the standard normal distribution."""

_MOST_RESAMPLES = 1_000_000
_MOST_ID = 2**31
_CELLS = 2**22
"""Most counts in memory at once, 32 MiB."""
_ALIGNED = 64
"""Rows of a chunk are a multiple: BLAS sums rows in groups, and the position in a group changes the last bit."""

Ignored = int | Collection[int] | None
"""Ids whose pixels do not count."""
Draws = Float[ndarray, " resamples"]
"""One value of a statistic for each resample."""


@dataclass(frozen=True)
class Result:
    """A value, its 95 % interval, and its protocol: every choice that another value must share to be comparable.

    Example:
        >>> result = Result("fid", 12.5, (11.0, 14.0), {"network": "inception_fid"})
        >>> result.to_json()["interval"]
        [11.0, 14.0]
    """

    name: str
    value: float | int
    interval: tuple[float | int, float | int]
    protocol: Mapping[str, Any] = field(default_factory=dict)
    draws: Draws | None = field(default=None, compare=False, repr=False)
    """The value in each resample, if there are any. The same index is the same resample in two results of the same
    label maps and bootstrap, so that their differences are paired (`comparison.py`)."""

    @classmethod
    def drawn(
        cls, name: str, value: float, *, draws: Draws, protocol: Mapping[str, Any], batches: int | None = None
    ) -> "Result":
        """Make a result with the percentile interval of its draws.

        The resampled units are label maps, or `batches` of them. With a single unit the interval is not known.
        """
        count, unit = (protocol.get("label_maps", 2), "label map") if batches is None else (batches, "batch")
        if count < 2:
            unknown = {**protocol, "interval": f"unknown: a single {unit} cannot tell how others would differ"}
            return cls(name, value, (UNKNOWN, UNKNOWN), unknown)
        return cls(name, value, interval(draws), protocol, draws)

    @classmethod
    def mean(
        cls, name: str, values: Mapping[str, float], bootstrap: "Bootstrap", *, protocol: Mapping[str, Any]
    ) -> "Result":
        """Make a result of the mean over label maps, whose values are given by key."""
        ordered = np.array([values[key] for key in sorted(values)])
        draws = bootstrap.means(ordered)
        return cls.drawn(name, float(ordered.mean()), draws=draws, protocol=protocol)

    def with_protocol(self, fields: Mapping[str, Any]) -> "Result":
        """Return the same result with more fields in front of its protocol; a field that it has stays as it is."""
        return replace(self, protocol={**fields, **self.protocol})

    def to_json(self) -> dict[str, Any]:
        """Return the result as in a metrics file; a value or bound that is not known is null."""
        value, *bounds = (number if math.isfinite(number) else None for number in (self.value, *self.interval))
        return {"value": value, "interval": bounds, "protocol": dict(self.protocol)}

    @classmethod
    def from_json(cls, name: str, entry: Mapping[str, Any], *, draws: Draws | None = None) -> "Result":
        """Make a result from what `to_json` returned."""
        value, low, high = (UNKNOWN if number is None else number for number in (entry["value"], *entry["interval"]))
        return cls(name, value, (low, high), entry["protocol"], draws)


@dataclass(frozen=True)
class Bootstrap:
    """Resamples of label maps with replacement, for percentile intervals; the same seed gives the same resamples.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993). The label map is the unit, because samples of one
    map are not independent of each other.

    Raises:
        ParamsError: if `resamples` is not 1 to 1,000,000, or `seed` no seed.

    Example:
        >>> Bootstrap(resamples=2, seed=0).counts(3).sum(axis=1).tolist()
        [3.0, 3.0]
    """

    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        resamples = whole(self.resamples, "resamples", low=1, high=_MOST_RESAMPLES)
        object.__setattr__(self, "resamples", resamples)
        object.__setattr__(self, "seed", whole_seed(self.seed))

    def counts(self, maps: int) -> Float[ndarray, "resamples maps"]:
        """Return how often each resample contains each label map."""
        return np.concatenate(list(self.chunks(maps)))

    def chunks(self, maps: int) -> Iterator[Float[ndarray, "_ maps"]]:
        """Yield the rows of `counts` in chunks, for many label maps."""
        if not maps:
            raise ParamsError("nothing was measured, so there is no value; call `update` before `compute`")
        numbers, uniform = np.random.default_rng(self.seed), np.full(maps, 1 / maps)
        rows = max(1, _CELLS // maps // _ALIGNED) * _ALIGNED
        for start in range(0, self.resamples, rows):
            yield numbers.multinomial(maps, uniform, size=min(rows, self.resamples - start)).astype(np.float64)

    def means(self, values: Float[ndarray, " maps"]) -> Draws:
        """Return the mean over label maps in each resample."""
        return np.concatenate([chunk @ values for chunk in self.chunks(len(values))]) / len(values)

    @property
    def protocol(self) -> dict[str, Any]:
        """How the interval was computed."""
        return {"interval": "95 % bootstrap over label maps", "resamples": self.resamples, "seed": self.seed}

    @property
    def to_first_order(self) -> dict[str, Any]:
        """The same for an interval from the influences of single images."""
        return self.protocol | {"interval": f"{self.protocol['interval']}, by their influences"}


def check_bootstrap(bootstrap: object) -> None:
    """Refuse what resamples nothing, before a metric computes.

    Raises:
        ParamsError: with what it is.
    """
    if not isinstance(bootstrap, Bootstrap):
        raise ParamsError(f"bootstrap is {shown(bootstrap)}; give a Bootstrap(), as of smis.metrics.image.result")


def of_maps(keys: Iterable[str], *, named: bool = True) -> dict[str, Any]:
    """Return the number of label maps and a digest of their keys, which paired values must share.

    Example:
        >>> of_maps(["a", "b"]) == of_maps(["b", "a"])
        True
    """
    names = sorted(keys)
    if not named:
        return {"label_maps": len(names)}
    return {"label_maps": len(names), "keys": hashlib.sha256("\n".join(names).encode()).hexdigest()[:8]}


def ids_of(ignore: Ignored) -> list[int]:
    """Return the ids that do not count, sorted."""
    ids = [] if ignore is None else listed(ignore, "ignore", of="ids", least=0)
    return sorted(whole(number, "ignore", low=-_MOST_ID, high=_MOST_ID) for number in ids)


def interval(draws: Draws) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % percentiles; resamples with NaN are left out.

    Example:
        >>> [round(bound, 3) for bound in interval(np.arange(1001.0))]
        [25.0, 975.0]
    """
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return float(low), float(high)


@runtime_checkable
class Metric(Protocol):
    """A streaming metric: `update` with arguments of its own, then `merge` with other processes, then `compute`."""

    def merge(self, other: Any) -> None:
        """Add what another process gathered."""
        ...

    def compute(self, bootstrap: Bootstrap) -> Any:
        """Return one result or several."""
        ...


T = TypeVar("T", bound=Metric)


def gather(metric: T) -> T:
    """Merge the metrics of all processes of torch.distributed, each of its share of the label maps, in every process.

    Without torch.distributed the metric is returned as it is. In a program that `torchrun` starts:

        metric = gather(metric)
        result = metric.compute(Bootstrap())
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return metric
    metrics: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(metrics, _without_network(metric))
    for rank, other in enumerate(metrics):
        if rank != distributed.get_rank():
            metric.merge(other)
    return metric


def _without_network(metric: T) -> T:
    """Return a copy to send: every process has the network already."""
    sent = copy(metric)
    if hasattr(sent, "network"):
        sent.network = None  # pyright: ignore[reportAttributeAccessIssue]
    return sent
