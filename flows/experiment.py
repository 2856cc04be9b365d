"""`python -m flows.experiment`: the DAG of dvc.yaml as a Prefect flow, one task per stage and cell, some concurrently.

It runs with a Prefect server (PREFECT_API_URL, or the one of `make up`) and without. A failing stage fails its own
branch only. Cancelling, on Prefect's page or by Ctrl-C or SIGTERM, terminates every process below.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Semaphore
from typing import Any

import httpx
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import BaseModel, Field

from flows import artifacts, dag
from flows.cancellation import EventQueue, next_event, run_with_cancellation
from flows.command import exit_on_error, parse_options, run_flow
from flows.exceptions import FlowError
from flows.processes import ChildProcesses
from flows.retry import retry
from flows.stages import find_unchanged, run_stage


class Experiment(BaseModel, frozen=True, extra="forbid"):
    """The part of the table to bring up to date, and how many stages may run at the same time."""

    systems: list[dag.SystemInTable] = Field(
        default=[],
        title="Systems",
        description="Names from axes.system in params.yaml, such as groupdnet or inade. Empty: all of them.",
    )
    datasets: list[dag.DatasetInTable] = Field(
        default=[],
        title="Data sets",
        description="Names from axes.dataset in params.yaml, such as paperdoll. Empty: all of them.",
    )
    seeds: list[dag.SeedInTable] = Field(
        default=[],
        title="Seeds",
        description="Numbers from axes.seed in params.yaml. Empty: all of them.",
    )
    max_concurrent: int = Field(
        default=2,
        ge=1,
        le=64,
        title="Concurrent stages",
        description="How many stages may run at the same time; they share the machine's cores and GPUs.",
    )

    def stages(self) -> tuple[list[dag.Stage], list[dag.Stage]]:
        """Read the workspace's DAG; return the selected stages in their order, and the others."""
        return dag.select(dag.read(), {"system": self.systems, "dataset": self.datasets, "seed": self.seeds})


ALL_STAGES = Experiment()


@flow(name="experiment")
def experiment(options: Experiment = ALL_STAGES) -> State[None]:
    """Bring every selected stage up to date, show the results, and say which cells failed."""
    log = get_run_logger().info
    stages, others = options.stages()
    if others:
        log("not selected: %s", ", ".join(stage.name for stage in others))
    children = ChildProcesses()

    def work(events: EventQueue) -> State[None]:
        states = _run(stages, options.max_concurrent, children, events)
        artifacts.show_report()
        artifacts.show_tracking(children, on_line=log)
        return _summary(states)

    try:
        return run_with_cancellation(work, cleanup=children.terminate)
    except FlowError as error:
        return Failed(message=str(error), data=error)


def _run(
    stages: Sequence[dag.Stage], limit: int, children: ChildProcesses, events: EventQueue
) -> dict[str, State[None]]:
    """Submit all stages at once; each waits for those upstream among them, then for one of `limit` places."""
    unchanged, places = find_unchanged(stages, children), Semaphore(limit)
    futures: dict[str, PrefectFuture[Any]] = {}
    for stage in stages:
        upstream = [futures[name] for name in stage.upstream if name in futures]
        options = {"max_concurrent": limit, "unchanged": stage.name in unchanged, "wait_for": upstream}
        futures[stage.name] = run_stage.submit(stage.name, children, places, **options, return_state=False)
        futures[stage.name].add_done_callback(events.put)
    for _ in futures:
        next_event(events)
    for future in futures.values():
        with suppress(httpx.HTTPError, PrefectException):  # only the server was unavailable at its end
            future.wait()
    return {name: retry(lambda future=future: future.state) for name, future in futures.items()}


def _summary(states: Mapping[str, State[None]]) -> State[None]:
    failed = {name: state for name, state in states.items() if not state.is_completed() and not state.is_pending()}
    skipped = [name for name, state in states.items() if state.is_pending()]
    if not failed and not skipped:
        counts = Counter(str(state.name).lower() for state in states.values())
        return Completed(message=", ".join(f"{count} {name}" for name, count in counts.items()))
    text = f"{len(failed)} of {len(states)} stages failed: {', '.join(failed)}"
    text += f"; not run because of that: {', '.join(skipped)}" if skipped else ""
    return Failed(message="\n  ".join([text, *(str(state.message) for state in failed.values())]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the flow from a command line: exit code 1 if a stage failed, 2 for wrong options, 130 if it was cancelled."""
    with exit_on_error():
        options = parse_options(Experiment, "python -m flows.experiment", arguments)
        options.stages()  # mistakes are reported before Prefect starts
        run_flow(experiment, options)


if __name__ == "__main__":
    main()
