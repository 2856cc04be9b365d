"""Trials on other machines: each a run of the `trial` deployment, which any worker of the pool may take.

Machines share nothing but the servers. What a trial has to say while it runs (its curve, that it is alive) and at its
end (its values) is one artifact of its run, its report; its outputs go to the DVC remote. A run whose report has
not moved for a time is given up for lost.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import ArtifactSort
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Cancelled, Cancelling, Crashed
from pydantic import BaseModel

from flows.exceptions import ConnectionLostError, RefusedError, StageError, StoppedError, UnfitError
from flows.processes import ChildProcesses
from flows.retry import is_prefect_outage, retry
from flows.sweep.curve import Point
from flows.sweep.report import TYPE, UNFIT, TrialReport
from flows.sweep.trial import Trial, TrialResult

DEPLOYMENT = "trial/trial"
POLL_S = 2.0
SLOW_S = 5.0
"""A server that takes longer to say how a run is was away."""
START_S = 60.0
"""How much longer a machine may take from having taken a trial to its first word: it has much to import."""
END_S = 60.0
"""How long the server may be away before it is told, for nothing, that trials shall end."""
_GOES_ON = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED]


def run(
    trial: Trial,
    children: ChildProcesses,
    *,
    tag: str,
    heartbeat_timeout_s: float,
    on_line: Callable[[str], object],
    take: Callable[[list[Point]], object],
) -> TrialResult:
    """Have a trial run by whichever machine takes it.

    Raises:
        StageError: with a stage's last words.
        UnfitError: if the machine cannot run it, but another might.
        ConnectionLostError: if nothing was heard of it for `heartbeat_timeout_s` seconds after a machine had taken it,
            or its run was deleted.
        RefusedError: if there is no such deployment, or the server lets nobody look at its runs.
        StoppedError: if `children` were ended meanwhile.
    """
    asked = Run(DEPLOYMENT, trial, name=f"{trial.sweep} {trial.name}", tag=tag, worker="python -m flows.worker")
    return send(asked, children, heartbeat_timeout_s=heartbeat_timeout_s, on_line=on_line, take=take)


@dataclass(frozen=True)
class Run:
    """A deployment that some machine shall run, and how the page shows it."""

    deployment: str
    options: BaseModel
    name: str
    tag: str
    worker: str
    """The command of those that take it."""


def send(
    run: Run,
    children: ChildProcesses,
    *,
    heartbeat_timeout_s: float,
    on_line: Callable[[str], object],
    take: Callable[[list[Point]], object] = lambda points: None,
) -> TrialResult:
    """Have a deployment, which posts a report, run by whichever machine takes it; raises what `run` raises."""
    made = _order(run, children)
    on_line(f"{run.name} waits for a worker: {run.worker}")
    with get_client(sync_client=True) as client:
        return _Watched(client, made, heartbeat_timeout_s).result(children, take)


def _order(run: Run, children: ChildProcesses) -> UUID:
    """Order the run, once, though the server may be away for a while or its answer be lost; return its id."""
    order = partial(
        run_deployment,
        run.deployment,
        parameters={"options": run.options.model_dump(mode="json")},
        flow_run_name=run.name,
        tags=[run.tag],
        timeout=0,
        idempotency_key=str(uuid4()),
    )
    try:
        made: Any = retry(order, should_stop=lambda: children.stopped)
    except RefusedError as error:
        raise RefusedError(
            f"Prefect runs no deployment {run.deployment} ({error}); register it with `python -m flows.deployments`"
        ) from error
    return made.id


def end_tagged(tag: str) -> None:
    """Cancel every run with a tag that goes on or waits: with who sent them out, Prefect does not do that of itself.

    Raises:
        ConnectionLostError: if the server is away for a minute.
    """
    retry(partial(_end_tagged, tag), timeout_s=END_S)


def end_at_last(tag: str, *, warn: Callable[[str], object]) -> None:
    """Cancel them because the flow ends, whose own reason to end is what counts: what hinders that is a warning."""
    try:
        end_tagged(tag)
    except (ConnectionLostError, RefusedError) as error:
        warn(f"runs on other machines may go on: {error}; cancel those with the tag {tag} on Prefect's page")


def _end_tagged(tag: str) -> None:
    with get_client(sync_client=True) as client:
        tagged = FlowRunFilter(
            tags=FlowRunFilterTags(all_=[tag]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_GOES_ON)),
        )
        while runs := client.read_flow_runs(flow_run_filter=tagged, limit=200):
            for one in runs:
                _cancel(client, one.id, one.state_type)


class _Watched:
    """A run on another machine, looked at again and again."""

    def __init__(self, client: SyncPrefectClient, run: UUID, heartbeat_timeout_s: float) -> None:
        self._client, self._run, self._lost_after_s = client, run, heartbeat_timeout_s
        self._sign: Any = None
        self._heard = time.monotonic()
        self._points = 0

    def result(self, children: ChildProcesses, take: Callable[[list[Point]], object]) -> TrialResult:
        """Wait for the end."""
        while True:
            try:
                measured = self._look(children, take)
                if measured:
                    return measured
            except ObjectNotFound as error:
                if not children.stopped:
                    raise ConnectionLostError("its run was deleted") from error
            except (httpx.HTTPError, PrefectException) as error:
                is_prefect_outage(error)
                self._heard = time.monotonic()  # a server that is away says nothing of a trial
            if children.stopped:  # and the server is away for good
                raise StoppedError("the trial was ended with its sweep")
            time.sleep(POLL_S)

    def _look(self, children: ChildProcesses, take: Callable[[list[Point]], object]) -> TrialResult | None:
        begin = time.monotonic()
        found = self._client.read_flow_run(self._run)
        report, updated = self._bulletin()
        if time.monotonic() - begin > SLOW_S:  # Prefect's client itself waits for a server that is away
            self._heard = time.monotonic()
        if found.state_type not in (StateType.SCHEDULED, StateType.PENDING):
            take(report.points[self._points :])
            self._points = len(report.points)
        if children.stopped:
            _cancel(self._client, self._run, found.state_type)
            raise StoppedError("the trial was ended with its sweep")
        if found.state and found.state.is_final():
            if found.state.is_completed() and report.measured:
                return report.measured
            kind = UnfitError if found.state.name == UNFIT else StageError
            raise kind(found.state.message or f"its run ended as {found.state.name}")
        self._give_up_if_lost(found, updated)
        return None

    def _give_up_if_lost(self, found: FlowRun, updated: datetime | None) -> None:
        sign = (found.state_type, updated)
        if sign != self._sign or found.state_type == StateType.SCHEDULED:  # waiting for a worker is no loss
            self._sign, self._heard = sign, time.monotonic()
        begins = START_S if found.state_type == StateType.PENDING else 0.0
        if time.monotonic() - self._heard > self._lost_after_s + begins:
            why = f"nothing was heard of it for {self._lost_after_s:.0f} s"
            self._client.set_flow_run_state(self._run, Crashed(message=why), force=True)
            raise ConnectionLostError(why)

    def _bulletin(self) -> tuple[TrialReport, datetime | None]:
        of_run = ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[self._run]), type=ArtifactFilterType(any_=[TYPE])
        )
        latest = ArtifactSort.UPDATED_DESC  # two, where the answer to the first was lost
        found = self._client.read_artifacts(artifact_filter=of_run, sort=latest, limit=1)
        return (TrialReport.read(found[0].data), found[0].updated) if found else (TrialReport(), None)


def _cancel(client: SyncPrefectClient, run: UUID, state: StateType | None) -> None:
    waits = state == StateType.SCHEDULED  # nobody is there who would hear of it
    with suppress(ObjectNotFound):  # deleted meanwhile
        client.set_flow_run_state(run, Cancelled() if waits else Cancelling(), force=waits)
