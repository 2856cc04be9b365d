"""A trial as a run on a work pool: what the sweep learns of it, and what an outage of the server changes."""

import time
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock, Mock
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.objects import State, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Failed

from flows import retry
from flows.exceptions import ConnectionLostError, DvcError, RefusedError, StageError, StoppedError
from flows.sweep import remote
from flows.sweep.remote import TrialReport, WatchedRun
from flows.sweep.trial import Trial, TrialJob, TrialResult
from tests.flows.sweeps import SweepWorkspace
from tests.servers import free_port

pytestmark = pytest.mark.timeout(600)


def trial(**values: Any) -> Trial:
    defaults = {"sweep": "small", "number": 0, "seed": 0, "dataset": "doll", "system": "one", "stages": ["train"]}
    return Trial.model_validate(defaults | values)


def job(**values: Any) -> TrialJob:
    return TrialJob(trial(**values), remote.run_and_push)


def run_on_pool() -> TrialResult:
    return remote.run_on_pool(job(), tag="sweep:small", heartbeat_timeout_s=9)


def watched(client: object, heartbeat_timeout_s: float = 9) -> WatchedRun:
    return WatchedRun(cast("SyncPrefectClient", client), uuid4(), job(), heartbeat_timeout_s=heartbeat_timeout_s)


def test_a_run_is_created_once_though_the_server_is_away_at_first(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    def create(*_: object, idempotency_key: str, **__: object) -> SimpleNamespace:
        keys.append(idempotency_key)
        if len(keys) < 3:
            raise httpx.ReadTimeout("away")
        return SimpleNamespace(id=uuid4())

    monkeypatch.setattr(remote, "run_deployment", create)
    monkeypatch.setattr(retry, "INTERVAL_S", 0.01)
    for _ in range(2):
        with (
            temporary_settings({PREFECT_API_URL: server}),
            pytest.raises(ConnectionLostError, match=r"^its run was deleted$"),
        ):
            run_on_pool()
    assert keys[0] == keys[1] == keys[2] != keys[3]


def test_a_deployment_that_is_not_registered_is_reported_at_once(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "DEPLOYMENT", "nobody/nobody")
    with (
        temporary_settings({PREFECT_API_URL: server}),
        pytest.raises(RefusedError, match=r"^Prefect runs no deployment nobody/nobody \(.*\); register it"),
    ):
        run_on_pool()


def test_a_trial_that_failed_elsewhere_fails_with_its_message() -> None:
    run = SimpleNamespace(state_type=StateType.FAILED, state=Failed(message="why"))
    client = SimpleNamespace(read_flow_run=lambda _: run, read_artifacts=lambda **_: [])
    with pytest.raises(StageError, match=r"^why$"):
        watched(client).wait()


def test_a_run_that_was_deleted_is_lost_and_no_outage(server: str) -> None:
    with (
        temporary_settings({PREFECT_API_URL: server}),
        get_client(sync_client=True) as client,
        pytest.raises(ConnectionLostError, match=r"^its run was deleted$"),
    ):
        watched(client).wait()


def test_a_server_that_refuses_to_show_a_run_is_no_outage() -> None:
    answer = httpx.Response(403, request=httpx.Request("GET", "http://server/api/flow_runs/1"))
    refused = httpx.HTTPStatusError("403 Forbidden", request=answer.request, response=answer)
    client = Mock(read_flow_run=Mock(side_effect=refused))
    with pytest.raises(RefusedError, match=r"^403 Forbidden$"):
        watched(client).wait()


class Away:
    """A server that is away for longer than a trial may be silent, and a trial that says nothing new at first."""

    def __init__(self) -> None:
        self.looks = 0

    def read_flow_run(self, run: UUID) -> SimpleNamespace:
        self.looks += 1
        if 2 < self.looks < 8:
            raise httpx.ConnectError("away")
        ended = self.looks > 9
        state = SimpleNamespace(is_final=lambda: ended, is_completed=lambda: ended)
        return SimpleNamespace(id=run, state_type=StateType.RUNNING, state=state)

    def read_artifacts(self, **_: object) -> list[SimpleNamespace]:
        result = {"values": {"FD": 1.0}, "seconds": 1.0} if self.looks > 9 else None
        return [SimpleNamespace(data={"points": [], "result": result}, updated=5)]


def test_a_server_that_is_away_for_long_makes_no_trial_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "POLL_S", 0.1)
    assert watched(Away(), 0.4).wait().values == {"FD": 1.0}


class Slow(Away):
    """A server that is away for as long, while Prefect's client itself waits for it."""

    def read_flow_run(self, run: UUID) -> SimpleNamespace:
        if self.looks == 2:
            time.sleep(1.0)
            self.looks = 8
        return super().read_flow_run(run)


def test_a_server_that_a_client_waits_for_makes_no_trial_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "POLL_S", 0.1)
    assert watched(Slow(), 0.4).wait().values == {"FD": 1.0}


class Pruning(Away):
    """A server that shows a curve that is pruned, and is away when the run is to be cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[str | None] = []

    def read_artifacts(self, **_: object) -> list[SimpleNamespace]:
        return [SimpleNamespace(data={"points": [[1, 9.0]]}, updated=5)]

    def set_flow_run_state(self, _: UUID, state: State[None], **__: object) -> None:
        self.states.append(state.name)


def test_a_pruned_trial_is_cancelled_though_the_server_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "INTERVAL_S", 0.01)
    client, pruned = Pruning(), replace(job(), should_prune=lambda points: True)
    client.looks = 1
    with pytest.raises(StoppedError, match="stopped with its sweep"):
        WatchedRun(cast("SyncPrefectClient", client), uuid4(), pruned, heartbeat_timeout_s=9).wait()
    assert pruned.pruned
    assert client.states == ["Cancelling"]


def test_a_run_that_refuses_to_be_cancelled_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [SimpleNamespace(id=uuid4(), state_type=StateType.RUNNING)]
    client = MagicMock(read_flow_runs=Mock(return_value=runs))
    client.__enter__.return_value = client
    monkeypatch.setattr(retry, "get_client", lambda **_: client)
    remote.cancel_runs("sweep:small-7")
    assert client.set_flow_run_state.call_count == 1


def test_a_server_that_is_away_when_a_sweep_stops_hides_no_other_reason() -> None:
    warn = Mock()
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        remote.cancel_runs_or_warn("sweep:small-7", warn, timeout_s=0)
    (warning,) = warn.call_args.args
    assert warning.startswith("trials on other machines may go on: Prefect's server has not answered for 0 s")
    assert warning.endswith("; cancel those with the tag sweep:small-7 on Prefect's page")


RUN = """\
from flows.sweep import remote

state = remote.trial(options=remote.Trial.model_validate_json('''{options}'''), return_state=True)
print(state.type.value, state.message)
"""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"digest": "0", "code": ["tool.py"]}, "on left has other code than sweep small"),
        ({"gpus": 4}, "a training needs 4 GPUs, but this machine has 2: 0, 1"),
    ],
    ids=["code", "gpus"],
)
def test_a_machine_that_cannot_run_a_trial_fails_it_with_the_reason(
    small: SweepWorkspace, server: str, values: dict[str, Any], message: str
) -> None:
    (small.path / "once.py").write_text(RUN.format(options=trial(**values).model_dump_json()))
    done = small.run("once", PREFECT_API_URL=server, SMIS_MACHINE="left", SMIS_DEVICES="0,1")
    last = done.stdout.splitlines()[-1]
    assert last.startswith("FAILED "), done.stderr
    assert message in last


@pytest.fixture
def pushing(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """A trial that has trained, and whose children run `dvc push`: their `run` returns exit codes."""
    monkeypatch.setattr(remote, "get_run_logger", Mock())
    monkeypatch.setattr(retry, "INTERVAL_S", 0.01)
    monkeypatch.setattr(remote.trials, "run", lambda *_, **__: TrialResult({"FD": 1.0}, 2.0, "left"))
    monkeypatch.setattr(remote.workspace, "has_remote", lambda _: True)
    monkeypatch.setenv("SMIS_MACHINE", "left")
    return Mock(trial=trial(), children=Mock(stopped=False))


def test_outputs_are_sent_again_to_a_remote_that_was_away(pushing: Mock) -> None:
    pushing.children.run.side_effect = [1, 1, 0]
    assert remote.run_and_push(pushing) == TrialResult({"FD": 1.0}, 2.0, "left")


def test_outputs_that_the_remote_did_not_take_are_reported_with_the_result(
    pushing: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "REMOTE_TIMEOUT_S", 0.0)
    pushing.children.run.return_value = 1
    result = remote.run_and_push(pushing)
    assert result.values == {"FD": 1.0}
    assert result.warning.startswith("its outputs stay on left: the DVC remote has not answered for ")


def test_outputs_that_have_no_remote_are_reported_with_the_result(
    pushing: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote.workspace, "has_remote", lambda _: False)
    warning = "its outputs stay on left: there is no default DVC remote"
    assert remote.run_and_push(pushing).warning == warning


def test_a_trial_that_is_cancelled_does_not_wait_for_the_remote(pushing: Mock) -> None:
    pushing.children.stopped, pushing.children.run.return_value = True, 1
    with pytest.raises(StoppedError, match="the flow stops"):
        remote.run_and_push(pushing)


def test_a_remote_that_is_away_when_a_trial_begins_costs_no_retry(
    pushing: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushing.children.run.return_value = 0
    answers = [DvcError("unexpected error - Could not connect"), TrialResult({"FD": 1.0}, 2.0, "left")]
    monkeypatch.setattr(remote.trials, "run", Mock(side_effect=answers))
    assert remote.run_and_push(pushing) == TrialResult({"FD": 1.0}, 2.0, "left")


def test_what_is_no_number_comes_through_prefect_as_null_and_is_left_out() -> None:
    sent = {"points": [[1, 2.0], [2, None]], "result": asdict(TrialResult({"FD": 1.0}, 3.0, "left"))}
    sent["result"]["values"]["extra"] = None
    report = TrialReport(**sent)
    assert report.points == [(1, 2.0)]
    assert report.result == TrialResult({"FD": 1.0}, 3.0, "left")


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
    monkeypatch.setattr(retry, "get_client", lambda **_: outage)
    monkeypatch.setattr(remote, "flow_run", SimpleNamespace(id=str(uuid4())))
    monkeypatch.setattr(retry, "INTERVAL_S", 0.01)
    report = TrialReport()
    with remote.uploading(report):
        report.result = TrialResult({"FD": 1.0}, 2.0)
    assert TrialReport(**outage.data).result == report.result
