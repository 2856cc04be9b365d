"""Waiting inside a flow."""

from queue import SimpleQueue
from typing import Any
from unittest.mock import Mock

import pytest

from flows.cancellation import run_in_thread
from flows.exceptions import StageError, StoppedError


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
