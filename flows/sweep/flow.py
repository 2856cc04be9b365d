"""The sweep as a Prefect flow: trainings run concurrently, each a task, until the study is complete.

A trial that fails, is killed or lost is retried, then reported; the others go on. A sweep that was killed resumes when
it is started again.
"""

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
from flows.exceptions import FlowError
from flows.processes import ChildProcesses, terminate_all
from flows.retry import retry
from flows.sweep import curve, remote, summary, trial, workspace
from flows.sweep.config import Sweep
from flows.sweep.lock import exclusive
from flows.sweep.scheduler import TrialBuilder, TrialScheduler, TrialSeed
from flows.sweep.space import Space
from flows.sweep.study import Study
from flows.sweep.trial import RunTrial, TrialJob, pull, run_job

TRACKING = "pipelines.tracking.sweep"


@flow(name="sweep", flow_run_name="{options.name}")
def sweep(options: Sweep) -> State[None]:
    """Search for the best settings; the summary names them, with the command that applies each of them."""
    try:
        with exclusive(options):
            run = SweepRun(options, get_run_logger())
            return run_with_cancellation(run.run, cleanup=run.stop)
    except FlowError as error:
        return Failed(message=str(error), data=error)


class SweepRun:
    """One run of a sweep, and the trainings that it has started."""

    def __init__(self, options: Sweep, log: Any) -> None:
        self._options, self._log = options, log
        self._children = ChildProcesses()
        self._jobs: dict[TrialSeed, tuple[TrialJob, PrefectFuture[Any]]] = {}
        self._tag = ""
        self._warned = False

    def run(self, events: EventQueue) -> State[None]:
        """Run trials until the study is complete."""
        options, root = self._options, Path()
        space = Space.load(options, root)
        builder = TrialBuilder(options, space, root)
        space.check_values(builder.base, self._children)
        study = Study(options, space, builder.identity, should_stop=lambda: self._children.stopped)
        scheduler = TrialScheduler(options, study, seed=builder.seed, log=self._log.info)
        run_trial = self._executor(builder, study)
        while True:
            while len(self._jobs) < options.max_concurrent and (training := scheduler.next()) is not None:
                setting = study.setting(training.number)
                trial = builder.build(training.number, setting, seed=training.seed)
                job = TrialJob(trial, run_trial, should_prune=partial(scheduler.should_prune, training))
                self._start(training, job, events)
            if not self._jobs:
                state = summary.write(options, study.snapshot(), log=self._log.info)
                run_in_thread(partial(self._publish, builder, study), events)
                return state
            job = self._collect(next_event(events))
            scheduler.finish(job)
            self._warn_without_curve(job, study)

    def stop(self) -> None:
        """Terminate all processes of all trials, here and on other machines."""
        terminate_all([self._children, *(job.children for job, _ in self._jobs.values())])
        if self._tag:
            remote.cancel_runs_or_warn(self._tag, self._log.warning)

    def _executor(self, builder: TrialBuilder, study: Study) -> RunTrial:
        if self._options.executor == "local":
            return partial(trial.run, source=builder.base)
        self._tag = f"sweep:{self._options.name}-{study.id}"
        remote.cancel_runs(self._tag)  # those of a sweep that was killed
        return partial(remote.run_on_pool, tag=self._tag, heartbeat_timeout_s=self._options.heartbeat_timeout_s)

    def _start(self, training: TrialSeed, job: TrialJob, events: EventQueue) -> None:
        job.trial.write()
        future = run_job.submit(job.trial.title, job, return_state=False)
        self._jobs[training] = job, future
        future.add_done_callback(lambda _: events.put(training))

    def _collect(self, training: TrialSeed) -> TrialJob:
        job, future = self._jobs.pop(training)
        if job.result is None and not job.reason:  # Prefect ended the task
            job.reason = str(retry(lambda: future.state).message)
        return job

    def _warn_without_curve(self, job: TrialJob, study: Study) -> None:
        """Warn once if trials are to be pruned by what they do not write."""
        pruner = self._options.pruner
        if pruner is None or self._warned or job.result is None:
            return
        if study.trials[job.trial.number].intermediate_values:
            return
        keys = ", ".join(curve.list_keys(job.trial.folder))
        self._log.warning(
            f"{job.trial.name} has no {pruner.metric} in its history.jsonl, so that nothing is pruned"
            f"{f'; there are: {keys}' if keys else ''}; set pruner.metric to a value that training writes "
            "(validation_fd: set validation.every in params.yaml)"
        )
        self._warned = True

    def _publish(self, builder: TrialBuilder, study: Study) -> None:
        if self._options.executor == "pool" and workspace.has_remote(builder.base):
            self._pull_best(builder, study)
        artifacts.show_tracking(self._children, TRACKING, self._options.name, on_line=self._log.info)

    def _pull_best(self, builder: TrialBuilder, study: Study) -> None:
        """Pull the outputs of the best trial, which ran on another machine: MLflow's registry takes its weights."""
        best = summary.find_best(self._options, study.snapshot())
        if best is None:
            return
        trial = builder.build(best.number, study.setting(best.number), seed=builder.seed)
        pull(trial, self._children, source=builder.base, warn=self._log.warning)
