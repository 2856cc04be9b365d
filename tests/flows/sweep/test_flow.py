"""What a sweep does at its end, whatever ended it: without trials, servers and processes."""

from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

from flows.cancellation import run_in_thread
from flows.exceptions import ConnectionLostError, StageError, StoppedError, TakenOverError
from flows.sweep import Sweep, flow, pool


class Parts:
    """A sweep over many machines, all of whose parts are stand-ins."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.end, self.fetch, self.warn = Mock(), Mock(), Mock()
        for name in ("check", "Plan", "Study", "artifacts", "summary", "workspace", "get_run_logger"):
            monkeypatch.setattr(flow, name, MagicMock())
        monkeypatch.setattr(flow.checkout, "fetch", self.fetch)
        monkeypatch.setattr(pool, "end_at_last", self.end)
        monkeypatch.setattr(flow, "other_code", lambda _: set())
        options = Sweep.model_validate({"name": "small", "objectives": {"FD": "minimize"}, "executor": "pool"})
        self.trials = flow._Trials(options)

    def publish(self) -> None:
        plan = MagicMock()
        plan.trial.return_value = SimpleNamespace(name="trial-0003-seed-0")
        self.trials._publish(plan, MagicMock(), say=Mock(), warn=self.warn)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    return Parts(monkeypatch)


@pytest.mark.parametrize(("ending", "ends"), [(TakenOverError("by him"), 0), (KeyboardInterrupt("Ctrl-C"), 1)])
def test_a_sweep_ends_its_runs_unless_another_has_taken_it_over(
    parts: Parts, ending: BaseException, ends: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = parts.trials

    def until_enough(*_: object, **__: object) -> None:
        trials._tag = "sweep:small-7"
        raise ending

    monkeypatch.setattr(trials, "_until_enough", until_enough)
    with pytest.raises(type(ending), match=str(ending)):
        trials.run(SimpleQueue(), say=Mock(), warn=Mock())
    trials.end()
    assert parts.end.call_count == ends


def test_the_best_trial_is_fetched_and_what_hinders_it_is_told(parts: Parts) -> None:
    parts.publish()
    assert parts.fetch.call_count == 1
    assert not parts.warn.called
    parts.fetch.side_effect = StageError("the remote has it not")
    parts.publish()
    parts.warn.assert_called_once_with("trial-0003-seed-0, the best, was not brought here: the remote has it not")


def test_the_best_trial_of_other_code_is_left_where_it_is(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow.summary, "winner", lambda *_: SimpleNamespace(number=3))
    monkeypatch.setattr(flow, "other_code", lambda _: {3})
    parts.publish()
    assert not parts.fetch.called


def test_a_server_that_is_away_at_the_end_hides_no_other_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        pool, "end_tagged", Mock(side_effect=ConnectionLostError("Prefect's server has not answered for 60 s"))
    )
    warn = Mock()
    pool.end_at_last("sweep:small-7", warn=warn)
    (told,) = warn.call_args.args
    assert told.startswith("runs on other machines may go on: Prefect's server has not answered for 60 s; cancel those")


def test_a_flow_s_last_work_hears_that_it_shall_stop() -> None:
    events: SimpleQueue[Any] = SimpleQueue()
    done = Mock()
    run_in_thread(done, events)
    assert done.called
    with pytest.raises(StageError, match="it broke"):
        run_in_thread(Mock(side_effect=StageError("it broke")), events)
    waiting: SimpleQueue[Any] = SimpleQueue()
    events.put(StoppedError("cancelled"))
    with pytest.raises(StoppedError, match="cancelled"):
        run_in_thread(waiting.get, events)
    waiting.put(None)
