"""Which training comes next, and what follows from one that has ended: no Prefect here."""

import time
from collections import Counter, deque
from collections.abc import Callable

from flows.exceptions import ConnectionLostError, StoppedError, SweepError
from flows.sweep.config import Sweep
from flows.sweep.curve import Point
from flows.sweep.job import Job
from flows.sweep.study import Study

TrialSeed = tuple[int, int]
"""A trial's number and a seed."""
UNFIT_S = 600.0
"""How long only machines that cannot run a sweep may take its trainings, before a trial is given up."""
UNFIT_SAYS_S = 120.0
"""What has gone on for longer is at work: a machine that is unfit says so sooner."""


class TrialScheduler:
    """Hands out trainings: every setting with every seed, failed ones again, until the study has enough.

    With pruning, a setting's first seed goes ahead alone: the others are not worth their time if it is bad.
    """

    def __init__(self, sweep: Sweep, study: Study, *, seed: int, say: Callable[[str], object]) -> None:
        self._sweep, self._study, self._say = sweep, study, say
        self._seeds = range(seed, seed + sweep.seeds)
        self._queue: deque[TrialSeed] = deque()
        self._later: dict[int, list[TrialSeed]] = {}
        self._failures: Counter[TrialSeed] = Counter()
        self._closed: set[int] = set()
        self._begun: dict[TrialSeed, float] = {}
        self._unfit_since: float | None = None
        self._reasons: set[str] = set()

    def next(self) -> TrialSeed | None:
        """Return what to train next; nothing if all is done or going on."""
        while not self._queue:
            number = self._study.next()
            if number is None:
                return None
            known = self._study.measured(number)
            trial_seeds = [(number, seed) for seed in self._seeds if seed not in known]
            ahead = 1 if self._sweep.pruner else len(trial_seeds)
            self._queue.extend(trial_seeds[:ahead])
            self._later[number] = trial_seeds[ahead:]
        return self._queue.popleft()

    def judge(self, trial_seed: TrialSeed, points: list[Point]) -> bool:
        """Say whether a training that goes on should be ended early; only a setting's first seed's curve is kept."""
        self._begun.setdefault(trial_seed, time.monotonic())
        number, seed = trial_seed
        try:
            return bool(points) and seed == self._seeds[0] and self._study.report(number, points)
        except (ConnectionLostError, StoppedError):  # of the study's database, which the sweep itself will hear
            return False

    def ended(self, job: Job) -> None:
        """Take in what became of a training."""
        trial_seed = number, _ = job.trial.number, job.trial.seed
        self._begun.pop(trial_seed, None)
        unfit = job.unfit and self._sweep.executor == "pool"
        if not unfit:
            self._unfit_since = None  # somebody can run this sweep, even if there is a queue for them
        if number in self._closed:
            return
        if job.measured is not None:
            self._finish(job)
        elif job.pruned:
            self._say(f"{job.trial.name} is worse than others and was ended early")
            self._study.prune(number)
            self._close(number)
        elif unfit:
            self._wait_for_another_machine(trial_seed, job.why)
        else:
            self._repeat_or_fail(trial_seed, job.why)

    def _finish(self, job: Job) -> None:
        number, seed = job.trial.number, job.trial.seed
        assert job.measured
        try:
            self._study.add(number, seed, job.measured)
        except SweepError as error:
            self._fail(number, str(error))
            return
        values = job.measured.values
        told = ", ".join(f"{one.metric} {values[one.metric]:.4g}" for one in self._sweep.objectives)
        self._say(f"{job.trial.name} has {told}")
        self._queue.extend(self._later.pop(number, []))

    def _repeat_or_fail(self, trial_seed: TrialSeed, why: str) -> None:
        self._failures[trial_seed] += 1
        if self._failures[trial_seed] > self._sweep.retries:
            self._fail(trial_seed[0], why)
            return
        self._say(f"trial {trial_seed[0]} with seed {trial_seed[1]} is repeated: {why}")
        self._queue.append(trial_seed)

    def _wait_for_another_machine(self, trial_seed: TrialSeed, why: str) -> None:
        """Give the training away again, which counts as no failure, unless nobody seems to be fit for it."""
        now = time.monotonic()
        if self._unfit_since is None:
            self._unfit_since = now
        at_work = any(now - begun > UNFIT_SAYS_S for begun in list(self._begun.values()))
        if now - self._unfit_since > UNFIT_S and not at_work:
            self._fail(trial_seed[0], why)
            return
        if why not in self._reasons:
            self._reasons.add(why)
            self._say(f"trial {trial_seed[0]} with seed {trial_seed[1]} waits for another machine: {why}")
        self._queue.append(trial_seed)

    def _fail(self, number: int, why: str) -> None:
        self._say(f"trial {number} failed: {why}")
        self._study.fail(number, why)
        self._close(number)

    def _close(self, number: int) -> None:
        self._closed.add(number)
        self._queue = deque(trial_seed for trial_seed in self._queue if trial_seed[0] != number)
