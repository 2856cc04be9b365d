"""SHE: the percentage of votes that two images differ in one semantic area only.

Zhu et al., "Semantically Multi-modal Image Synthesis" (CVPR 2020), section 4.1. Catch pairs, whose right answer is no,
detect volunteers who do not look.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from smis.core.errors import ParamsError, shown
from smis.core.numbers import listed, real, scalar, whole
from smis.metrics.image.result import NORMAL_95, UNKNOWN, Bootstrap, Result


@dataclass(frozen=True)
class Vote:
    """The answer of one volunteer about one pair."""

    volunteer: str
    pair: str
    yes: bool
    catch: Literal["identical", "everything"] | None = None
    """The kind of a catch pair: two equal images, or two that differ in everything; None for other pairs."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "yes", scalar(self.yes))
        for name, fits, allowed in (
            ("volunteer", isinstance(self.volunteer, str) and self.volunteer, "a name"),
            ("pair", isinstance(self.pair, str) and self.pair, "a name"),
            ("yes", isinstance(self.yes, bool), "True or False"),
            ("catch", self.catch in (None, "identical", "everything"), "'identical', 'everything' or None"),
        ):
            if not fits:
                raise ParamsError(f"{name} of a vote is {shown(getattr(self, name))}; give {allowed}")


def wilson(yes: int, votes: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, 0..1, also valid for few votes and for shares of 0 and 1.

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (JASA 1927), Eq. 1.

    Raises:
        ParamsError: if there are no votes, or more of them said yes than there are.

    Example:
        >>> [round(bound, 3) for bound in wilson(8, 10)]
        [0.49, 0.943]
    """
    votes = whole(votes, "votes")
    yes = whole(yes, "yes", high=votes)
    if not votes:
        raise ParamsError("there is no vote, so there is no share; collect votes first")
    share, square = yes / votes, NORMAL_95**2
    middle = (share + square / (2 * votes)) / (1 + square / votes)
    half = NORMAL_95 / (1 + square / votes) * np.sqrt(share * (1 - share) / votes + square / (4 * votes**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def fleiss_kappa(counts: Int[ndarray, "pairs answers"]) -> float:
    """Return the agreement of volunteers beyond chance: 1 for full agreement, 0 for chance; NaN if all votes are equal.

    Fleiss, "Measuring nominal scale agreement among many raters" (Psychological Bulletin 1971), Eq. 7; pairs may have
    different numbers of votes, those with fewer than two are left out.

    Args:
        counts: Number of votes for each answer to each pair.

    Raises:
        ParamsError: if they are no counts.

    Example:
        >>> fleiss_kappa(np.array([[0, 3], [3, 0]]))
        1.0
        >>> round(fleiss_kappa(np.array([[0, 3], [3, 0], [1, 2], [2, 1]])), 3)  # (2 / 3 - 1 / 2) / (1 - 1 / 2)
        0.333
    """
    if not isinstance(counts, ndarray) or counts.ndim != 2 or counts.dtype.kind not in "iu" or (counts < 0).any():
        raise ParamsError(f"counts are {shown(counts)}; give an array (pairs, answers) of whole numbers from 0")
    counts = counts[counts.sum(axis=1) >= 2]
    votes = counts.sum(axis=1)
    if not len(counts):
        return UNKNOWN
    agreed = ((counts.astype(np.float64) ** 2).sum(axis=1) - votes) / (votes * (votes - 1))
    chance = float(((counts.sum(axis=0) / votes.sum()) ** 2).sum())
    return UNKNOWN if chance == 1 else (float(agreed.mean()) - chance) / (1 - chance)


class SemanticEvaluation:
    """Gather votes and compute SHE.

    Args:
        failures_allowed: Volunteers who said yes to a larger share (0..1) of their catch pairs do not count.

    Raises:
        ParamsError: if it is no share.

    Example:
        >>> evaluation = SemanticEvaluation()
        >>> evaluation.update([Vote("a", "pair 1", yes=True), Vote("a", "pair 2", yes=False)])
        >>> evaluation.update([Vote("b", "pair 1", yes=True), Vote("b", "pair 3", yes=True, catch="identical")])
        >>> evaluation.careless(), evaluation.compute().value
        ({'b'}, 50.0)
    """

    def __init__(self, *, failures_allowed: float = 0.2) -> None:
        self._allowed = real(failures_allowed, "failures_allowed", low=0, high=1)
        self.votes: set[Vote] = set()

    def update(self, votes: Iterable[Vote]) -> None:
        """Add votes.

        Raises:
            ParamsError: if something else is among them.
        """
        given = listed(votes, "votes", of="votes", least=0)
        for vote in given:
            if not isinstance(vote, Vote):
                raise ParamsError(f"{shown(vote)} is among the votes; give objects of smis.metrics.human.Vote")
        self.votes |= set(given)

    def merge(self, other: "SemanticEvaluation") -> None:
        """Add what another process gathered."""
        self.votes |= other.votes

    def compute(self, bootstrap: Bootstrap | None = None) -> Result:
        """Return `SHE` in percent with Wilson's interval; the bootstrap is not used.

        Raises:
            ParamsError: if no vote is left.
        """
        careless = self.careless()
        votes = [vote for vote in self.votes if vote.catch is None and vote.volunteer not in careless]
        yes = sum(vote.yes for vote in votes)
        low, high = wilson(yes, len(votes))
        answers = Counter((vote.pair, vote.yes) for vote in votes)
        pairs = sorted({vote.pair for vote in votes})
        agreement = fleiss_kappa(np.array([[answers[pair, False], answers[pair, True]] for pair in pairs]))
        protocol: dict[str, Any] = {
            "question": "do the two differ in one semantic area only?",
            "volunteers": len({vote.volunteer for vote in votes}),
            "pairs": len(pairs),
            "votes": len(votes),
            "fleiss_kappa": None if np.isnan(agreement) else agreement,
            "left_out": len(careless),
            "catch_failures_allowed": self._allowed,
            "interval": "95 % Wilson over votes",
        }
        return Result("SHE", 100 * yes / len(votes), (100 * low, 100 * high), protocol)

    def careless(self) -> set[str]:
        """Return the volunteers who said yes to too many catch pairs."""
        shown = Counter(vote.volunteer for vote in self.votes if vote.catch is not None)
        fell = Counter(vote.volunteer for vote in self.votes if vote.catch is not None and vote.yes)
        return {volunteer for volunteer, count in shown.items() if fell[volunteer] > self._allowed * count}
