"""A trial that a worker has taken, as its sweep hears of it."""

from queue import SimpleQueue
from typing import Any

import pytest

from flows.cancelling import CancelledInPageError
from flows.sweep import remote
from flows.sweep.trial import Trial
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
        ({"gpus": 4}, "4 GPUs for each training are asked for, but this machine has 2: 0, 1"),
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


def test_a_machine_that_is_unfit_hears_that_the_trial_is_cancelled() -> None:
    events: SimpleQueue[Any] = SimpleQueue()
    events.put(CancelledInPageError("cancelled in Prefect's page"))
    with pytest.raises(CancelledInPageError, match="cancelled"):
        remote._hold(events)
