"""`python -m flows.up` (`make up`): Prefect's and MLflow's pages on this machine, until Ctrl-C."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from flows.errors import FlowError, ServiceError
from flows.processes import end
from flows.services import MLFLOW, PREFECT, SERVICES, Service

Started = list[tuple[Service, "subprocess.Popen[str]"]]


def main() -> None:
    """Start the services, say where they are, end them together. Exit code 2 if one cannot start or dies."""
    for asked in (signal.SIGINT, signal.SIGTERM):  # a shell starts what it puts in the background with SIGINT ignored
        signal.signal(asked, _interrupt)
    started: Started = []
    try:
        _start(SERVICES, started)
        _announce()
        _watch(started)
    except KeyboardInterrupt:
        print("\nending the services", flush=True)
    except FlowError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    finally:
        end([process.pid for _, process in started])


def _start(services: Sequence[Service], started: Started) -> None:
    for service in services:
        started.append((service, service.start()))
    for service, process in started:
        print(f"{service.title} is starting ...", flush=True)
        service.wait(process)


def _announce() -> None:
    for service in SERVICES:
        print(f"{service.title:8} {service.address}")
    print(f"\nTo use them from another terminal:\n  export PREFECT_API_URL={PREFECT.address}/api")
    print(f"  export MLFLOW_TRACKING_URI={MLFLOW.address}\nCtrl-C ends both.", flush=True)


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
