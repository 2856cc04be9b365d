"""`python -m flows.worker`: this machine takes trials of the pool, as many at a time as it has devices, until Ctrl-C.

Prefect's worker ends when its server is away for long; then it is started again when the server answers.

Run it in a clone of the project, with PREFECT_API_URL. Without `--queue` it takes trials; `make up` runs one that takes
experiments and sweeps.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from prefect.settings import PREFECT_API_URL

from flows import devices
from flows.command import exit_on_error, find_api_url
from flows.deployments import FLOWS, KIND, POOL, TRIALS, WORKSPACE
from flows.exceptions import ServiceError
from flows.processes import start, terminate
from flows.services import HOST, is_healthy
from flows.stages import environment

STEADY_S = 60.0
"""A worker that ends sooner would end again: what it said is the reason."""
POLL_S = 5.0
POLLING = "PREFECT_WORKER_QUERY_SECONDS"


def command(queue: str) -> list[str]:
    """Return the command of a worker on this machine; Prefect's own limit keeps it from taking more than it can."""
    worker = ["-m", "prefect", "worker", "start", "--pool", POOL, "--type", KIND, "--work-queue", queue]
    worker += ["--name", f"{devices.machine_name()} {queue}", "--install-policy", "never", "--with-healthcheck"]
    limit = ["--limit", str(len(devices.list_devices()))] if queue == TRIALS else []
    return [sys.executable, *worker, *limit]


def surroundings(*, api: str, host: str, port: int) -> dict[str, str]:
    """Return the environment of a worker: its server, where its runs find this clone, where it says that it is well."""
    here = str(Path.cwd())
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"PREFECT_WORKER_WEBSERVER_HOST": host, "PREFECT_WORKER_WEBSERVER_PORT": str(port)}
    own |= {PREFECT_API_URL.name: api, WORKSPACE: here, "PYTHONPATH": os.pathsep.join(paths)}
    return environment(own | {POLLING: os.environ.get(POLLING, "2")})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a worker until Ctrl-C. Exit code 2 if there is no server, or the worker dies soon."""
    options = _parse(arguments)
    with exit_on_error():
        api = find_api_url()
        if api is None:
            raise ServiceError("there is no Prefect server; say where one is: PREFECT_API_URL=http://HOST:4200/api")
        print(
            f"{devices.machine_name()} takes {options.queue} of {api}; devices: {', '.join(devices.list_devices())}",
            flush=True,
        )
        env = surroundings(api=api, host=options.host, port=options.port)
        while True:
            begin = time.monotonic()
            code = _run(command(options.queue), env)
            if time.monotonic() - begin < STEADY_S:
                raise ServiceError(f"the worker ended with exit code {code}")
            print(f"the worker ended with exit code {code}; it starts again when {api} answers", flush=True)
            while not is_healthy(f"{api.rstrip('/')}/health"):
                time.sleep(POLL_S)


def _run(worker: Sequence[str], env: Mapping[str, str]) -> int:
    process = start(worker, env=env)
    try:
        return process.wait()
    finally:
        terminate([process.pid])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m flows.worker", description=main.__doc__)
    parser.add_argument("--queue", choices=[TRIALS, FLOWS], default=TRIALS, help="trials, or the flows that start them")
    parser.add_argument("--host", default=HOST, help="where it answers /health")
    parser.add_argument("--port", type=int, default=0, help="the same; 0: any that is free")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
