"""A cache that forgets what was used longest ago."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """Keep values as long as their sizes fit together; one thread at a time may use it.

    Args:
        limit: Greatest sum of sizes.
        size: Of a value; by default each counts 1.

    Example:
        >>> cache = BoundedCache(2)
        >>> [cache.get(key, lambda: key.upper()) for key in "abc"]
        ['A', 'B', 'C']
        >>> "a" in cache, "c" in cache
        (False, True)
    """

    def __init__(self, limit: int, *, size: Callable[[Value], int] = lambda _: 1) -> None:
        self._limit, self._size = limit, size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._total = 0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def find(self, key: Hashable) -> Value | None:
        """Return a value that is kept, or None; it counts as used."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key]

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return a value that is kept, or make it."""
        found = self.find(key)
        if found is None:
            found = make()
            self.put(key, found)
        return found

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value; one that is larger than all that may be kept is not."""
        if key in self._values:
            self._total -= self._size(self._values.pop(key))
        self._values[key] = value
        self._total += self._size(value)
        while self._total > self._limit:
            self._total -= self._size(self._values.popitem(last=False)[1])
