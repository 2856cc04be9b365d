"""What a trial on another machine tells its sweep."""

import json
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

from flows import retry as retrying
from flows.sweep import report, trial
from flows.sweep.report import TrialReport, published
from flows.sweep.trial import Trial, TrialResult
from tests.flows.sweeps import SweepWorkspace


def test_what_is_no_number_comes_through_prefect_as_nothing_and_is_left_out() -> None:
    sent = {"points": [[1, 2.0], [2, None]], "measured": asdict(TrialResult({"FD": 1.0}, 3.0, "left"))}
    sent["measured"]["values"]["extra"] = None
    read = TrialReport.read(sent)
    assert read.points == [(1, 2.0)]
    assert read.measured == TrialResult({"FD": 1.0}, 3.0, "left")


class Outage:
    """A server that is away at the beginning and at the end of a training."""

    def __init__(self) -> None:
        self.calls = 0
        self.data: Any = None

    def __enter__(self) -> "Outage":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def create_artifact(self, _: ArtifactCreate) -> SimpleNamespace:
        self._come_and_go()
        return SimpleNamespace(id=uuid4())

    def update_artifact(self, _: UUID, artifact: ArtifactUpdate) -> None:
        self._come_and_go()
        self.data = artifact.data

    def _come_and_go(self) -> None:
        self.calls += 1
        if self.calls % 4:
            raise httpx.ConnectError("away")


def test_an_outage_at_the_end_loses_no_finished_training(monkeypatch: pytest.MonkeyPatch) -> None:
    outage = Outage()
    monkeypatch.setattr(report, "get_client", lambda **_: outage)
    monkeypatch.setattr(report, "flow_run", SimpleNamespace(id=str(uuid4())))
    monkeypatch.setattr(retrying, "INTERVAL_S", 0.01)
    mine = TrialReport()
    with published(mine):
        mine.measured = TrialResult({"FD": 1.0}, 2.0)
    assert TrialReport.read(outage.data).measured == mine.measured


def test_a_trial_tells_numbers_only(inside: SweepWorkspace) -> None:
    one = Trial(sweep="small", number=0, seed=0, dataset="doll", system="one", stages=["train"])
    written = inside.path / one.folder / "metrics/doll/one.json"
    written.parent.mkdir(parents=True)
    values = {"FD": 1, "extra": float("nan"), "none": None}
    written.write_text(json.dumps({name: {"value": value} for name, value in values.items()}))
    assert trial._metrics(one) == {"FD": 1.0}
