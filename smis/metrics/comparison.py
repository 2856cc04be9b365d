"""Whether one system is better than another, or only looks so: a paired bootstrap over label maps.

Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 8.3. Both values of a resample are of the same
label maps: what makes a map hard is hard for both systems, and falls out of their difference.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from smis.core.errors import ProtocolError
from smis.metrics.image.result import Result, interval


@dataclass(frozen=True)
class Difference:
    """How much more the first of two systems has, with a 95 % interval."""

    value: float
    interval: tuple[float, float]

    @property
    def within_noise(self) -> bool:
        """Say whether other label maps could as well have turned the order round."""
        low, high = self.interval
        return low <= 0 <= high


def compare(first: Result, second: Result) -> Difference:
    """Return first - second.

    Raises:
        ProtocolError: if they were measured in different ways, or have no resamples, or of label maps without names.
    """
    fields = differing(first.protocol, second.protocol)
    if first.name != second.name or fields:
        raise ProtocolError(
            f"{first.name} and {second.name} cannot be compared, they were measured in different ways: "
            f"{'; '.join(fields) or 'they are two metrics'}"
        )
    if first.draws is None or second.draws is None:
        raise ProtocolError(f"{first.name} has no resamples over label maps, so nothing is known of a difference")
    if "label_maps" in first.protocol and "keys" not in first.protocol:
        raise ProtocolError(
            f"{first.name} of images without names cannot be compared: whether both are of the same label maps is not "
            "known; measure with the images' names"
        )
    return Difference(first.value - second.value, interval(first.draws - second.draws))


def differing(one: Mapping[str, Any], other: Mapping[str, Any], *, besides: Collection[str] = ()) -> list[str]:
    """Say in which fields two protocols differ, and how."""
    fields = sorted((one.keys() | other.keys()) - set(besides))
    return [
        f"{field} is {one.get(field)!r} and {other.get(field)!r}"
        for field in fields
        if one.get(field) != other.get(field)
    ]
