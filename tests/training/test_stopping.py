"""A run that is asked to end saves the step that it stops at; of several processes: test_workers.py."""

import os
import signal
import threading
from pathlib import Path
from types import ModuleType

import pytest

from smis.training.distributed import Processes
from smis.training.states import States
from smis.training.stopping import Stopped, Stopping

ASKED = 128 + signal.SIGTERM


def test_a_process_alone_stops_after_the_step_in_which_it_is_asked(
    toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting(toy.Toy):
        def generator_terms(self, batch: object, noise: object) -> dict[str, object]:
            if batch.keys[0] == "2/0":  # pyright: ignore[reportAttributeAccessIssue]
                os.kill(os.getpid(), signal.SIGTERM)
            return super().generator_terms(batch, noise)

    before = signal.getsignal(signal.SIGTERM)
    config = toy.config_of(9, save_every=9)
    monkeypatch.setattr(toy, "Toy", Interrupting)
    with pytest.raises(Stopped) as stopped:
        toy.learned(tmp_path, config)
    assert stopped.value.code == ASKED
    assert signal.getsignal(signal.SIGTERM) == before
    state = States(tmp_path / "states", config.model_dump()).newest()
    assert state is not None
    assert state["step"] == 3


def test_what_is_asked_for_during_the_last_step_is_not_forgotten() -> None:
    stopping = Stopping(Processes())
    with pytest.raises(Stopped), stopping:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_training_outside_the_main_thread_hears_no_signals_and_runs() -> None:
    heard: list[bool] = []

    def listen() -> None:
        with Stopping(Processes()) as stopping:
            stopping.ask()
            heard.append(stopping.answered())

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert heard == [False]
