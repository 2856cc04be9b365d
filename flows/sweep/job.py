"""One trial at work: here or on another machine, ended early or not, as one Prefect task."""

from collections.abc import Callable
from typing import Protocol

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed

from flows.exceptions import FlowError, StoppedError, UnfitError
from flows.processes import ChildProcesses
from flows.sweep.curve import Point
from flows.sweep.trial import Trial, TrialResult


class Work(Protocol):
    """Whatever runs a trial to its end."""

    def __call__(
        self,
        trial: Trial,
        children: ChildProcesses,
        *,
        on_line: Callable[[str], object],
        take: Callable[[list[Point]], object],
    ) -> TrialResult:
        """Run it, hand over its lines and its curve as they come, return what was measured."""
        ...


class Job:
    """A trial, what runs it, and what became of it: measured, ended early, failed, or none of them.

    `unfit` says that it failed because of the machine.
    """

    def __init__(self, trial: Trial, work: Work, judge: Callable[[list[Point]], bool] = lambda points: False) -> None:
        self.trial, self.children = trial, ChildProcesses()
        self.measured: TrialResult | None = None
        self.why = ""
        self.pruned = self.unfit = False
        self._work, self._judge = work, judge

    def run(self, on_line: Callable[[str], object]) -> State[None]:
        """Run the trial; what goes wrong with it is its state, and no exception of the sweep's."""
        try:
            self.measured = self._work(self.trial, self.children, on_line=on_line, take=self._take)
        except StoppedError as error:
            self.why = str(error)
            return Completed(name="Pruned", message="worse than others") if self.pruned else Cancelled(message=self.why)
        except FlowError as error:
            self.why, self.unfit = str(error), isinstance(error, UnfitError)
            return Failed(message=self.why, data=error)
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.measured.values.items())
        return Completed(message=values)

    def _take(self, points: list[Point]) -> None:
        if not self.pruned and self._judge(points):
            self.pruned = True
            self.children.terminate()


@task(name="trial", task_run_name="{name}", cache_policy=NO_CACHE, retries=0)
def run_trial(name: str, job: Job) -> State[None]:
    """Run a trial, its lines in Prefect's log."""
    return job.run(get_run_logger().info)
