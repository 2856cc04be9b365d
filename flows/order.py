"""Start each stage when all that it reads is finished, some side by side.

Prefect's `wait_for` lets a task wait inside the pool: under a limit, stages that wait would take the places of those
that could run.
"""

from collections import deque
from collections.abc import Callable, Sequence
from graphlib import TopologicalSorter
from typing import Any, Protocol, TypeVar

from flows.dag import Stage
from flows.events import Events, next_of


class Future(Protocol):
    """What the order needs of a started stage: to hear when it is finished, well or not."""

    def add_done_callback(self, fn: Callable[[Any], None], /) -> Any:
        """Call `fn` when finished."""
        ...


F = TypeVar("F", bound=Future)


def run_in_order(
    stages: Sequence[Stage], *, limit: int, start: Callable[[Stage, list[F]], F], events: Events
) -> dict[str, F]:
    """Start every stage with its upstream's futures, at most `limit` at a time; return the finished futures by name.

    What is upstream but not among `stages` is not waited for. `start` sees failed futures too and decides.
    """
    names = {stage.name: stage for stage in stages}
    upstream = {stage.name: [name for name in stage.upstream if name in names] for stage in stages}
    sorter = TopologicalSorter(upstream)
    sorter.prepare()
    futures: dict[str, F] = {}
    ready: deque[str] = deque()
    running = 0
    while sorter.is_active():
        ready.extend(sorter.get_ready())
        while ready and running < limit:
            name = ready.popleft()
            futures[name] = start(names[name], [futures[other] for other in upstream[name]])
            futures[name].add_done_callback(lambda _, name=name: events.put(name))
            running += 1
        sorter.done(next_of(events))
        running -= 1
    return futures
