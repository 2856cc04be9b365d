"""A trial that a worker has taken, as its sweep hears of it."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, cast
from unittest.mock import Mock

import httpx
import pytest
from prefect.futures import PrefectFuture

from flows.cancellation import CancellationError
from flows.exceptions import DvcError, StoppedError
from flows.sweep import remote
from flows.sweep.trial import Trial, TrialResult
from tests.flows.sweeps import SweepWorkspace

UNFIT = """\
import time

from flows.sweep import remote

remote.HOLD_S = 3.0
begin = time.monotonic()
state = remote.trial(options=remote.Trial.model_validate_json('''{options}'''), return_state=True)
print(state.type.value, state.name, state.message, time.monotonic() - begin > remote.HOLD_S)
"""


def trial(**said: Any) -> Trial:
    values = {"sweep": "small", "number": 0, "seed": 0, "dataset": "doll", "system": "one", "stages": ["train"]}
    return Trial.model_validate(values | said)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"digest": "0", "code": ["tool.py"]}, "on left has other code than sweep small"),
        ({"gpus": 4}, "a training needs 4 GPUs, but this machine has 2: 0, 1"),
    ],
    ids=["code", "gpus"],
)
def test_a_machine_that_is_unfit_says_so_and_takes_nothing_else_for_a_while(
    small: SweepWorkspace, server: str, asked: dict[str, Any], why: str
) -> None:
    (small.path / "unfit.py").write_text(UNFIT.format(options=trial(**asked).model_dump_json()))
    done = small.run("unfit", PREFECT_API_URL=server, SMIS_MACHINE="left", SMIS_DEVICES="0,1")
    told = done.stdout.splitlines()[-1]
    assert told.startswith("FAILED Unfit "), done.stderr
    assert why in told
    assert told.endswith("True")


@pytest.fixture
def pushes(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """What runs `dvc push`, after a training; its `run` returns exit codes."""
    monkeypatch.setattr(remote, "get_run_logger", Mock())
    monkeypatch.setattr(remote, "PAUSES_S", (0.1, 0.2))
    monkeypatch.setattr(remote.trials, "run", lambda *_, **__: TrialResult({"FD": 1.0}, 2.0, "left"))
    monkeypatch.setattr(remote.workspace, "has_remote", lambda _: True)
    monkeypatch.setenv("SMIS_MACHINE", "left")
    return Mock(stopped=False)


def test_outputs_are_sent_again_to_a_remote_that_was_away(pushes: Mock) -> None:
    pushes.run.side_effect = [1, 1, 0]
    assert remote._work(trial(), pushes) == TrialResult({"FD": 1.0}, 2.0, "left")


def test_outputs_that_the_remote_did_not_take_are_told_with_what_was_measured(pushes: Mock) -> None:
    pushes.run.side_effect = [1, 1, 1]
    warning = "its outputs stay on left: the DVC remote did not take them"
    assert remote._work(trial(), pushes) == TrialResult({"FD": 1.0}, 2.0, "left", warning)


def test_outputs_that_have_no_remote_are_told_with_what_was_measured(
    pushes: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote.workspace, "has_remote", lambda _: False)
    assert remote._work(trial(), pushes).warning == "its outputs stay on left: there is no default DVC remote"


def test_who_is_cancelled_does_not_wait_to_send_outputs_again(pushes: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (3600.0,))
    pushes.stopped, pushes.run.side_effect = True, [1, StoppedError("dvc was not started: its flow ends")]
    with pytest.raises(StoppedError, match="its flow ends"):
        remote._work(trial(), pushes)


def test_a_remote_that_is_away_when_a_trial_begins_costs_no_try(pushes: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    pushes.run.return_value = 0
    answers = iter([DvcError("unexpected error - Could not connect"), TrialResult({"FD": 1.0}, 2.0, "left")])

    def run(*_: object, **__: object) -> TrialResult:
        answer = next(answers)
        if isinstance(answer, DvcError):
            raise answer
        return answer

    monkeypatch.setattr(remote.trials, "run", run)
    assert remote._work(trial(), pushes) == TrialResult({"FD": 1.0}, 2.0, "left")


class Away:
    """Prefect's future of a task whose end its server does not hear."""

    def add_done_callback(self, say: Callable[[object], object]) -> None:
        say(self)

    def wait(self) -> None:
        raise httpx.ConnectError("away")


def test_a_training_that_ends_while_the_server_is_away_has_ended() -> None:
    job = Mock(measured=TrialResult({"FD": 1.0}, 2.0), why="")
    assert remote._end(cast("PrefectFuture[Any]", Away()), job, SimpleQueue()) == "Prefect's server was away at its end"


def test_a_training_that_cannot_begin_while_the_server_is_away_has_not() -> None:
    with pytest.raises(httpx.ConnectError, match="away"):
        remote._end(cast("PrefectFuture[Any]", Away()), Mock(measured=None, why=""), SimpleQueue())


def test_a_machine_that_is_unfit_hears_that_the_trial_is_cancelled() -> None:
    events: SimpleQueue[Any] = SimpleQueue()
    events.put(CancellationError("cancelled on Prefect's page"))
    with pytest.raises(CancellationError, match="cancelled"):
        remote._hold(events)
