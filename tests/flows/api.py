"""What tests ask of a Prefect server and of the operating system."""

import json
import urllib.request
from typing import Any

import psutil


def ask(server: str, path: str, **question: Any) -> Any:
    """Post a question to Prefect's API."""
    request = urllib.request.Request(
        f"{server}/{path}", data=json.dumps(question).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or "null")


def last_run(server: str, flow: str = "experiment") -> dict[str, Any]:
    return ask(server, "flow_runs/filter", sort="START_TIME_DESC", limit=1, flows={"name": {"any_": [flow]}})[0]


def cancel(server: str, run: dict[str, Any]) -> None:
    ask(server, f"flow_runs/{run['id']}/set_state", state={"type": "CANCELLING", "name": "Cancelling"})


def delete(server: str, run: dict[str, Any]) -> None:
    urllib.request.urlopen(
        urllib.request.Request(f"{server}/flow_runs/{run['id']}", method="DELETE"), timeout=10
    ).close()


def run_filter(run: dict[str, Any]) -> dict[str, Any]:
    return {"flow_runs": {"id": {"any_": [run["id"]]}}}


def below(process_id: int) -> list[psutil.Process]:
    return psutil.Process(process_id).children(recursive=True)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
