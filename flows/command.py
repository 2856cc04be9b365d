"""Flows on the command line: options, server, exit codes."""

import argparse
import logging
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

import httpx
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import BaseModel, ValidationError

from flows.addresses import without_credentials
from flows.exceptions import FlowError

SCRATCH = Path(".scratch")
ADDRESS_FILE = SCRATCH / "services/prefect.address"
"""Holds the address of Prefect while this folder's `make up` runs: another's would run the flows in its own folder."""
Options = TypeVar("Options", bound=BaseModel)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Exit with one line and code 2 for a `FlowError`, and with 130 for Ctrl-C and SIGTERM."""
    signal.signal(signal.SIGTERM, interrupt)
    try:
        _check_scratch()
        yield
    except FlowError as error:
        report(f"error: {without_credentials(str(error))}")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("interrupted; all processes have ended", file=sys.stderr)
        raise SystemExit(130) from None


def report(message: str) -> None:
    r"""Print a message on standard error; what it quotes from a file cannot steer the terminal: ESC is printed as \x1b.

    The lines of a list, which are indented, stay lines.
    """
    lines = (
        "".join(char if char.isprintable() else repr(char)[1:-1] for char in line) for line in message.split("\n  ")
    )
    print("\n  ".join(lines), file=sys.stderr, flush=True)


def interrupt(signum: int, frame: object) -> None:
    """Treat a signal as Ctrl-C, so that everything that was started ends in order, Prefect's own server included."""
    raise KeyboardInterrupt


def parse_options(options: type[Options], command: str, arguments: Sequence[str] | None) -> Options:
    """Read the fields of a form from the command line; the values of a list follow each other.

    Raises:
        FlowError: with all values that are not allowed.
    """
    parser = argparse.ArgumentParser(prog=command, description=options.__doc__)
    for name, field in options.model_fields.items():
        nargs = "+" if isinstance(field.default, list) else None
        parser.add_argument(_flag(name), nargs=nargs, help=field.description)
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    try:
        return options.model_validate(given)
    except ValidationError as error:
        errors = (f"{_flag(str(each['loc'][0]))} {each['input']!r}: {each['msg']}" for each in error.errors())
        raise FlowError("; ".join(errors)) from None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def run_flow(flow: Flow[..., Any], options: Any) -> None:
    """Run a flow with the server found by `find_api_url`; exit code 1 if it failed, 130 if it was cancelled."""
    for handler in logging.getLogger("prefect").handlers:
        handler.addFilter(_without_empty_traceback)
    try:
        with temporary_settings({PREFECT_API_URL: (api := find_api_url())}):
            if api:
                _check_answer(api)
            state = flow(options, return_state=True)
    except ObjectNotFound:  # its final state cannot be set any more
        print("cancelled: its run was deleted on Prefect's page", file=sys.stderr)
        raise SystemExit(130) from None
    if not state.is_completed():
        report(f"error: {state.message}" if state.is_failed() else str(state.message))
        raise SystemExit(1 if state.is_failed() else 130)
    print(f"{flow.name}: {state.message}")


def _without_empty_traceback(record: logging.LogRecord) -> bool:
    """Drop the line `NoneType: None` that Prefect logs below a state that failed without an exception."""
    if record.exc_info and record.exc_info[0] is None:
        record.exc_info = None
    return True


def _check_scratch() -> None:
    if os.path.lexists(SCRATCH) and not (SCRATCH.is_dir() and os.access(SCRATCH, os.W_OK)):
        raise FlowError(f"{SCRATCH} is no folder that can be written; remove it: flows keep locks and logs there")


def find_api_url() -> str | None:
    """Return PREFECT_API_URL if it is set, else the server of this folder's `make up` if it runs."""
    url = PREFECT_API_URL.value()
    if url or not ADDRESS_FILE.exists():
        return url
    api = f"{ADDRESS_FILE.read_text(encoding='utf-8')}/api"
    return api if is_healthy(f"{api}/health") else None


def _check_answer(api: str) -> None:
    """Raise a FlowError if no server answers: Prefect itself would end in a traceback."""
    try:
        with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
            error = client.api_healthcheck()
    except ValueError as wrong:
        error = wrong
    if isinstance(error, httpx.TransportError | httpx.InvalidURL | ValueError):
        raise FlowError(
            f"Prefect's server does not answer at {api} ({error}); correct PREFECT_API_URL, or unset it to run without"
        )


def require_api_url() -> str:
    """Return what `find_api_url` finds.

    Raises:
        FlowError: if there is no server, or it does not answer.
    """
    if url := find_api_url():
        _check_answer(url)
        return url
    raise FlowError(
        "there is no Prefect server; start one with `make up`, or name one: PREFECT_API_URL=http://HOST:4200/api"
    )


def is_healthy(address: str) -> bool:
    """Say whether a server answers at its health address."""
    with suppress(OSError, HTTPException), urllib.request.urlopen(address, timeout=2) as answer:
        return answer.status == 200
    return False
