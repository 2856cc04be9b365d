"""The sweep as a Prefect flow: as many trials side by side as it may, each a task, until the study has enough.

A trial that fails, is killed or lost is repeated, then reported; it never takes the sweep with it. The sweep itself
may be killed at any time: started again, it goes on.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.states import Failed

from flows import artifacts
from flows.cancellation import EventQueue, next_event, run_in_thread, run_with_cancellation
from flows.exceptions import FlowError, StageError, TakenOverError
from flows.processes import ChildProcesses, terminate_all
from flows.retry import retry
from flows.sweep import check, checkout, pool, summary, trial, workspace
from flows.sweep.config import Sweep
from flows.sweep.curve import names
from flows.sweep.job import Job, Work, run_trial
from flows.sweep.lock import alone
from flows.sweep.plan import Plan
from flows.sweep.scheduler import TrialScheduler, TrialSeed
from flows.sweep.study import Study, other_code

SWEEP_TRACKING = "pipelines.tracking.sweep"


@flow(name="sweep", flow_run_name="{options.name}")
def sweep(options: Sweep) -> State[None]:
    """Try settings, say which were the best, and how each of them is brought back."""
    trials, log = _Trials(options), get_run_logger()
    try:
        with alone(options.name):
            return run_with_cancellation(partial(trials.run, say=log.info, warn=log.warning), cleanup=trials.end)
    except FlowError as error:
        return Failed(message=str(error), data=error)


class _Trials:
    """The trials that go on at this moment."""

    def __init__(self, options: Sweep) -> None:
        self._options = options
        self._jobs: dict[TrialSeed, Job] = {}
        self._futures: dict[TrialSeed, PrefectFuture[Any]] = {}
        self._checking = ChildProcesses()
        self._tag = ""

    def run(self, events: EventQueue, *, say: Callable[[str], object], warn: Callable[[str], object]) -> State[None]:
        """Run trials until the study has enough."""
        options = self._options
        space = check.space(options, Path())
        plan = Plan(options, space, Path())
        check.values(space, plan.base, self._checking)
        study = Study(options, space, plan.common, code=plan.code, ended=lambda: self._checking.stopped)
        _tell_other_code(options.name, study, warn)
        with study.held(events.put):
            try:
                return self._until_enough(plan, study, events, say=say, warn=warn)
            except BaseException as error:
                if isinstance(error, TakenOverError):
                    self._tag = ""  # its runs are the other's now
                self.end()  # before the study is given back
                raise

    def _until_enough(
        self,
        plan: Plan,
        study: Study,
        events: EventQueue,
        *,
        say: Callable[[str], object],
        warn: Callable[[str], object],
    ) -> State[None]:
        options = self._options
        scheduler = TrialScheduler(options, study, seed=plan.seed, say=say)
        watched = _Pruning(options, study, warn)
        start = self._starter(plan, study, scheduler, events)
        while True:
            while len(self._futures) < options.max_concurrent and (trial_seed := scheduler.next()) is not None:
                start(trial_seed)
            if not self._futures:
                state = summary.show(options, study, say=say)
                run_in_thread(partial(self._publish, plan, study, say=say, warn=warn), events)
                return state
            job = self._ended(next_event(events))
            scheduler.ended(job)
            watched.ended(job)

    def _publish(
        self, plan: Plan, study: Study, *, say: Callable[[str], object], warn: Callable[[str], object]
    ) -> None:
        if self._options.executor == "pool" and workspace.has_remote(plan.base):
            self._fetch_winner(plan, study, warn)
        artifacts.show_tracking(self._checking, SWEEP_TRACKING, self._options.name, on_line=say)

    def _fetch_winner(self, plan: Plan, study: Study, warn: Callable[[str], object]) -> None:
        """Bring here what the best trial has made on another machine: it is to be registered."""
        best = summary.winner(self._options, study.recorded)
        if best is None or best.number in other_code(study.recorded):  # there is no copy of that code
            return
        made = plan.trial(best.number, study.setting(best.number), seed=plan.seed)
        try:
            checkout.fetch(made, self._checking, base=plan.base)
        except StageError as error:
            warn(f"{made.name}, the best, was not brought here: {error}")

    def end(self) -> None:
        """End every process of every trial, here and elsewhere."""
        terminate_all([self._checking, *(job.children for job in self._jobs.values())])
        if self._tag:
            pool.end_at_last(self._tag, warn=get_run_logger().warning)
            self._tag = ""

    def _starter(
        self, plan: Plan, study: Study, scheduler: TrialScheduler, events: EventQueue
    ) -> Callable[[TrialSeed], None]:
        work = self._work(plan, study)

        def start(trial_seed: TrialSeed) -> None:
            number, seed = trial_seed
            made = plan.trial(number, study.setting(number), seed=seed)
            made.write()
            job = self._jobs[trial_seed] = Job(made, work, partial(scheduler.judge, trial_seed))
            future = self._futures[trial_seed] = run_trial.submit(made.title, job, return_state=False)
            future.add_done_callback(lambda _: events.put(trial_seed))

        return start

    def _work(self, plan: Plan, study: Study) -> Work:
        if self._options.executor == "pool":
            self._tag = f"sweep:{self._options.name}-{study.id}"
            pool.end_tagged(self._tag)  # what a sweep that was killed left
            return partial(pool.run, tag=self._tag, heartbeat_timeout_s=self._options.heartbeat_timeout_s)
        return partial(trial.run, source=plan.base)

    def _ended(self, trial_seed: TrialSeed) -> Job:
        job, future = self._jobs.pop(trial_seed), self._futures.pop(trial_seed)
        if job.measured is None and not job.why:  # Prefect ended it
            job.why = str(retry(lambda: future.state).message)
        return job


class _Pruning:
    """Says once if pruning is asked for and a trial has nothing that it could be judged by."""

    def __init__(self, options: Sweep, study: Study, warn: Callable[[str], object]) -> None:
        self._curve = options.pruner.metric if options.pruner else None
        self._study, self._warn = study, warn

    def ended(self, job: Job) -> None:
        """Look at a training that was measured."""
        curve, number = self._curve, job.trial.number
        if curve is None or job.measured is None or self._study.trials[number].intermediate_values:
            return
        there = ", ".join(names(job.trial.folder))
        self._warn(
            f"{job.trial.name} has no {curve} in its history, so that nothing prunes it"
            f"{f'; there are: {there}' if there else ''}; name in pruner.metric what training writes "
            "(validation_fd: set validation.every in params.yaml)"
        )
        self._curve = None


def _tell_other_code(name: str, study: Study, warn: Callable[[str], object]) -> None:
    if other := other_code(study.recorded):
        warn(
            f"sweep {name} goes on with other code than before, with which {len(other)} of its trials ended; the "
            f"summary marks them as {summary.OTHER_CODE}; a sweep of another name would start afresh"
        )
