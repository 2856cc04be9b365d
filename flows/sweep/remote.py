"""A trial that a worker has taken: `trial`, the deployment that a sweep sends to other machines."""

import sys
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from dvc.config import Config
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows import devices
from flows.cancelling import finished, until_cancelled
from flows.events import Events
from flows.processes import Children
from flows.stages import environment
from flows.sweep import trial as trials
from flows.sweep.bulletin import UNFIT, Bulletin, posted
from flows.sweep.job import Job, run_trial
from flows.sweep.trial import Trial

HERE = Path()
HOLD_S = 30.0
"""How long a machine that cannot run a trial keeps it, and takes no other: else it would take the repeated one too."""


@flow(name="trial")
def trial(options: Trial) -> State[None]:
    """Train and measure one setting of a sweep on this machine, in a copy of the folder where its worker runs."""
    bulletin = Bulletin()
    job = Job(options, _work, lambda points: bulletin.points.extend(points) or False)

    def work(events: Events) -> State[None]:
        with posted(bulletin):
            future = run_trial.with_options(tags=[devices.limit()]).submit(options.title, job, return_state=False)
            state = finished(future, events)
            bulletin.measured = job.measured
            if job.unfit:
                _hold(events)
        return _said(job, str(state.message))

    return until_cancelled(work, end=job.children.end)


def _hold(events: Events) -> None:
    """Wait, and hear meanwhile that the flow is cancelled."""
    with suppress(Empty):
        reason = events.get(timeout=HOLD_S)
        if isinstance(reason, BaseException):
            raise reason


def _said(job: Job, message: str) -> State[None]:
    if job.measured:
        return Completed(message=message)
    return Failed(name=UNFIT if job.unfit else "Failed", message=job.why or message)


def _work(trial: Trial, children: Children, **hands: Any) -> trials.Measured:
    remote = "remote" in Config(str(HERE / ".dvc"), validate=False)["core"]
    measured = trials.run(trial, children, source=HERE, pull=remote, **hands)
    if remote:
        _push(trial, children)
    else:
        get_run_logger().warning("there is no default DVC remote: the outputs of %s stay on this machine", trial.name)
    return measured


def _push(options: Trial, children: Children) -> None:
    """Send the outputs to the DVC remote: other machines have no other way to them."""
    log = get_run_logger()
    command = [sys.executable, "-m", "dvc", "push", "--run-cache", "--quiet", *options.shared, *options.stages]
    if children.run(command, each_line=log.warning, env=environment(), cwd=options.folder):
        log.warning("the outputs of %s stay on this machine", options.name)
