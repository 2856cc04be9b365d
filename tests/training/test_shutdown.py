"""A run that is asked to end saves the step that it stops at; of several processes: test_workers.py."""

import os
import signal
import threading
from pathlib import Path
from types import ModuleType

import pytest

from smis.training.checkpoints import CheckpointManager
from smis.training.distributed import DistributedContext
from smis.training.guards import ShutdownRequested, ShutdownSignal

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
    with pytest.raises(ShutdownRequested) as stopped:
        toy.learned(tmp_path, config)
    assert stopped.value.code == ASKED
    assert signal.getsignal(signal.SIGTERM) == before
    state = CheckpointManager(tmp_path / "states", config.model_dump()).load_newest()
    assert state is not None
    assert state["step"] == 3


def test_what_is_asked_for_during_the_last_step_is_not_forgotten() -> None:
    shutdown = ShutdownSignal(DistributedContext())
    with pytest.raises(ShutdownRequested), shutdown:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_training_outside_the_main_thread_hears_no_signals_and_runs() -> None:
    heard: list[bool] = []

    def listen() -> None:
        with ShutdownSignal(DistributedContext()) as shutdown:
            shutdown.start_vote()
            heard.append(shutdown.requested())

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert heard == [False]
