"""What a trial on another machine tells its sweep: one artifact of its run, written anew every few seconds."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run

from flows.retry import call_periodically, retry
from flows.sweep.curve import Point
from flows.sweep.trial import TrialResult, finite

TYPE = "trial"
UNFIT = "Unfit"
"""How the state is called of a run that its machine cannot do, though another might."""
EVERY_S = 3.0
AT_THE_END_S = 3600.0
"""How long a server may be away when a training ends, before all of it is lost."""


@dataclass
class TrialReport:
    """The curve so far and, at the end, what was measured."""

    points: list[Point] = field(default_factory=list)
    measured: TrialResult | None = None

    @classmethod
    def read(cls, data: Any) -> "TrialReport":
        """Read it from an artifact."""
        found = data["measured"]
        points = [(step, value) for step, value in data["points"] if value is not None]
        return cls(points, TrialResult(**found | {"values": finite(found["values"])}) if found else None)


@contextmanager
def published(report: TrialReport) -> Iterator[None]:
    """Meanwhile, keep this flow run's report on the server up to date, the last time at the end.

    Raises:
        ConnectionLostError: if the server is away for too long at the beginning or the end; between them it may be.
    """
    artifact = retry(partial(_create, report))

    def post() -> None:
        with suppress(httpx.HTTPError, PrefectException):  # a server that is away stops no training
            _update(artifact, report)

    with call_periodically(post, interval_s=EVERY_S):
        yield
    retry(partial(_update, artifact, report), timeout_s=AT_THE_END_S)


def _create(report: TrialReport) -> UUID:
    with get_client(sync_client=True) as client:
        mine = ArtifactCreate(type=TYPE, data=asdict(report), flow_run_id=UUID(flow_run.id))
        return client.create_artifact(mine).id


def _update(artifact: UUID, report: TrialReport) -> None:
    """Write it, by a client that is new: one that has met a server would wait for it longer each time, up to 30 s."""
    with get_client(sync_client=True) as client:
        client.update_artifact(artifact, ArtifactUpdate(data=asdict(report)))
