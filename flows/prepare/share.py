"""A share that a worker has taken: `share`, the deployment that `prepare` sends to other machines."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from flows import devices
from flows.cancelling import finished, until_cancelled
from flows.errors import StageError
from flows.events import Events
from flows.prepare.config import Share
from flows.prepare.store import Store
from flows.processes import Children
from flows.stages import environment, reason
from flows.states import outcome, said_again
from flows.sweep.report import TrialReport, published
from flows.sweep.trial import TrialResult

HERE = Path()
MODULE = "pipelines.prepare"
_MADE = "made "
"""What a line of the module begins with that names a finished file."""


@flow(name="share")
def share(options: Share) -> State[None]:
    """Make chunks of a data set on this machine, in the folder where its worker runs, and leave them in the remote."""
    bulletin, children, begin = TrialReport(), Children(), time.monotonic()

    def work(events: Events) -> State[None]:
        with published(bulletin):
            state = finished(run_share.submit(options, children, return_state=False), events)
            if state.is_completed():
                bulletin.measured = TrialResult({}, time.monotonic() - begin, devices.machine())
        return said_again(state)

    return until_cancelled(work, end=children.end)


@task(name="share", cache_policy=NO_CACHE, retries=0)
def run_share(options: Share, children: Children) -> State[None]:
    """Make the chunks, its lines in Prefect's log."""
    log = get_run_logger().info

    def work() -> State[None]:
        make(options, children, log)
        return Completed(message=f"{options.stop - options.first} chunks")

    return outcome(work)


def make(options: Share, children: Children, log: Callable[[str], object]) -> None:
    """Make the chunks, and bring each to the remote when it is finished.

    Raises:
        StageError: with the last words of what makes them.
        EndedError: if `children` were ended meanwhile.
    """
    store, lines = Store(HERE, options.folder), []

    def each_line(line: str) -> None:
        if line.startswith(_MADE):
            path = Path(line.removeprefix(_MADE))
            store.put(path)
            path.unlink()
        elif line:
            lines.append(line)
            log(line)

    share = ["--share", str(options.first), str(options.stop), options.digest]
    command = [sys.executable, "-m", MODULE, options.dataset, *share]
    if children.run(command, each_line=each_line, env=environment(), cwd=HERE):
        raise StageError(f"on {devices.machine()}: {reason(lines) or 'it ended without a word'}")
