"""`python -m flows.worker`: run trials of the work pool on this machine, one per device at a time, until Ctrl-C.

Run it in a clone of the project, with PREFECT_API_URL. `make up` starts one for the queue of experiments and sweeps.
`--slurm slurm.yaml` runs nothing here: it keeps jobs of Slurm queued while trials wait. Each job is a worker with
`--until-idle`, which takes one trial after the other.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import devices
from flows.addresses import without_credentials
from flows.command import exit_on_error, is_healthy, require_api_url
from flows.exceptions import FlowError
from flows.processes import GRACE_S, start, terminate
from flows.retry import retry
from flows.slurm import SlurmConfig
from flows.slurm_worker import SlurmWorker
from flows.stages import child_environment
from flows.work_queue import FLOWS, POOL, POOL_TYPE, TRIALS, count_waiting

HOST = "127.0.0.1"
MIN_UPTIME_S = 60.0
"""A worker that exits sooner is not started again: it would exit for the same reason."""
POLL_S = 5.0
POLL_VARIABLE = "PREFECT_WORKER_QUERY_SECONDS"
_RETURN_S = 15.0
"""Seconds in which a flow run goes back to its queue, after its processes have ended."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a worker until Ctrl-C. Exit code 2 if there is no server, or the worker exits within a minute."""
    parser = argparse.ArgumentParser(prog="python -m flows.worker", description=main.__doc__)
    parser.add_argument("--queue", choices=[TRIALS, FLOWS], default=TRIALS, help="trials, or experiments and sweeps")
    parser.add_argument("--host", default=HOST, help="address that answers /health")
    parser.add_argument("--port", type=int, default=0, help="its port; 0: any that is free")
    parser.add_argument("--slurm", type=Path, metavar="FILE", help="keep jobs of Slurm queued while trials wait")
    parser.add_argument("--until-idle", type=int, metavar="SECONDS", help="end when no trial has waited for so long")
    options = parser.parse_args(arguments)
    with exit_on_error():
        slurm = SlurmConfig.read(options.slurm) if options.slurm else None
        api = require_api_url()
        with temporary_settings({PREFECT_API_URL: api}):
            if slurm:
                SlurmWorker(slurm, api).run()
            elif options.until_idle is not None:
                run_until_idle(partial(_run_one_trial, api), idle_timeout_s=options.until_idle)
            else:
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


def run_until_idle(run_one: Callable[[], int], *, idle_timeout_s: float) -> None:
    """Take one trial after the other; end when none has waited for so long, or at SIGTERM, with exit code 0.

    Args:
        run_one: Takes a trial if one waits, runs it, and returns the exit code of Prefect's worker.
        idle_timeout_s: Seconds without a waiting trial.

    Raises:
        FlowError: if Prefect's worker fails.
    """
    idle_since = time.monotonic()
    with suppress(KeyboardInterrupt):
        while time.monotonic() - idle_since < idle_timeout_s:
            if not retry(partial(count_waiting, TRIALS)):
                time.sleep(min(POLL_S, idle_timeout_s))
                continue
            if code := run_one():
                raise FlowError(f"the worker ended with exit code {code}")
            idle_since = time.monotonic()
        print(f"no trial has waited for {idle_timeout_s:g} s", flush=True)


def _run(options: argparse.Namespace, api: str) -> int:
    """Run Prefect's worker, whose runs start in this clone, at most one for each device if they are trials."""
    arguments = ["--with-healthcheck"]
    arguments += ["--limit", str(len(devices.list_devices()))] if options.queue == TRIALS else []
    env = {"PREFECT_WORKER_WEBSERVER_HOST": options.host, "PREFECT_WORKER_WEBSERVER_PORT": str(options.port)}
    process = _start(options.queue, arguments, env | {PREFECT_API_URL.name: api}, name=devices.machine_name())
    try:
        return process.wait()
    finally:
        terminate([process.pid])


def _run_one_trial(api: str) -> int:
    """Let Prefect's worker look for a trial once, and run it; at SIGTERM it goes back to the queue.

    Slurm has given the devices to this job alone, so that the locks on them are in a folder of the job's own.
    """
    name = f"{devices.machine_name()} job {os.environ.get('SLURM_JOB_ID', os.getpid())}"
    with TemporaryDirectory(prefix="smis-job-") as folder:
        env = {PREFECT_API_URL.name: api, "TMPDIR": folder, devices.VARIABLE: devices.all_as_one()}
        process = _start(TRIALS, ["--limit", "1", "--run-once"], env, name=name)
        try:
            return process.wait()
        except KeyboardInterrupt:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            _end_runs(process)
            raise
        finally:
            terminate([process.pid])


def _end_runs(worker: "subprocess.Popen[str]") -> None:
    """Send SIGTERM to the flow runs of a worker, and wait for it: the worker itself would take them for crashed."""
    for run in psutil.Process(worker.pid).children():
        run.terminate()
    with suppress(subprocess.TimeoutExpired):
        worker.wait(GRACE_S + _RETURN_S)


def _start(queue: str, arguments: Sequence[str], env: dict[str, str], *, name: str) -> "subprocess.Popen[str]":
    clone = str(Path.cwd())
    command = ["-m", "prefect", "worker", "start", "--pool", POOL, "--type", POOL_TYPE, "--work-queue", queue]
    command += ["--name", f"{name} {queue}", "--install-policy", "never", *arguments]
    env = env | {"SMIS_WORKSPACE": clone, POLL_VARIABLE: os.environ.get(POLL_VARIABLE, "2")}
    env["PYTHONPATH"] = os.pathsep.join([clone, *filter(None, [os.environ.get("PYTHONPATH")])])
    return start([sys.executable, *command], env=child_environment(env))


if __name__ == "__main__":
    main()
