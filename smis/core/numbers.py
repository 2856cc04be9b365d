"""Numbers that a caller gives, from Python, NumPy or torch, checked where they come in."""

from collections.abc import Iterable, Mapping
from typing import Any

from smis.core.errors import ParamsError, SmisError, shown

MOST_IMAGES = 100_000
"""Most images that one call makes or takes styles of."""
MOST_CLASSES = 4096
"""Most classes of a metric: the confusion matrix of an image takes 128 MiB."""
_MOST = 10**9
MOST_SEED = 2**64 - 1
"""The largest seed of `torch.Generator`."""


def scalar(value: Any) -> Any:
    """Return a number of NumPy, or an array or tensor without dimensions, as Python's; anything else as it is.

    Example:
        >>> import numpy as np
        >>> scalar(np.int64(7)), scalar("seven")
        (7, 'seven')
    """
    has_one = hasattr(value, "item") and getattr(value, "ndim", None) == 0 and not getattr(value, "is_meta", False)
    return value.item() if has_one else value


def whole(value: object, name: str, *, low: int = 0, high: int = _MOST, error: type[SmisError] = ParamsError) -> int:
    """Return a whole number.

    Raises:
        ParamsError: or `error`, if it is another thing or not in `low` to `high`; `name` is the argument's.

    Example:
        >>> whole(7, "samples", low=1)
        7
    """
    number = scalar(value)
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise error(f"{name} is {shown(value)}; give a whole number from {low} to {high}")
    return number


def real(value: object, name: str, *, low: float, high: float, error: type[SmisError] = ParamsError) -> float:
    """Return a finite number.

    Raises:
        ParamsError: or `error`, if it is another thing or not in `low` to `high`; `name` is the argument's.

    Example:
        >>> real(0.5, "share", low=0, high=1)
        0.5
    """
    number = scalar(value)
    if not isinstance(number, int | float) or isinstance(number, bool) or not low <= number <= high:
        raise error(f"{name} is {shown(value)}; give a number from {low:g} to {high:g}")
    return float(number)


def parse_whole(text: str, *, low: int = 0, high: int = _MOST) -> int | None:
    """Read a whole number of a command line or the environment; None if it is another text or out of range.

    Example:
        >>> parse_whole("12"), parse_whole("-1"), parse_whole("9" * 5000)
        (12, None, None)
    """
    if not text.isdecimal() or len(text) > len(str(high)):
        return None
    return int(text) if low <= int(text) <= high else None


def whole_seed(value: object) -> int:
    """Return a seed, 0 to 2⁶⁴ - 1.

    Raises:
        ParamsError: if it is no such number.
    """
    return whole(value, "seed", high=MOST_SEED)


def listed(values: object, name: str, *, of: str, least: int = 1, error: type[SmisError] = ParamsError) -> list[Any]:
    """Return a collection as a list; a single name or number is a list of one.

    Raises:
        ParamsError: or `error`, if it is no collection or holds fewer than `least`; `of` is what it holds.

    Example:
        >>> listed("hair", "classes", of="names"), listed(range(2), "instances", of="ids")
        (['hair'], [0, 1])
    """
    single = scalar(values)
    if isinstance(single, str | int):
        return [single]
    fits = isinstance(single, Iterable) and not isinstance(single, Mapping | bytes)
    items = list(single) if fits else []
    if not fits or len(items) < least:
        raise error(f"{name} is {shown(values)}; give a list of {of}, or leave it out")
    return items
