"""What a task or a flow says at its end."""

from collections.abc import Callable
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Failed

from flows.errors import EndedError, FlowError


def outcome(work: Callable[[], State[None]]) -> State[None]:
    """Do a task's work; what a person can fix is the message of its state, without a traceback."""
    try:
        return work()
    except EndedError as error:
        return Cancelled(message=str(error), data=error)
    except FlowError as error:
        return Failed(message=str(error), data=error)


def said_again(state: State[Any]) -> State[None]:
    """Say of a flow what was said of its only task: Prefect itself would only count it."""
    return State(type=state.type, name=state.name, message=state.message)
