"""`python -m flows.worker`: run trials of the work pool on this machine, one per device at a time, until Ctrl-C.

Run it in a clone of the project, with PREFECT_API_URL. `make up` starts one for the queue of experiments and sweeps.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prefect.settings import PREFECT_API_URL

from flows import devices
from flows.command import exit_on_error, find_api_url
from flows.exceptions import ServiceError
from flows.processes import start, terminate
from flows.services import HOST, is_healthy
from flows.stages import child_environment

POOL, POOL_TYPE = "smis", "process"
FLOWS, TRIALS = "default", "trials"
"""The queues of prefect.yaml: flows that mostly wait for others, and trials, one for each device."""
WORKSPACE = "SMIS_WORKSPACE"
MIN_UPTIME_S = 60.0
"""A worker that exits sooner is not started again: it would exit for the same reason."""
POLL_S = 5.0
POLL_VARIABLE = "PREFECT_WORKER_QUERY_SECONDS"


def command(queue: str) -> list[str]:
    """Return the command of Prefect's worker for a queue, limited to the machine's devices if it runs trials."""
    worker = ["-m", "prefect", "worker", "start", "--pool", POOL, "--type", POOL_TYPE, "--work-queue", queue]
    worker += ["--name", f"{devices.machine_name()} {queue}", "--install-policy", "never", "--with-healthcheck"]
    limit = ["--limit", str(len(devices.list_devices()))] if queue == TRIALS else []
    return [sys.executable, *worker, *limit]


def worker_environment(*, api: str, host: str, port: int) -> dict[str, str]:
    """Return a worker's environment: its server, the clone in which its runs start, its health address."""
    clone = str(Path.cwd())
    paths = [clone, *filter(None, [os.environ.get("PYTHONPATH")])]
    values = {"PREFECT_WORKER_WEBSERVER_HOST": host, "PREFECT_WORKER_WEBSERVER_PORT": str(port)}
    values |= {PREFECT_API_URL.name: api, WORKSPACE: clone, "PYTHONPATH": os.pathsep.join(paths)}
    return child_environment(values | {POLL_VARIABLE: os.environ.get(POLL_VARIABLE, "2")})


def keep_running(run: Callable[[], int], *, api: str) -> None:
    """Run a worker, and again when the server answers: Prefect's exits during a long outage of its server.

    Raises:
        ServiceError: if it exits within a minute.
    """
    while True:
        begin = time.monotonic()
        code = run()
        if time.monotonic() - begin < MIN_UPTIME_S:
            raise ServiceError(f"the worker ended with exit code {code}")
        print(f"the worker ended with exit code {code}; it starts again when {api} answers", flush=True)
        while not is_healthy(f"{api.rstrip('/')}/health"):
            time.sleep(POLL_S)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a worker until Ctrl-C. Exit code 2 if there is no server, or the worker exits within a minute."""
    parser = argparse.ArgumentParser(prog="python -m flows.worker", description=main.__doc__)
    parser.add_argument("--queue", choices=[TRIALS, FLOWS], default=TRIALS, help="trials, or experiments and sweeps")
    parser.add_argument("--host", default=HOST, help="address that answers /health")
    parser.add_argument("--port", type=int, default=0, help="its port; 0: any that is free")
    options = parser.parse_args(arguments)
    with exit_on_error():
        api = find_api_url()
        if api is None:
            raise ServiceError("there is no Prefect server; name one: PREFECT_API_URL=http://HOST:4200/api")
        names = ", ".join(devices.list_devices())
        print(f"{devices.machine_name()} takes {options.queue} of {api}; devices: {names}", flush=True)
        env = worker_environment(api=api, host=options.host, port=options.port)
        keep_running(lambda: _run(command(options.queue), env), api=api)


def _run(worker: Sequence[str], env: Mapping[str, str]) -> int:
    process = start(worker, env=env)
    try:
        return process.wait()
    finally:
        terminate([process.pid])


if __name__ == "__main__":
    main()
