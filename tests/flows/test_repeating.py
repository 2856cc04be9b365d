"""What is done again and again beside other work."""

from flows.repeating import repeating
from tests.flows.workspaces import wait_for


def test_a_call_is_repeated_meanwhile_and_never_afterwards() -> None:
    calls: list[int] = []
    with repeating(lambda: calls.append(1), every_s=0.01):
        wait_for(lambda: len(calls) > 3, timeout_s=20)
    before = len(calls)
    with repeating(lambda: None, every_s=0.01):
        pass
    assert len(calls) == before
