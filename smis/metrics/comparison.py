"""The difference of two systems with a confidence interval, by a paired bootstrap over label maps.

Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 8.3. Both values of a resample are of the same
label maps, so that the difficulty of a map cancels in the difference.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from smis.core.errors import ParamsError, ProtocolError, shown
from smis.metrics.image.result import Draws, Result, interval


@dataclass(frozen=True)
class Difference:
    """The value of the first of two systems minus that of the second, with a 95 % interval.

    Example:
        >>> Difference(0.3, (-0.1, 0.7)).within_noise
        True
    """

    value: float
    interval: tuple[float, float]

    @property
    def within_noise(self) -> bool:
        """Whether the interval contains 0, so that other label maps could have reversed the order."""
        low, high = self.interval
        return low <= 0 <= high


def compare(first: Result, second: Result) -> Difference:
    """Return first - second.

    Raises:
        ProtocolError: if their protocols differ, or they have no resamples, or label maps without names.
        ParamsError: if one of them is no result.

    Example:
        >>> import numpy as np
        >>> first, second = (Result("fid", v, (v, v), draws=np.array([v, v + 1])) for v in (3.0, 2.0))
        >>> compare(first, second)
        Difference(value=1.0, interval=(1.0, 1.0))
    """
    draws = paired_draws(first, second)
    return Difference(first.value - second.value, interval(draws))


def paired_draws(first: Result, second: Result) -> Draws:
    """Return first - second in each resample.

    Raises:
        ProtocolError: if their protocols differ, or they have no resamples, or label maps without names.
        ParamsError: if one of them is no result.

    Example:
        >>> import numpy as np
        >>> first, second = (Result("fid", v, (v, v), draws=np.array([v, v + 1])) for v in (3.0, 2.0))
        >>> paired_draws(first, second)
        array([1., 1.])
    """
    for name, value in (("first", first), ("second", second)):
        if not isinstance(value, Result):
            raise ParamsError(f"{name} is {shown(value)}; give a Result, as `compute` returns it")
    fields = differing(first.protocol, second.protocol)
    if first.name != second.name or fields:
        raise ProtocolError(
            f"{first.name} and {second.name} cannot be compared, they were measured in different ways: "
            f"{'; '.join(fields) or 'they are two metrics'}"
        )
    if first.draws is None or second.draws is None:
        raise ProtocolError(f"{first.name} has no resamples over label maps, so nothing is known of a difference")
    if first.draws.shape != second.draws.shape:
        resamples = f"{len(first.draws)} and {len(second.draws)} resamples"
        raise ProtocolError(f"{first.name} has {resamples}; measure both with the same Bootstrap")
    if "label_maps" in first.protocol and "keys" not in first.protocol:
        raise ProtocolError(
            f"{first.name} of images without names cannot be compared: whether both are of the same label maps is not "
            "known; measure with the images' names"
        )
    return first.draws - second.draws


def differing(first: Mapping[str, Any], second: Mapping[str, Any], *, besides: Collection[str] = ()) -> list[str]:
    """Return a description of each field in which two protocols differ.

    Example:
        >>> differing({"split": "test", "seed": 0}, {"split": "val", "seed": 0})
        ["split is 'test' and 'val'"]
    """
    fields = sorted((first.keys() | second.keys()) - set(besides))
    return [
        f"{field} is {first.get(field)!r} and {second.get(field)!r}"
        for field in fields
        if first.get(field) != second.get(field)
    ]
