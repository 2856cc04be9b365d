"""A trial that a worker has taken: `trial`, the deployment that a sweep sends to other machines."""

import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty
from typing import Any

import httpx
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows import devices
from flows.cancellation import EventQueue, run_with_cancellation, wait_for_task
from flows.exceptions import DvcError
from flows.processes import ChildProcesses
from flows.stages import child_environment
from flows.sweep import trial as trials
from flows.sweep import workspace
from flows.sweep.job import Job, run_trial
from flows.sweep.report import UNFIT, TrialReport, published
from flows.sweep.trial import Trial

HERE = Path()
POLL_S = 0.5
PAUSES_S = (10.0, 60.0)
"""How long to wait before outputs are sent to the DVC remote again, or asked for."""
HOLD_S = 30.0
"""How long a machine that cannot run a trial keeps it, and takes no other: else it would take the repeated one too."""


@flow(name="trial")
def trial(options: Trial) -> State[None]:
    """Train and measure one setting of a sweep on this machine, in a copy of the folder where its worker runs."""
    report = TrialReport()
    job = Job(options, _work, lambda points: report.points.extend(points) or False)

    def work(events: EventQueue) -> State[None]:
        with published(report):
            message = _end(run_trial.submit(options.title, job, return_state=False), job, events)
            report.measured = job.measured
            if job.unfit:
                _hold(events)
        return _said(job, message)

    return run_with_cancellation(work, cleanup=job.children.terminate)


def _end(future: PrefectFuture[Any], job: Job, events: EventQueue) -> str:
    """Wait for the training's end; say what Prefect says of it, which it cannot while its server is away."""
    try:
        return str(wait_for_task(future, events).message)
    except (httpx.HTTPError, PrefectException):
        if job.measured is None and not job.why:  # it did not begin
            raise
        return "Prefect's server was away at its end"


def _hold(events: EventQueue) -> None:
    """Wait, and hear meanwhile that the flow is cancelled."""
    with suppress(Empty):
        reason = events.get(timeout=HOLD_S)
        if isinstance(reason, BaseException):
            raise reason


def _said(job: Job, message: str) -> State[None]:
    if job.measured:
        return Completed(message=message)
    return Failed(name=UNFIT if job.unfit else "Failed", message=job.why or message)


def _work(trial: Trial, children: ChildProcesses, **hands: Any) -> trials.TrialResult:
    remote = workspace.has_remote(HERE)
    measured = _run(trial, children, pull=remote, **hands)
    why = _push(trial, children) if remote else "there is no default DVC remote"
    if not why:
        return measured
    warning = f"its outputs stay on {devices.machine_name()}: {why}"
    get_run_logger().warning("%s: %s", trial.name, warning)
    return replace(measured, warning=warning)


def _run(trial: Trial, children: ChildProcesses, *, pull: bool, **hands: Any) -> trials.TrialResult:
    """Run it, again where DVC has failed and no stage: a remote that is away for a minute costs no try."""
    for pause_s in PAUSES_S:
        try:
            return trials.run(trial, children, source=HERE, pull=pull, **hands)
        except DvcError as error:
            get_run_logger().warning("%s: %s; it goes on in %.0f s", trial.name, error, pause_s)
            _pause(children, pause_s)
    return trials.run(trial, children, source=HERE, pull=pull, **hands)


def _push(options: Trial, children: ChildProcesses) -> str:
    """Send the outputs to the DVC remote: other machines have no other way to them. Return why that is not so."""
    command = [sys.executable, "-m", "dvc", "push", "--run-cache", "--quiet", *options.shared, *options.stages]
    for pause_s in (0.0, *PAUSES_S):
        _pause(children, pause_s)
        if not children.run(command, on_line=get_run_logger().warning, env=child_environment(), cwd=options.folder):
            return ""
    return "the DVC remote did not take them"


def _pause(children: ChildProcesses, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not children.stopped and time.monotonic() < until:
        time.sleep(POLL_S)
