"""Holm's correction of p-values for many comparisons."""

import math
from collections.abc import Sequence

from smis.core.errors import ParamsError, shown


def holm(p_values: Sequence[float]) -> list[float]:
    """Return adjusted p-values: rejecting those below 5 % errs anywhere in at most 5 % of all cases.

    The k-th smallest of n is multiplied by n - k + 1, and none is smaller than the one before it (Holm, "A Simple
    Sequentially Rejective Multiple Test Procedure", 1979). The tests may depend on each other.

    Raises:
        ParamsError: if one is not from 0 to 1.

    Example:
        >>> holm([0.01, 0.5, 0.02])
        [0.03, 0.5, 0.04]
    """
    for value in p_values:
        if math.isnan(value) or not 0 <= value <= 1:
            raise ParamsError(f"a p-value is {shown(value)}; give numbers from 0 to 1")
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted
