"""What is done again and again beside other work."""

import time
from contextvars import ContextVar

from flows.repeating import repeating
from tests.flows.workspaces import wait_for

WHOSE = ContextVar("whose", default="nobody's")


def test_a_call_is_repeated_meanwhile_and_never_afterwards() -> None:
    calls: list[int] = []
    with repeating(lambda: calls.append(1), every_s=0.01):
        wait_for(lambda: len(calls) > 3, timeout_s=20)
    before = len(calls)
    time.sleep(0.1)
    assert len(calls) == before


def test_the_thread_knows_what_its_maker_knows() -> None:
    asked: list[str] = []
    known = WHOSE.set("hers")
    with repeating(lambda: asked.append(WHOSE.get()), every_s=0.01):
        wait_for(lambda: asked, timeout_s=20)
    WHOSE.reset(known)
    assert asked[0] == "hers"
