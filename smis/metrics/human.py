"""Votes of people: SHE, agreement, volunteers who do not look, and resamples of volunteers and label maps.

SHE is the percentage of votes that two images differ in one semantic area only: Zhu et al., "Semantically Multi-modal
Image Synthesis" (CVPR 2020), section 4.1. Catch pairs, whose right answer is known, detect volunteers who do not look.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from smis.core.errors import ParamsError, shown
from smis.core.numbers import listed, real, scalar, whole
from smis.metrics.image.result import NORMAL_95, UNKNOWN, Bootstrap, Draws, Result, interval, of_maps


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


def careless(answers: Iterable[tuple[str, bool]], *, failures_allowed: float = 0.2) -> set[str]:
    """Return the volunteers who failed a larger share (0..1) of their catch pairs than is allowed.

    Args:
        answers: Each answer to a catch pair: the volunteer, and whether it is wrong.
        failures_allowed: The largest share of wrong answers of a volunteer whose votes count.

    Raises:
        ParamsError: if it is no share.

    Example:
        >>> careless([("a", False), ("a", False), ("b", True), ("b", False)])
        {'b'}
    """
    allowed = real(failures_allowed, "failures_allowed", low=0, high=1)
    answered = list(answers)
    seen = Counter(volunteer for volunteer, _ in answered)
    failed = Counter(volunteer for volunteer, wrong in answered if wrong)
    return {volunteer for volunteer, count in seen.items() if failed[volunteer] > allowed * count}


class VoteBootstrap:
    """Resamples of volunteers and of label maps, each with replacement and independent of each other.

    Votes of one volunteer are not independent of each other, nor are votes about pictures of one label map, so both are
    resampled: the pigeonhole bootstrap of Owen, "The pigeonhole bootstrap" (Annals of Applied Statistics 2007),
    section 3; a vote counts as often as its volunteer times as often as its label map. The same seed gives the same
    resamples to every system of a study, so that their differences are paired.

    Args:
        volunteers: Names of all whose votes count.
        label_maps: Names of all label maps of the study.
        bootstrap: Number and seed of the resamples.

    Raises:
        ParamsError: if there is no volunteer or no label map.

    Example:
        >>> resamples = VoteBootstrap(["a", "b"], ["map 1"], Bootstrap(3, seed=0))
        >>> resamples.sums([("a", "map 1"), ("b", "map 1")]).tolist()
        [2.0, 2.0, 2.0]
    """

    def __init__(self, volunteers: Iterable[str], label_maps: Iterable[str], bootstrap: Bootstrap) -> None:
        self._volunteers, self._label_maps = _places(volunteers), _places(label_maps)
        if not self._volunteers or not self._label_maps:
            raise ParamsError("there is no vote, so there is nothing to resample; collect votes first")
        self._bootstrap, people = bootstrap, len(self._volunteers)
        numbers = np.random.default_rng((bootstrap.seed, 1))  # not the label maps' own, which would go together
        weights = numbers.multinomial(people, np.full(people, 1 / people), size=bootstrap.resamples)
        self._volunteer_weights = weights.astype(np.float64)
        self._map_weights = bootstrap.counts(len(self._label_maps))

    def sums(self, votes: Iterable[tuple[str, str]]) -> Draws:
        """Return how many of these votes, each given by its volunteer and label map, are in each resample."""
        counts = np.zeros((len(self._volunteers), len(self._label_maps)))
        for volunteer, label_map in votes:
            counts[self._volunteers[volunteer], self._label_maps[label_map]] += 1
        return ((self._volunteer_weights @ counts) * self._map_weights).sum(axis=1)

    @property
    def known(self) -> bool:
        """Whether there are several volunteers and several label maps, as an interval needs."""
        return min(len(self._volunteers), len(self._label_maps)) > 1

    @property
    def protocol(self) -> dict[str, Any]:
        """How an interval was computed, and of which volunteers and label maps."""
        people = of_maps(self._volunteers)
        resampled = {"interval": "95 % bootstrap over volunteers and label maps"} if self.known else _UNKNOWN
        who = {"volunteers": people["label_maps"], "volunteer_keys": people["keys"]}
        return {**who, **of_maps(self._label_maps), **self._bootstrap.protocol, **resampled}

    def result(self, name: str, value: float, draws: Draws, *, protocol: Mapping[str, Any]) -> Result:
        """Make a result with the percentile interval of its draws; unknown of a single volunteer or label map."""
        everything = {**protocol, **self.protocol}
        if not self.known or np.isnan(draws).all():
            return Result(name, value, (UNKNOWN, UNKNOWN), everything)
        return Result(name, value, interval(draws), everything, draws)


_UNKNOWN = {"interval": "unknown: it takes several volunteers and several label maps"}


def share(part: Float[ndarray, " resamples"], whole: Float[ndarray, " resamples"]) -> Float[ndarray, " resamples"]:
    """Return the percentage in each resample, NaN where it has no votes.

    Example:
        >>> share(np.array([1.0, 0.0]), np.array([2.0, 0.0])).tolist()
        [50.0, nan]
    """
    return np.divide(100 * part, whole, out=np.full_like(whole, UNKNOWN), where=whole > 0)


def _places(names: Iterable[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(sorted(set(names)))}


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
        caught = [(vote.volunteer, vote.yes) for vote in self.votes if vote.catch is not None]
        return careless(caught, failures_allowed=self._allowed)
