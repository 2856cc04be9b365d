"""In which order a volunteer sees the trials, and how the pictures of a trial are turned."""

from collections.abc import Sequence
from math import gcd

import numpy as np


def latin_row(size: int, row: int) -> list[int]:
    """Return a row of a balanced Latin square of the numbers 0 to size - 1.

    In `size` rows each number is at each place once and, if the size is even, follows each other number once; if it is
    odd, in twice as many rows (Williams, "Experimental designs balanced for the estimation of residual effects of
    treatments", Australian Journal of Scientific Research 1949).

    Example:
        >>> [latin_row(4, row) for row in range(4)]
        [[0, 3, 1, 2], [1, 0, 2, 3], [2, 1, 3, 0], [3, 2, 0, 1]]
    """
    first = [-(place + 1) // 2 if place % 2 else place // 2 for place in range(size)]
    numbers = [(value + row) % size for value in first]
    return numbers[::-1] if size % 2 and row // size % 2 else numbers


def viewing_order(
    scored: Sequence[int], catches: Sequence[int], *, volunteer: int, limit: int | None = None, seed: int = 0
) -> list[int]:
    """Return the trials of a volunteer, in order: a row of a Latin square, with catch trials spread over it.

    Args:
        scored: Trials that count.
        catches: Catch trials; of a volunteer who sees a part of the study, the same part of these.
        volunteer: Number of the volunteer, from 0.
        limit: The number of scored trials that a volunteer sees; None for all. Volunteers who come one after the other
            see others of them, until all have been seen.
        seed: Seed of the squares and of the places of catch trials.

    Example:
        >>> sorted(viewing_order([1, 2, 3, 4], [8], volunteer=0))
        [1, 2, 3, 4, 8]
    """
    numbers = np.random.default_rng((seed, 2))
    most = len(scored) if limit is None else min(limit, len(scored))
    caught = -(-len(catches) * most // len(scored))
    trials = _row(numbers.permutation(np.array(scored, dtype=int)).tolist(), volunteer, most)
    extra = _row(numbers.permutation(np.array(catches, dtype=int)).tolist(), volunteer, caught)
    own = np.random.default_rng((seed, 3, volunteer))
    ends = [len(trials) * each // len(extra) for each in range(len(extra) + 1)] if extra else [0]
    for number in reversed(range(len(extra))):  # from the end, so that places before stay as they are
        place = int(own.integers(ends[number], max(ends[number + 1], ends[number] + 1)))
        trials.insert(place, extra[number])
    return trials


def turn(trials: Sequence[int], *, pictures: int, volunteer: int, seed: int = 0) -> dict[int, tuple[int, ...]]:
    """Return which picture of each trial is at which place, from left to right.

    Half the trials of a volunteer are turned, and each trial for half of the volunteers; of three pictures each is at
    each place for a third.

    Example:
        >>> turn([7], pictures=2, volunteer=0) != turn([7], pictures=2, volunteer=1)
        True
    """
    offsets = np.random.default_rng((seed, 4)).permutation(np.arange(len(trials)) % pictures).tolist()
    return {
        trial: tuple((place + offset + volunteer) % pictures for place in range(pictures))
        for trial, offset in zip(trials, offsets, strict=True)
    }


def _row(trials: list[int], volunteer: int, count: int) -> list[int]:
    """Return the first trials of a volunteer's row; rows of successive volunteers begin with other trials."""
    if not trials:
        return []
    step = next(step for step in range(count, 2 * len(trials) + 2) if gcd(step, len(trials)) == 1)
    return [trials[number] for number in latin_row(len(trials), volunteer * step)][:count]
