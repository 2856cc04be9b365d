"""The sweep as a Prefect flow: trainings run concurrently, each a task, until the study is complete.

A trial that fails, is killed or lost is retried, then reported; the others go on. A sweep that was killed resumes when
it is started again.
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

from flows import artifacts, disk
from flows.cancellation import EventQueue, next_event, run_in_thread, run_with_cancellation
from flows.exceptions import FlowError
from flows.processes import ChildProcesses
from flows.retry import retry
from flows.sweep import remote, summary, workspace
from flows.sweep.config import Sweep
from flows.sweep.lock import exclusive
from flows.sweep.scheduler import TrialBuilder, TrialScheduler
from flows.sweep.space import Space
from flows.sweep.study import Study
from flows.sweep.trial import TrialJob, TrialResult, list_curves, pull, run, run_task

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
        self._jobs: dict[str, tuple[TrialJob, PrefectFuture[Any]]] = {}
        self._tag = ""
        self._warned = False

    def run(self, events: EventQueue) -> State[None]:
        """Run trials until the study is complete."""
        options, root = self._options, Path()
        space = Space.load(options, root)
        builder = TrialBuilder(options, space, root)
        space.check_values(builder.base, self._children)
        study = Study(options, space, builder.identity, should_stop=lambda: self._children.stopped)
        scheduler = TrialScheduler(options, study, builder, log=self._log.info)
        execute = self._executor(builder, study)
        for line in disk.report(root, cells=options.trials * options.seeds):
            self._log.info(line)
        while True:
            while len(self._jobs) < options.max_concurrent and (trial := scheduler.next()) is not None:
                self._start(TrialJob(trial, execute, should_prune=partial(scheduler.should_prune, trial)), events)
            if not self._jobs:
                state = summary.write(options, study.snapshot(), log=self._log.info)
                run_in_thread(partial(self._publish, builder, study), events)
                return state
            job = self._collect(next_event(events))
            scheduler.finish(job)
            self._warn_without_curve(job, study)

    def stop(self) -> None:
        """Terminate all processes of all trials, here and on other machines."""
        self._children.terminate(*(job.children for job, _ in self._jobs.values()))
        if self._tag:
            remote.cancel_runs_or_warn(self._tag, self._log.warning)

    def _executor(self, builder: TrialBuilder, study: Study) -> Callable[[TrialJob], TrialResult]:
        if self._options.executor == "local":
            return partial(run, source=builder.base)
        self._tag = f"sweep:{self._options.name}-{study.id}"
        remote.cancel_runs(self._tag)  # those of a sweep that was killed
        return partial(remote.run_on_pool, tag=self._tag, heartbeat_timeout_s=self._options.heartbeat_timeout_s)

    def _start(self, job: TrialJob, events: EventQueue) -> None:
        job.trial.write()
        future = run_task.submit(job.trial.title, job.run, return_state=False)
        self._jobs[job.trial.name] = job, future
        future.add_done_callback(lambda _: events.put(job.trial.name))

    def _collect(self, name: str) -> TrialJob:
        job, future = self._jobs.pop(name)
        if job.result is None and not job.reason:  # Prefect ended the task
            job.reason = str(retry(lambda: future.state).message)
        return job

    def _warn_without_curve(self, job: TrialJob, study: Study) -> None:
        """Warn once if trials are to be pruned by what they do not write."""
        pruner = self._options.pruner
        if pruner is None or self._warned or not job.result or study.trials[job.trial.number].intermediate_values:
            return
        keys = ", ".join(list_curves(job.trial.folder))
        self._log.warning(
            f"{job.trial.name} has no {pruner.metric} in its history.jsonl, so that nothing is pruned"
            f"{f'; there are: {keys}' if keys else ''}; set pruner.metric to a value that training writes "
            "(validation_fd: set validation.every in params.yaml)"
        )
        self._warned = True

    def _publish(self, builder: TrialBuilder, study: Study) -> None:
        best = summary.find_best(self._options, study.snapshot())
        if best and self._options.executor == "pool" and workspace.has_remote(builder.base):
            # It ran on another machine, and MLflow's registry takes its weights.
            trial = builder.build(best.number, study.setting(best.number), seed=builder.seeds[0])
            pull(trial, self._children, source=builder.base, warn=self._log.warning)
        artifacts.show_tracking(self._children, TRACKING, self._options.name, on_line=self._log.info)
