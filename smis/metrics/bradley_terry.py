"""Strengths of systems from choices between two of them (Bradley and Terry, Biometrika 1952)."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from smis.core.errors import ParamsError, shown

_PASSES = 10_000
_TOLERANCE = 1e-10


def strengths(wins: Float[ndarray, "*resamples k k"], *, prior: float = 0.5) -> Float[ndarray, "*resamples k"]:
    """Return the log strength of each of k systems, with mean 0: i beats j with odds exp(strength i - strength j).

    The maximum of the likelihood by Hunter, "MM algorithms for generalized Bradley-Terry models" (Annals of Statistics
    2004), Eq. 3, for many tables at once.

    Args:
        wins: How often the system of a row was preferred to that of a column, from 0; the diagonal does not count.
        prior: Added to both sides of each pair that was compared, so that a system that always won has a finite
            strength: half a vote, as is usual for a log odds (Haldane, Annals of Human Genetics 1956); 0 gives the
            maximum of the likelihood.

    Raises:
        ParamsError: if they are no counts, or leave a strength without bounds: two groups of systems that were never
            compared with each other or, without a prior, one of which always won.

    Example:
        >>> table = np.array([[0.0, 6.0], [2.0, 0.0]])
        >>> strengths(table, prior=0.0).round(4).tolist()  # of two systems, half the log odds: log(6 / 2) / 2
        [0.5493, -0.5493]
    """
    tables = _with_prior(wins, prior)
    if not _connected(tables > 0):
        raise ParamsError("some systems were never compared with the others, or always won; collect more votes")
    played, won = tables + np.swapaxes(tables, -1, -2), tables.sum(axis=-1)
    powers = np.ones_like(won)
    for _ in range(_PASSES):
        before = np.log(powers)
        powers = won / (played / (powers[..., :, None] + powers[..., None, :])).sum(axis=-1)
        powers /= np.exp(np.log(powers).mean(axis=-1, keepdims=True))
        if np.abs(np.log(powers) - before).max() < _TOLERANCE:
            break
    return np.log(powers)


def preferred(strength: Float[ndarray, "*resamples k"]) -> Float[ndarray, "*resamples k"]:
    """Return for each of k systems the probability that it is preferred to another, mean over the others.

    Example:
        >>> preferred(np.array([np.log(3) / 2, -np.log(3) / 2])).round(4).tolist()
        [0.75, 0.25]
    """
    systems = strength.shape[-1]
    odds = np.exp(strength[..., None, :] - strength[..., :, None])
    return ((1 / (1 + odds)).sum(axis=-1) - 0.5) / (systems - 1)


def _with_prior(wins: Float[ndarray, "*resamples k k"], prior: float) -> Float[ndarray, "*resamples k k"]:
    """Check a table, and add the prior to pairs of which there are votes in any resample."""
    fits = isinstance(wins, ndarray) and wins.ndim >= 2 and wins.shape[-1] == wins.shape[-2] >= 2
    if not fits or wins.dtype.kind != "f" or not np.isfinite(wins).all() or (wins < 0).any():
        raise ParamsError(f"wins are {shown(wins)}; give an array (systems, systems) of finite numbers from 0")
    tables = wins * (1 - np.eye(wins.shape[-1]))
    compared = (tables + np.swapaxes(tables, -1, -2)).reshape(-1, *tables.shape[-2:]).max(axis=0) > 0
    return tables + prior * compared


def _connected(beaten: ndarray) -> bool:
    """Return whether chains of wins lead from each system to each other, else none is finite (Ford, 1957)."""
    reached = beaten | np.eye(beaten.shape[-1], dtype=bool)
    for _ in range(beaten.shape[-1]):
        reached = reached @ reached
    return bool(reached.all())
