"""`python -m flows.worker`: run trials of the work pool on this machine, one per device at a time, until Ctrl-C.

Run it in a clone of the project, with PREFECT_API_URL. `make up` starts one for the queue of experiments and sweeps.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from prefect.settings import PREFECT_API_URL

from flows import devices
from flows.addresses import without_credentials
from flows.command import exit_on_error, is_healthy, require_api_url
from flows.exceptions import FlowError
from flows.processes import start, terminate
from flows.stages import child_environment

POOL, POOL_TYPE = "smis", "process"
FLOWS, TRIALS = "default", "trials"
"""The queues of prefect.yaml: flows that mostly wait for others, and trials, one for each device."""
HOST = "127.0.0.1"
MIN_UPTIME_S = 60.0
"""A worker that exits sooner is not started again: it would exit for the same reason."""
POLL_S = 5.0
POLL_VARIABLE = "PREFECT_WORKER_QUERY_SECONDS"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a worker until Ctrl-C. Exit code 2 if there is no server, or the worker exits within a minute."""
    parser = argparse.ArgumentParser(prog="python -m flows.worker", description=main.__doc__)
    parser.add_argument("--queue", choices=[TRIALS, FLOWS], default=TRIALS, help="trials, or experiments and sweeps")
    parser.add_argument("--host", default=HOST, help="address that answers /health")
    parser.add_argument("--port", type=int, default=0, help="its port; 0: any that is free")
    options = parser.parse_args(arguments)
    with exit_on_error():
        api = require_api_url()
        names = ", ".join(devices.list_devices())
        server = without_credentials(api)
        print(f"{devices.machine_name()} takes {options.queue} of {server}; devices: {names}", flush=True)
        keep_running(lambda: _run(options, api), api=api)


def keep_running(run: Callable[[], int], *, api: str) -> None:
    """Run a worker, and again when the server answers: Prefect's exits during a long outage of its server.

    Raises:
        FlowError: if it exits within a minute.
    """
    while True:
        begin = time.monotonic()
        code = run()
        if time.monotonic() - begin < MIN_UPTIME_S:
            raise FlowError(f"the worker ended with exit code {code}")
        server = without_credentials(api)
        print(f"the worker ended with exit code {code}; it starts again when {server} answers", flush=True)
        while not is_healthy(f"{api.rstrip('/')}/health"):
            time.sleep(POLL_S)


def _run(options: argparse.Namespace, api: str) -> int:
    """Run Prefect's worker, whose runs start in this clone, at most one for each device if they are trials."""
    queue, clone = options.queue, str(Path.cwd())
    command = ["-m", "prefect", "worker", "start", "--pool", POOL, "--type", POOL_TYPE, "--work-queue", queue]
    command += ["--name", f"{devices.machine_name()} {queue}", "--install-policy", "never", "--with-healthcheck"]
    command += ["--limit", str(len(devices.list_devices()))] if queue == TRIALS else []
    env = {"PREFECT_WORKER_WEBSERVER_HOST": options.host, "PREFECT_WORKER_WEBSERVER_PORT": str(options.port)}
    env |= {PREFECT_API_URL.name: api, "SMIS_WORKSPACE": clone, POLL_VARIABLE: os.environ.get(POLL_VARIABLE, "2")}
    env["PYTHONPATH"] = os.pathsep.join([clone, *filter(None, [os.environ.get("PYTHONPATH")])])
    process = start([sys.executable, *command], env=child_environment(env))
    try:
        return process.wait()
    finally:
        terminate([process.pid])


if __name__ == "__main__":
    main()
