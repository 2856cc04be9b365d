"""`python -m flows.up` (`make up`): Prefect's and MLflow's pages and a worker on this machine, until Ctrl-C."""

import signal
import subprocess
import sys
import time

from flows.deployments import register
from flows.errors import FlowError, ServiceError
from flows.processes import end
from flows.services import MLFLOW, PREFECT, SERVERS, WORKER, Service

Started = list[tuple[Service, "subprocess.Popen[str]"]]


def main() -> None:
    """Start the services, say where they are, end them together. Exit code 2 if one cannot start or dies."""
    for asked in (signal.SIGINT, signal.SIGTERM):  # a shell starts what it puts in the background with SIGINT ignored
        signal.signal(asked, _interrupt)
    started: Started = []
    try:
        _start(started)
        _announce()
        _watch(started)
    except KeyboardInterrupt:
        print("\nending the services", flush=True)
    except FlowError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    finally:
        end([process.pid for _, process in started])


def _start(started: Started) -> None:
    started += ((service, service.start()) for service in SERVERS)
    for service, process in started:
        _wait(service, process)
    api = f"{PREFECT.address}/api"
    register(api)
    started.append((WORKER, WORKER.start({"PREFECT_API_URL": api, "MLFLOW_TRACKING_URI": MLFLOW.address})))
    _wait(*started[-1])


def _wait(service: Service, process: "subprocess.Popen[str]") -> None:
    print(f"{service.title} is starting ...", flush=True)
    service.wait(process)


def _announce() -> None:
    print(f"Prefect  {PREFECT.address}   experiments and sweeps begin at {PREFECT.address}/deployments")
    print(f"MLflow   {MLFLOW.address}")
    print(f"Worker   {WORKER.health}   runs what is begun on Prefect's page, in this folder")
    print(f"\nTo use them from another terminal:\n  export PREFECT_API_URL={PREFECT.address}/api")
    print(f"  export MLFLOW_TRACKING_URI={MLFLOW.address}\nCtrl-C ends all three.", flush=True)


def _watch(started: Started) -> None:
    while True:
        for service, process in started:
            if process.poll() is not None:
                raise ServiceError(f"{service.title} ended with exit code {process.returncode}: {service.last_words()}")
        time.sleep(0.5)


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
