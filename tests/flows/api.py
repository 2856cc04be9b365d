"""What tests ask of a Prefect server and of the operating system."""

import json
import signal
import time
import urllib.error
import urllib.request
from contextlib import suppress
from typing import Any

import psutil

BUSY = 503
"""What Prefect answers when its SQLite is locked by another write, having done nothing; its own client asks again."""


def ask(server: str, path: str, **question: Any) -> Any:
    """Post a question to Prefect's API."""
    request = urllib.request.Request(
        f"{server}/{path}", data=json.dumps(question).encode(), headers={"Content-Type": "application/json"}
    )
    return json.loads(_answered(request) or "null")


def last_run(server: str, flow: str = "experiment") -> dict[str, Any]:
    return ask(server, "flow_runs/filter", sort="START_TIME_DESC", limit=1, flows={"name": {"any_": [flow]}})[0]


def cancel(server: str, run: dict[str, Any]) -> None:
    ask(server, f"flow_runs/{run['id']}/set_state", state={"type": "CANCELLING", "name": "Cancelling"})


def delete(server: str, run: dict[str, Any]) -> None:
    _answered(urllib.request.Request(f"{server}/flow_runs/{run['id']}", method="DELETE"))


def _answered(request: urllib.request.Request, *, within_s: float = 60) -> bytes:
    deadline = time.monotonic() + within_s
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code != BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def run_filter(run: dict[str, Any]) -> dict[str, Any]:
    return {"flow_runs": {"id": {"any_": [run["id"]]}}}


def below(process_id: int) -> list[psutil.Process]:
    return psutil.Process(process_id).children(recursive=True)


def running(process_id: int, word: str) -> list[psutil.Process]:
    """Return those below a process whose command has a word."""
    found = []
    for one in below(process_id):
        with suppress(psutil.NoSuchProcess):  # others come and go
            if word in " ".join(one.cmdline()):
                found.append(one)
    return found


def send_all(process_id: int, what: signal.Signals) -> None:
    """Send a signal to a process and all below it; SIGKILL is a machine whose power is cut."""
    for one in [psutil.Process(process_id), *below(process_id)]:
        with suppress(psutil.NoSuchProcess):
            one.send_signal(what)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
