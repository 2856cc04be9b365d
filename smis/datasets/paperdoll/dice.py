"""Choices of a layout, made from one seeded stream of uniform numbers."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

_BLOCK = 128

T = TypeVar("T")


class Dice:
    """Draw choices; uniform numbers are all that is taken, which every machine makes alike."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._numbers = iter(())

    def _number(self) -> float:
        number = next(self._numbers, None)
        if number is None:
            self._numbers = iter(self._generator.random(_BLOCK).tolist())
            number = next(self._numbers)
        return number

    def between(self, low: float, high: float) -> float:
        """Draw a number, uniform in low..high."""
        return low + (high - low) * self._number()

    def happens(self, probability: float) -> bool:
        """Draw whether something is so."""
        return self._number() < probability

    def choose(self, weights: Mapping[T, float]) -> T:
        """Draw one of the keys, in proportion to its weight."""
        left = self._number() * sum(weights.values())
        for option, weight in weights.items():
            left -= weight
            if left < 0:
                return option
        return list(weights)[-1]
