"""The work pool of prefect.yaml and its queues, and how many runs are in them."""

from datetime import UTC, datetime

from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter, WorkQueueFilter
from prefect.client.schemas.objects import StateType

from flows.retry import ask_prefect

POOL, POOL_TYPE = "smis", "process"
FLOWS, TRIALS = "default", "trials"
"""The queues of prefect.yaml: flows that mostly wait for others, and trials, one for each device."""


def count_waiting(queue: str) -> int:
    """Count the runs of a queue whose time has come and that no worker has taken."""
    due = {"before_": datetime.now(UTC)}
    return _count(queue, {"state": {"type": {"any_": [StateType.SCHEDULED]}}, "next_scheduled_start_time": due})


def count_taken(queue: str) -> int:
    """Count the runs of a queue that workers have taken and that have not ended."""
    return _count(queue, {"state": {"type": {"any_": [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]}}})


def _count(queue: str, runs: dict[str, object]) -> int:
    return ask_prefect(
        lambda client: client.count_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(runs),
            work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [POOL]}}),
            work_queue_filter=WorkQueueFilter.model_validate({"name": {"any_": [queue]}}),
        )
    )
