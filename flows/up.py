"""`python -m flows.up` (`make up`): Prefect's and MLflow's pages and a worker on this machine, until Ctrl-C."""

import signal
import subprocess
import sys
import time
from ipaddress import IPv4Address

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_SERVER_API_AUTH_STRING

from flows.command import interrupt
from flows.deployments import register
from flows.exceptions import FlowError, ServiceError
from flows.processes import terminate
from flows.services import ADDRESS_FILE, BIND_VARIABLE, MLFLOW, PREFECT, WORKER, Service

_PASSWORDS = f"{PREFECT_SERVER_API_AUTH_STRING.name} and {PREFECT_API_AUTH_STRING.name}"
Started = list[tuple[Service, "subprocess.Popen[str]"]]


def main() -> None:
    """Start the services, print their addresses, end them together. Exit code 2 if one cannot start or exits."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts background processes with SIGINT ignored
        signal.signal(number, interrupt)
    started: Started = []
    try:
        _start(started)
        while True:
            for service, process in started:
                service.check(process)
            time.sleep(0.5)
    except KeyboardInterrupt:
        print("\nending the services", flush=True)
    except FlowError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    finally:
        if started:
            ADDRESS_FILE.unlink(missing_ok=True)
        terminate([process.pid for _, process in started])


def _start(started: Started) -> None:
    _check_password()
    _warn(PREFECT.host)
    started += ((service, service.start()) for service in (PREFECT, MLFLOW))
    for service, process in started:
        _wait(service, process)
    ADDRESS_FILE.write_text(PREFECT.address)
    api = f"{PREFECT.address}/api"
    register(api)
    started.append((WORKER, WORKER.start({"PREFECT_API_URL": api, "MLFLOW_TRACKING_URI": MLFLOW.address})))
    _wait(*started[-1])
    print(f"Prefect  {PREFECT.address}   start experiments and sweeps at {PREFECT.address}/deployments")
    print(f"MLflow   {MLFLOW.address}")
    print(f"Worker   {WORKER.health}   runs in this folder what is started on Prefect's page")
    print(f"\nTo use them from another terminal:\n  export PREFECT_API_URL={api}")
    print(f"  export MLFLOW_TRACKING_URI={MLFLOW.address}\nCtrl-C ends all three.", flush=True)


def _check_password() -> None:
    password = PREFECT_SERVER_API_AUTH_STRING.value()
    if password and password != PREFECT_API_AUTH_STRING.value():
        raise ServiceError(f"{_PASSWORDS} differ; set both to the same user:password")


def _warn(host: str) -> None:
    """Say what others may do, where they reach the servers."""
    if IPv4Address(host).is_loopback:
        return
    lines = [f"warning: {BIND_VARIABLE} is {host}, so that other machines reach the servers, unencrypted"]
    if not PREFECT_SERVER_API_AUTH_STRING.value():
        lines.append(f"Prefect runs code here for all of them; set {_PASSWORDS} to the same user:password")
    lines.append("MLflow lets all of them read and delete; put a proxy before it, or run it with --app-name basic-auth")
    lines.append('how: docs/servers.md, "Beyond this machine"')
    print("\n  ".join(lines), file=sys.stderr, flush=True)


def _wait(service: Service, process: "subprocess.Popen[str]") -> None:
    print(f"{service.title} is starting ...", flush=True)
    service.wait(process)


if __name__ == "__main__":
    main()
