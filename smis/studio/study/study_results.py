"""The numbers of a study: the value of each system with its interval, agreement, and who was left out."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import median
from typing import Any

import numpy as np
from numpy import ndarray

from smis.core.errors import ParamsError
from smis.metrics.bradley_terry import preferred, strengths
from smis.metrics.human import SemanticEvaluation, Vote, VoteBootstrap, careless, fleiss_kappa, share, wilson
from smis.metrics.image.result import Bootstrap, Result
from smis.studio.study.study_file import StoredVote, StudyFile, TrialRecord
from smis.studio.study.tasks import YES

CHANCE = 100 / 3
"""Percentage of right answers about three pictures of one who cannot see the difference."""

Counted = tuple[StoredVote, TrialRecord]


@dataclass(frozen=True)
class SystemResult:
    """A system's values, and what is known of its votes besides."""

    results: Sequence[Result]
    facts: Mapping[str, Any]

    def to_json(self, *, draws: bool = False) -> dict[str, Any]:
        """Return value, interval and protocol of each result by name, with its resamples if asked for."""
        entries = {result.name: result.to_json() for result in self.results}
        for result in self.results:
            if draws and result.draws is not None:
                entries[result.name]["draws"] = [None if np.isnan(x) else round(float(x), 6) for x in result.draws]
        return {**entries, "facts": dict(self.facts)}


class StudyResults:
    """The results of a study, from the votes that are in it by now.

    Args:
        study: The opened study.
        bootstrap: Resamples of volunteers and of label maps.
        failures_allowed: Volunteers who failed a larger share (0..1) of their catch trials do not count.

    Raises:
        ParamsError: if no vote counts.
    """

    def __init__(self, study: StudyFile, *, bootstrap: Bootstrap | None = None, failures_allowed: float = 0.2) -> None:
        self.study, self._allowed = study, failures_allowed
        self.votes = [(vote, study.trials[vote.trial]) for vote in study.votes()]
        caught = [(str(vote.volunteer), vote.answer != trial.right) for vote, trial in self.votes if trial.catch]
        self.careless = {int(one) for one in careless(caught, failures_allowed=failures_allowed)}
        self.counted = [(vote, trial) for vote, trial in self.votes if self.counts(vote, trial)]
        if not self.counted:
            raise ParamsError(f"no vote in {study.path} counts yet ({len(self.votes)} are there); collect votes first")
        volunteers = {str(vote.volunteer) for vote, _ in self.counted}
        label_maps = {study.trials[number].label_map for number in study.scored}
        self._resamples = VoteBootstrap(volunteers, label_maps, bootstrap or Bootstrap())

    def counts(self, vote: StoredVote, trial: TrialRecord) -> bool:
        """Return whether a vote counts: it is about no catch trial, and its volunteer passed enough of those."""
        return trial.catch is None and vote.volunteer not in self.careless

    @cached_property
    def systems(self) -> dict[str, SystemResult]:
        """The results of each system that has votes."""
        of_task = {"she": self._she, "preference": self._preference, "odd": self._odd}
        return dict(of_task[self.study.settings.task]())

    def _she(self) -> Iterator[tuple[str, SystemResult]]:
        caught = [_yes_or_no(vote, trial) for vote, trial in self.votes if trial.catch is not None]
        for system, votes in self._by_system():
            evaluation = SemanticEvaluation(failures_allowed=self._allowed)
            evaluation.update([*caught, *(_yes_or_no(vote, trial) for vote, trial in votes)])
            plain = evaluation.compute()
            yes = [(vote, trial) for vote, trial in votes if vote.answer == YES]
            draws = share(self._sums(yes), self._sums(votes))
            result = self._resamples.result("SHE", plain.value, draws, protocol=self.protocol)
            facts = {name: plain.protocol[name] for name in ("pairs", "votes", "fleiss_kappa")}
            yield system, SystemResult([result], facts | {"wilson": list(plain.interval)})

    def _odd(self) -> Iterator[tuple[str, SystemResult]]:
        for system, votes in self._by_system():
            right = [(vote, trial) for vote, trial in votes if vote.answer == trial.right]
            draws = share(self._sums(right), self._sums(votes))
            value = 100 * len(right) / len(votes)
            result = self._resamples.result("odd_one_out", value, draws, protocol=self.protocol | {"chance": CHANCE})
            bounds = [100 * bound for bound in wilson(len(right), len(votes))]
            yield system, SystemResult([result], {"votes": len(votes), "right": len(right), "wilson": bounds})

    def _preference(self) -> Iterator[tuple[str, SystemResult]]:
        systems = self.study.settings.systems
        wins, draws = self._wins(systems)
        values, drawn = strengths(wins), strengths(draws)
        chosen, chosen_draws = 100 * preferred(values), 100 * preferred(drawn)
        protocol = self.protocol | {"model": "Bradley-Terry, half a vote added to each side of each compared pair"}
        for place, system in enumerate(systems):
            results = [
                self._resamples.result("preference", float(chosen[place]), chosen_draws[:, place], protocol=protocol),
                self._resamples.result("strength", float(values[place]), drawn[:, place], protocol=protocol),
            ]
            votes, won = wins[place].sum() + wins[:, place].sum(), wins[place].sum()
            yield system, SystemResult(results, {"votes": int(votes), "preferred": int(won)})

    def _wins(self, systems: Sequence[str]) -> tuple[ndarray, ndarray]:
        """Return how often a system (row) was preferred to another (column): among all votes, and in each resample."""
        decided: dict[tuple[str, str], list[Counted]] = defaultdict(list)
        for vote, trial in self.counted:
            decided[trial.systems[vote.answer], trial.systems[1 - vote.answer]].append((vote, trial))
        size = len(systems)
        wins, draws = np.zeros((size, size)), np.zeros((len(self._sums([])), size, size))
        for (winner, loser), votes in decided.items():
            place = systems.index(winner), systems.index(loser)
            wins[place] = len(votes)
            draws[:, place[0], place[1]] = self._sums(votes)
        return wins, draws

    @property
    def protocol(self) -> dict[str, Any]:
        """What a value depends on besides its votes."""
        question = self.study.settings.question.question
        who = {"left_out": len(self.careless), "catch_failures_allowed": self._allowed}
        return {"question": question, "study": self.study.digest[:16], **who}

    @cached_property
    def agreement(self) -> float | None:
        """Fleiss' kappa of all votes that count; None if it is not known."""
        is_odd = self.study.settings.task == "odd"
        answers = Counter(
            (vote.trial, int(vote.answer == trial.right) if is_odd else vote.answer) for vote, trial in self.counted
        )
        trials = sorted({trial for trial, _ in answers})
        kappa = fleiss_kappa(np.array([[answers[trial, answer] for answer in (0, 1)] for trial in trials]))
        return None if np.isnan(kappa) else kappa

    def to_json(self, *, draws: bool = False) -> dict[str, Any]:
        """Return everything; with `draws` each result's resamples, by which differences of systems are judged."""
        settings, caught = self.study.settings, sum(trial.catch is not None for _, trial in self.votes)
        failed = sum(vote.answer != trial.right for vote, trial in self.votes if trial.catch is not None)
        left_out = len(self.votes) - caught - len(self.counted)
        everything: dict[str, Any] = {
            "study": {"title": settings.title, "task": settings.task, "sha256": self.study.digest},
            "volunteers": {
                "begun": self.study.volunteers,
                "counted": len({vote.volunteer for vote, _ in self.counted}),
                "left_out": len(self.careless),
            },
            "votes": {"counted": len(self.counted), "left_out": left_out, "catch": caught, "catch_failed": failed},
            "fleiss_kappa": self.agreement,
            "median_seconds": median(vote.milliseconds for vote, _ in self.counted) / 1000,
            "systems": {name: system.to_json(draws=draws) for name, system in self.systems.items()},
        }
        return everything | ({"pairs": list(self._compared())} if settings.task == "preference" else {})

    def _compared(self) -> Iterator[dict[str, Any]]:
        """Yield for each two systems the share of votes for the first."""
        wins, _ = self._wins(self.study.settings.systems)
        for (one, first), (other, second) in combinations(enumerate(self.study.settings.systems), 2):
            votes = int(wins[one, other] + wins[other, one])
            if votes:
                won = int(wins[one, other])
                bounds = [100 * bound for bound in wilson(won, votes)]
                yield {"first": first, "second": second, "votes": votes, "first_preferred": won, "wilson": bounds}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield every vote as a row of a table, those that do not count too."""
        answers = self.study.settings.question.answers
        for vote, trial in self.votes:
            yield {
                "volunteer": vote.volunteer,
                "place": vote.place,
                "trial": vote.trial,
                "label_map": trial.label_map,
                "class": trial.region,
                "systems": " ".join(dict.fromkeys(trial.systems)),
                "catch": trial.catch or "",
                "answer": answers[vote.answer] if answers else vote.answer,
                "preferred": trial.systems[vote.answer] if len(set(trial.systems)) > 1 else "",
                "right": "" if trial.right is None else int(vote.answer == trial.right),
                "milliseconds": vote.milliseconds,
                "counted": int(self.counts(vote, trial)),
            }

    def _by_system(self) -> Iterator[tuple[str, list[Counted]]]:
        for system in self.study.settings.systems:
            votes = [(vote, trial) for vote, trial in self.counted if trial.systems[0] == system]
            if votes:
                yield system, votes

    def _sums(self, votes: Sequence[Counted]) -> ndarray:
        return self._resamples.sums((str(vote.volunteer), trial.label_map) for vote, trial in votes)


def _yes_or_no(vote: StoredVote, trial: TrialRecord) -> Vote:
    kind = trial.catch if trial.catch in ("identical", "everything") else None
    return Vote(str(vote.volunteer), f"trial {trial.number}", yes=vote.answer == YES, catch=kind)
