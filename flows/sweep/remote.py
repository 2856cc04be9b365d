"""Trials on other machines: each is a run of the `trial` deployment, which any worker of the pool may take.

Machines share nothing but servers. A trial reports to its sweep (curve, heartbeat, result) by one artifact of its run,
and sends its outputs to the DVC remote.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import ArtifactSort
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound, Pause, PrefectException, TerminationSignal
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Crashed
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from flows import devices
from flows.cancellation import EventQueue, run_in_thread, run_with_cancellation
from flows.exceptions import ConnectionLostError, DvcError, RefusedError, StageError, StoppedError
from flows.processes import GRACE_VARIABLE
from flows.retry import ask_prefect, call_periodically, is_prefect_outage, retry
from flows.stages import child_environment, error_message
from flows.sweep import trial as trials
from flows.sweep import workspace
from flows.sweep.trial import Point, Trial, TrialJob, TrialResult

DEPLOYMENT = "trial/trial"
POLL_S = 2.0
START_S = 60.0
"""How much longer than its heartbeat timeout a trial may take from being taken by a worker to its first heartbeat."""
CANCEL_TIMEOUT_S = 60.0
HEARTBEAT_S = 3.0
RESULT_TIMEOUT_S = 3600.0
"""How long Prefect's server may be away when a trial ends, before its result is lost."""
REMOTE_TIMEOUT_S = 120.0
"""How long the DVC remote may be away."""
_TYPE = "trial"
_UNFINISHED = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED"]


def _finite(points: list[tuple[int, float | None]]) -> list[Any]:
    """Leave out NaN, which JSON turned into null."""
    return [point for point in points if point[1] is not None]


@dataclass
class TrialReport:
    """What a trial on another machine tells its sweep: the curve so far and, at the end, the result."""

    points: Annotated[list[Point], BeforeValidator(_finite)] = field(default_factory=list)
    result: TrialResult | None = None


def run_on_pool(job: TrialJob, *, tag: str, heartbeat_timeout_s: float) -> TrialResult:
    """Run a trial on whichever machine of the pool takes it; cancel its run if the job's children are terminated.

    Args:
        job: The trial.
        tag: Marks all runs of the sweep.
        heartbeat_timeout_s: Seconds without a heartbeat after which the trial counts as lost.

    Raises:
        StageError: if the trial fails, with its message.
        ConnectionLostError: if there is no heartbeat, or the run was deleted.
        RefusedError: if there is no such deployment, or the server refuses to show its runs.
        StoppedError: if the job's children were terminated.
    """
    run = _create_run(job, tag)
    job.on_line(f"{job.trial.name} waits for a worker: python -m flows.worker")
    with get_client(sync_client=True) as client:
        return WatchedRun(client, run, job, heartbeat_timeout_s=heartbeat_timeout_s).wait()


def cancel_runs(tag: str, *, timeout_s: float = CANCEL_TIMEOUT_S) -> None:
    """Cancel all runs with a tag; Prefect does not cancel them with the flow run that created them.

    Raises:
        ConnectionLostError: if the server is away for that long.
    """
    states = {"type": {"any_": _UNFINISHED}}
    unfinished = FlowRunFilter.model_validate({"tags": {"all_": [tag]}, "state": states})

    def cancel(client: SyncPrefectClient) -> None:
        asked: set[UUID] = set()  # a run may refuse to be cancelled
        while runs := [run for run in client.read_flow_runs(flow_run_filter=unfinished) if run.id not in asked]:
            for run in runs:
                _cancel(client, run)
            asked.update(run.id for run in runs)

    retry(lambda: ask_prefect(cancel), timeout_s=timeout_s)


def cancel_runs_or_warn(tag: str, warn: Callable[[str], object], *, timeout_s: float = CANCEL_TIMEOUT_S) -> None:
    """Cancel them because the sweep stops, whose reason to stop must not be hidden by another error."""
    try:
        cancel_runs(tag, timeout_s=timeout_s)
    except (ConnectionLostError, RefusedError) as error:
        warn(f"trials on other machines may go on: {error}; cancel those with the tag {tag} on Prefect's page")


class WatchedRun:
    """A flow run on another machine that is polled until it ends."""

    def __init__(self, client: SyncPrefectClient, run: UUID, job: TrialJob, *, heartbeat_timeout_s: float) -> None:
        self._client, self._run, self._job, self._timeout_s = client, run, job, heartbeat_timeout_s
        self._heartbeat: Any = None
        self._silence_s = 0.0

    def wait(self) -> TrialResult:
        """Wait for the result."""
        children = self._job.children
        while True:
            try:
                if result := self._poll():
                    return result
            except ObjectNotFound as error:
                if not children.stopped:
                    raise ConnectionLostError("its run was deleted") from error
            except (httpx.HTTPError, PrefectException) as error:
                is_prefect_outage(error)  # raises if the server refuses
                self._silence_s = 0.0  # a server that is away says nothing of a trial
            if children.stopped:
                self._cancel()
                raise StoppedError("the trial was stopped with its sweep")
            time.sleep(POLL_S)

    def _cancel(self) -> None:
        """Cancel the run, of a pruned trial through an outage of the server: a sweep that stops cancels all itself."""
        timeout_s = CANCEL_TIMEOUT_S if self._job.pruned else 0.0
        try:
            retry(lambda: _cancel(self._client, self._client.read_flow_run(self._run)), timeout_s=timeout_s)
        except RefusedError:  # deleted meanwhile
            return
        except ConnectionLostError as error:
            self._job.on_line(f"{self._job.trial.name} may go on: {error}")

    def _poll(self) -> TrialResult | None:
        run = self._client.read_flow_run(self._run)
        of_run = {"flow_run_id": {"any_": [self._run]}, "type": {"any_": [_TYPE]}}
        # There are two where the server's answer was lost.
        reports = self._client.read_artifacts(
            artifact_filter=ArtifactFilter.model_validate(of_run), sort=ArtifactSort.UPDATED_DESC, limit=1
        )
        data: Any = reports[0].data if reports else {}
        report = TrialReport(**data)
        if run.state_type not in (StateType.SCHEDULED, StateType.PENDING):
            self._job.report(report.points)
        if self._job.children.stopped:
            return None
        if run.state and run.state.is_final():
            if run.state.is_completed() and report.result:
                return report.result
            raise StageError(run.state.message or f"its run ended as {run.state.name}")
        self._check_heartbeat(run, reports[0].updated if reports else None)
        return None

    def _check_heartbeat(self, run: FlowRun, heartbeat: Any) -> None:
        """Sum up the polls that brought nothing new: time in which the server is away does not count."""
        seen = (run.state_type, heartbeat)
        waiting = run.state_type == StateType.SCHEDULED  # for a worker
        self._silence_s = 0.0 if waiting or seen != self._heartbeat else self._silence_s + POLL_S
        self._heartbeat = seen
        starting = START_S if run.state_type == StateType.PENDING else 0.0
        if self._silence_s > self._timeout_s + starting:
            message = f"no heartbeat for {self._timeout_s:.0f} s"
            self._client.set_flow_run_state(self._run, Crashed(message=message), force=True)
            raise ConnectionLostError(message)


@flow(name="trial")
def trial(options: Trial) -> State[None]:
    """Train and evaluate one trial of a sweep on this machine, in a copy of its worker's folder."""
    report, log = TrialReport(), get_run_logger()
    job = TrialJob(options, run_and_push, should_prune=lambda points: report.points.extend(points) or False)

    def work(events: EventQueue) -> State[None]:
        with uploading(report):
            try:
                state = run_in_thread(lambda: job.run(log.info), events)
            finally:
                if GRACE_VARIABLE in os.environ:  # scancel and the worker both send SIGTERM; the second would kill
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                job.children.terminate()  # here: a training that saves its state still has a heartbeat
            report.result = job.result
        return state

    try:
        return run_with_cancellation(work, cleanup=job.children.terminate)
    except TerminationSignal:
        if GRACE_VARIABLE not in os.environ:
            raise
        log.info("%s goes back to the queue: its machine is taken away", options.name)
        raise Pause(state=_give_back()) from None


def _give_back() -> State[Any]:
    """Put this flow run back into its queue, when its processes have ended: the next worker resumes it."""
    run = UUID(flow_run.id)
    retry(lambda: ask_prefect(lambda client: client.set_flow_run_state(run, AwaitingRetry())))
    return AwaitingRetry()


@contextmanager
def uploading(report: TrialReport) -> Iterator[None]:
    """Upload this flow run's report every few seconds while the block runs, and at its end.

    Raises:
        ConnectionLostError: if the server is away for too long at the beginning or the end; in between it may be.
    """
    first = ArtifactCreate(type=_TYPE, data=asdict(report), flow_run_id=UUID(flow_run.id))
    artifact = retry(lambda: ask_prefect(lambda client: client.create_artifact(first))).id

    def update() -> None:
        ask_prefect(lambda client: client.update_artifact(artifact, ArtifactUpdate(data=asdict(report))))

    with call_periodically(update, interval_s=HEARTBEAT_S):  # a server that is away stops no training
        yield
    retry(update, timeout_s=RESULT_TIMEOUT_S)


def run_and_push(job: TrialJob) -> TrialResult:
    """Run a trial in the current folder's workspace and send its outputs to the DVC remote, if there is one.

    What fails by DVC, and not by a stage, is repeated: its remote may be away for a while.
    """
    has_remote = workspace.has_remote(Path())
    result = _retry_dvc(partial(trials.run, job, source=Path(), pull=has_remote), job)
    problem = "" if has_remote else "there is no default DVC remote"
    try:
        if has_remote:
            _retry_dvc(partial(_push, job), job)
    except ConnectionLostError as error:
        problem = str(error)
    if not problem:
        return result
    warning = f"its outputs stay on {devices.machine_name()}: {problem}"
    get_run_logger().warning("%s: %s", job.trial.name, warning)
    return replace(result, warning=warning)


def _retry_dvc(call: Callable[[], Any], job: TrialJob) -> Any:
    return retry(
        call,
        is_outage=lambda error: isinstance(error, DvcError),
        server="the DVC remote",
        should_stop=lambda: job.children.stopped,
        timeout_s=REMOTE_TIMEOUT_S,
    )


def _push(job: TrialJob) -> None:
    trial = job.trial
    command = [sys.executable, "-m", "dvc", "push", "--run-cache", "--quiet", *trial.shared, *trial.stages]
    lines: list[str] = []
    if job.children.run(command, on_line=lines.append, env=child_environment(), cwd=trial.folder):
        raise DvcError(error_message(lines) or "dvc push failed")


def _create_run(job: TrialJob, tag: str) -> UUID:
    """Create one run, even if the server is away for a while or its answer is lost; return its id."""
    trial = job.trial
    create = partial(
        run_deployment,
        DEPLOYMENT,
        parameters={"options": trial.model_dump(mode="json")},
        flow_run_name=f"{trial.sweep} {trial.name}",
        tags=[tag],
        timeout=0,
        idempotency_key=str(uuid4()),
    )
    try:
        run: Any = retry(create, should_stop=lambda: job.children.stopped)
    except RefusedError as error:
        raise RefusedError(
            f"Prefect runs no deployment {DEPLOYMENT} ({error}); register it with `python -m flows.deployments`"
        ) from error
    return run.id


def _cancel(client: SyncPrefectClient, run: FlowRun) -> None:
    waiting = run.state_type == StateType.SCHEDULED  # no worker has it that would react to Cancelling
    with suppress(ObjectNotFound):  # deleted meanwhile
        client.set_flow_run_state(run.id, Cancelled() if waiting else Cancelling(), force=waiting)
