"""`python -m flows.worker --slurm slurm.yaml`: worker jobs on Slurm while trials wait in Prefect's queue.

Prefect knows the work and Slurm the machines; here is only when to call `sbatch` and `scancel`.
"""

import time
from collections.abc import Mapping
from functools import partial

from flows.command import report
from flows.exceptions import ConnectionLostError, FlowError, SlurmError
from flows.retry import retry
from flows.slurm import SlurmConfig, SlurmJobs
from flows.work_queue import TRIALS, count_taken, count_waiting

MAX_FAILURES = 3
"""Jobs that fail one after the other fail for the same reason."""
_LIVE = {"PENDING", "CONFIGURING", "REQUEUED", "RUNNING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING"}
_FAILED = {"FAILED", "OUT_OF_MEMORY"}


class SlurmWorker:
    """Keeps worker jobs queued while trials wait."""

    def __init__(self, config: SlurmConfig, api: str) -> None:
        self._config, self._jobs = config, SlurmJobs(config, api)
        self._before: dict[str, str] = {}
        self._failures = 0

    def run(self) -> None:
        """Keep jobs queued until Ctrl-C or SIGTERM, then end them all.

        Raises:
            FlowError: if Slurm would refuse such a job, or if jobs fail one after the other.
        """
        self._jobs.check()
        self._before = self._jobs.states()
        print(f"at most {self._config.max_jobs} jobs take trials; their logs: {self._jobs.folder}", flush=True)
        problem = ""
        try:
            while True:
                try:
                    self._look()
                    problem = ""
                except (ConnectionLostError, SlurmError) as error:
                    if str(error) != problem:
                        report(f"{error}; asked again every {self._config.poll_s:g} s")
                    problem = str(error)
                time.sleep(self._config.poll_s)
        finally:
            self._end()

    def _look(self) -> None:
        states = self._jobs.states()
        self._count_failures(states)
        waiting, taken = retry(partial(count_waiting, TRIALS)), retry(partial(count_taken, TRIALS))
        live = _live(states)
        submitted, surplus = plan(live, waiting=waiting, taken=taken, max_jobs=self._config.max_jobs)
        for _ in range(submitted):
            print(f"job {self._jobs.submit()} is queued; trials that wait: {waiting}", flush=True)
        if surplus:
            self._jobs.cancel_queued(surplus)
            print(f"no trial waits any more for job {', '.join(surplus)}, which was still queued", flush=True)

    def _count_failures(self, states: Mapping[str, str]) -> None:
        changed = [(number, state) for number, state in states.items() if self._before.get(number) != state]
        self._before = dict(states)
        for number, state in changed:
            if state in _FAILED:
                self._failures += 1
                report(f"job {number} failed: {self._jobs.last_line(number)}")
            elif state == "COMPLETED":
                self._failures = 0
        if self._failures >= MAX_FAILURES:
            raise FlowError(f"{self._failures} jobs failed one after the other; their logs are in {self._jobs.folder}")

    def _end(self) -> None:
        """Let running jobs give back their trials; cancel the others, and those that take too long."""
        deadline, asked = time.monotonic() + self._config.grace_s, set[str]()
        while live := _live(self._jobs.states()):
            running = {number for number, state in live.items() if state == "RUNNING"}
            late = time.monotonic() > deadline
            self._jobs.cancel(live if late else live.keys() - running)
            self._jobs.ask_to_end(running - asked)
            asked |= running
            time.sleep(min(1.0, self._config.poll_s))


def plan(live: Mapping[str, str], *, waiting: int, taken: int, max_jobs: int) -> tuple[int, list[str]]:
    """Return how many jobs to submit, and which to cancel because they are still queued and nothing waits for them.

    Args:
        live: State of each job that is queued or runs.
        waiting: Trials that no worker has taken.
        taken: Trials that workers have taken, each of which keeps a job busy.
        max_jobs: Jobs that may be queued or run at a time.

    Example:
        >>> plan({"7": "RUNNING", "8": "PENDING"}, waiting=4, taken=1, max_jobs=4)
        (2, [])
        >>> plan({"7": "RUNNING", "8": "PENDING"}, waiting=0, taken=1, max_jobs=4)
        (0, ['8'])
    """
    free = max(0, len(live) - taken)
    queued = [number for number, state in live.items() if state == "PENDING"]
    return max(0, min(waiting - free, max_jobs - len(live))), queued[: max(0, free - waiting)]


def _live(states: Mapping[str, str]) -> dict[str, str]:
    return {number: state for number, state in states.items() if state in _LIVE}
