"""The order of stages, without Prefect: futures that finish when told."""

from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from flows.dag import Stage
from flows.events import Events
from flows.order import run_in_order

DIAMOND = [
    Stage("a"),
    Stage("b", upstream=("a",)),
    Stage("c", upstream=("a",)),
    Stage("d", upstream=("b", "c", "made before")),
]


def test_a_stage_starts_after_all_that_it_reads() -> None:
    started: list[tuple[str, bool]] = []

    def start(stage: Stage, upstream: list[Future[None]]) -> Future[None]:
        started.append((stage.name, all(future.done() for future in upstream)))
        return pool.submit(lambda: None)

    with ThreadPoolExecutor(4) as pool:
        futures = run_in_order(DIAMOND, limit=4, start=start, events=SimpleQueue())
    assert [name for name, _ in started][0::3] == ["a", "d"]
    assert all(ready for _, ready in started)
    assert list(futures) == [name for name, _ in started]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_no_more_stages_run_than_the_limit_allows(limit: int) -> None:
    running: list[Future[None]] = []
    most = 0

    def start(stage: Stage, upstream: list[Future[None]]) -> Future[None]:
        nonlocal most
        running[:] = [future for future in running if not future.done()]
        running.append(Future())
        most = max(most, len(running))
        if len(running) == limit or stage.name == "9":
            for future in reversed(running):
                pool.submit(future.set_result, None)
        return running[-1]

    with ThreadPoolExecutor(1) as pool:
        events: Events = SimpleQueue()
        assert len(run_in_order([Stage(str(n)) for n in range(10)], limit=limit, start=start, events=events)) == 10
    assert most == limit


def test_a_reason_to_stop_ends_the_waiting() -> None:
    events: Events = SimpleQueue()
    events.put(KeyboardInterrupt("enough"))
    with pytest.raises(KeyboardInterrupt, match="enough"):
        run_in_order(DIAMOND, limit=1, start=lambda stage, upstream: Future(), events=events)
