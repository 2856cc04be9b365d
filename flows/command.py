"""A flow from a command line: what its end says to a person and to a shell."""

import argparse
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from prefect import Flow
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import BaseModel, ValidationError

from flows.exceptions import FlowError
from flows.services import ADDRESS_FILE, PREFECT, is_healthy

Options = TypeVar("Options", bound=BaseModel)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Turn what a person can fix into one line and exit code 2, and what ended us into 130."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except FlowError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("ended, with everything that it had started", file=sys.stderr)
        raise SystemExit(130) from None


def parse_options(options: type[Options], command: str, arguments: Sequence[str] | None) -> Options:
    """Read from a command line what Prefect's form asks for; a list's values stand one after the other.

    Raises:
        FlowError: with all values that are not allowed.
    """
    parser = argparse.ArgumentParser(prog=command, description=options.__doc__)
    for name, field in options.model_fields.items():
        needed, many = field.is_required(), isinstance(field.default, list)
        parser.add_argument(
            _flag(name),
            required=needed,
            nargs="+" if many else None,
            default=None if needed else field.default,
            help=field.description,
        )
    try:
        return options.model_validate(vars(parser.parse_args(arguments)))
    except ValidationError as error:
        wrong = [f"{_flag(str(one['loc'][0]))} {one['input']!r}: {one['msg']}" for one in error.errors()]
        raise FlowError("; ".join(wrong)) from None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def run_flow(flow: Flow[..., Any], options: Any) -> None:
    """Run a flow with the chosen server or that of `make up`; exit code 1 if it failed, 130 if it was ended."""
    for handler in logging.getLogger("prefect").handlers:
        handler.addFilter(_without_empty_traceback)
    try:
        with temporary_settings({PREFECT_API_URL: find_api_url()}):
            state = flow(options, return_state=True)
    except ObjectNotFound:  # nothing is left there that could be told of its end
        print("ended: its run was deleted in Prefect's page", file=sys.stderr)
        raise SystemExit(130) from None
    if not state.is_completed():
        print(f"{'error' if state.is_failed() else 'ended'}: {state.message}", file=sys.stderr)
        raise SystemExit(1 if state.is_failed() else 130)
    print(f"{flow.name}: {state.message}")


def find_api_url() -> str | None:
    """Find the server of this folder's `make up`, unless the person has chosen one."""
    chosen = PREFECT_API_URL.value()
    if chosen or not ADDRESS_FILE.exists():
        return chosen
    address = ADDRESS_FILE.read_text()
    return f"{address}/api" if is_healthy(address + PREFECT.health_path) else None


def _without_empty_traceback(record: logging.LogRecord) -> bool:
    """Drop the line `NoneType: None` that Prefect writes below a state that failed without an exception."""
    if record.exc_info and record.exc_info[0] is None:
        record.exc_info = None
    return True


def _terminate(signum: int, frame: object) -> None:
    """Prefect hands SIGTERM back when its flow has ended; leave in order, so that the server it started ends too."""
    raise KeyboardInterrupt
