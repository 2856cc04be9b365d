"""A data set prepared by many machines, as a Prefect flow.

The chunks that are missing are given away in shares, and what machines make comes together in the DVC remote. The
share of a machine that fails or is lost is given away again, without what is there. Then `dvc repro` puts the chunks
into shards as if it had made them itself.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from flows import dag
from flows.cancelling import finished, until_cancelled
from flows.errors import LostError, StageError
from flows.events import Events
from flows.prepare.config import Prepare, Share
from flows.prepare.share import HERE, MODULE
from flows.prepare.store import Store
from flows.processes import Children
from flows.stages import environment, is_unchanged, reason, reproduce
from flows.states import outcome, said_again
from flows.sweep import pool

DEPLOYMENT = "share/share"
WORKER = "python -m flows.worker --queue shares"
SHARES_EACH = 3
"""Shares for each machine, so that a slow one keeps no other waiting for long."""
Say = Callable[[str], object]


@flow(name="prepare", flow_run_name="{options.dataset}")
def prepare(options: Prepare) -> State[None]:
    """Prepare a data set on many machines; the result is to the byte what one machine makes."""
    children = Children()

    def work(events: Events) -> State[None]:
        return said_again(finished(run_spread.submit(options, children, return_state=False), events))

    def end() -> None:
        children.end()
        pool.end_at_last(_tag(options), warn=get_run_logger().warning)

    return until_cancelled(work, end=end)


def _tag(options: Prepare) -> str:
    return f"prepare:{options.dataset}"


@task(name="spread", task_run_name="{options.dataset}", cache_policy=NO_CACHE, retries=0)
def run_spread(options: Prepare, children: Children) -> State[None]:
    """Do all of it, the lines in Prefect's log."""
    return outcome(_Spread(options, children, get_run_logger().info).run)


@dataclass(frozen=True)
class Plan:
    """The names of all chunks, and the folder where `dvc repro` looks for them."""

    folder: Path
    names: Sequence[str]

    def missing(self, there: set[str]) -> list[int]:
        """Return the numbers of the chunks that are not there."""
        return [number for number, name in enumerate(self.names) if name not in there]

    def share(self, dataset: str, numbers: Sequence[int]) -> Share:
        """Say what a machine has to make: from the first to the last of these."""
        first, stop = numbers[0], numbers[-1] + 1
        digest = hashlib.sha256("\n".join(self.names[first:stop]).encode()).hexdigest()
        return Share(
            dataset=dataset, first=first, stop=stop, digest=digest, folder=f"prepare/{self.folder.parent.name}"
        )


class _Spread:
    """One data set on its way over the machines."""

    def __init__(self, options: Prepare, children: Children, say: Say) -> None:
        self._options, self._children, self._say = options, children, say

    def run(self) -> State[None]:
        """Bring the stage up to date."""
        stage = stage_of(self._options)
        if is_unchanged(stage, self._children):
            return Completed(name="Unchanged", message=f"{stage} is up to date")
        pool.end_tagged(_tag(self._options))  # what a flow that was killed left
        plan = self._plan()
        store = Store(HERE, f"prepare/{plan.folder.parent.name}")
        made = self._give_away(plan, store)
        self._say(f"{made} chunks were made, {len(plan.names) - made} were there; fetching them")
        store.get(plan.names, plan.folder, self._children)
        how = reproduce(stage, self._children, each_line=self._say)
        store.clear()
        return Completed(message=f"{stage} {how.lower()} from {len(plan.names)} chunks")

    def _plan(self) -> Plan:
        lines: list[str] = []
        command = [sys.executable, "-m", MODULE, self._options.dataset, "--plan"]
        if self._children.run(command, each_line=lines.append, env=environment()):
            raise StageError(reason(lines) or f"{MODULE} ended without a word")
        read = json.loads((HERE / ".scratch" / f"plan-{self._options.dataset}.json").read_text())
        return Plan(Path(read["folder"]), read["names"])

    def _give_away(self, plan: Plan, store: Store) -> int:
        missing = plan.missing(store.names())
        size = max(1, -(-len(missing) // (SHARES_EACH * self._options.machines)))
        shares = [missing[start : start + size] for start in range(0, len(missing), size)]
        self._say(f"{len(missing)} of {len(plan.names)} chunks are missing; {len(shares)} shares")
        with ThreadPoolExecutor(self._options.machines) as threads:
            futures = [threads.submit(copy_context().run, self._have_made, plan, store, numbers) for numbers in shares]
            for future in futures:
                future.result()
        return len(missing)

    def _have_made(self, plan: Plan, store: Store, numbers: list[int]) -> None:
        """Give a share away until all of it is there; what a machine had made before it was lost is not made again."""
        tries = 0
        while numbers:
            share = plan.share(self._options.dataset, numbers)
            why, tries = self._send(share), tries + 1
            there = store.names()
            numbers = [number for number in numbers if plan.names[number] not in there]
            if numbers and tries > self._options.retries:
                raise StageError(f"{len(numbers)} chunks from {numbers[0]} on could not be made: {why}")
            if numbers:
                self._say(f"{share.name}: {len(numbers)} of them are given away again: {why}")

    def _send(self, share: Share) -> str:
        run = pool.Run(DEPLOYMENT, share, name=share.name, tag=_tag(self._options), worker=WORKER)
        try:
            measured = pool.send(
                run, self._children, heartbeat_timeout_s=self._options.lost_after_s, each_line=self._say
            )
        except (StageError, LostError) as error:
            return str(error)
        self._say(f"{share.name}: made on {measured.machine} in {measured.seconds:.0f} s")
        return "they are not in the remote"


def stage_of(options: Prepare) -> str:
    """Return the name of the data set's stage.

    Raises:
        DagError: if there is none.
    """
    stages, _ = dag.select(dag.read(), {"dataset": [options.dataset]})
    return next(stage.name for stage in stages if stage.name.partition("@")[0] == "prepare")
