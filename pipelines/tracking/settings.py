"""Where MLflow is, and how long to wait for it."""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

DATABASE = Path("mlflow.db")
ARTIFACTS = Path("mlartifacts")
PAGE = "http://127.0.0.1:5000"
"""Where `make up` shows a local MLflow."""
NOTES = Path(".scratch/tracking")
"""What is not the record: stamps of what was published where, and notes of trainings that MLflow did not hear."""

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}


def off() -> bool:
    """Whether a person wants no tracking at all."""
    return os.environ.get("SMIS_TRACKING", "").lower() == "off"


def uri() -> str:
    """Return the tracking URI: the environment's, or a file of the workspace."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{DATABASE.absolute()}"


def home(uri: str) -> Path:
    """Return the folder where a SQLite file keeps what belongs to it: a sweep's trials share that of the workspace."""
    return Path(uri.removeprefix("sqlite:///")).parent if uri.startswith("sqlite:///") else Path()


def link(uri: str, *, experiment: str, run: str) -> str:
    """Return the address of a run's page, among trainings: MLflow's pages open on language models' traces."""
    page = shown(uri).rstrip("/") if uri.startswith("http") else PAGE
    return f"{page}/#/experiments/{experiment}/runs/{run}?workflowType=machine_learning"


def comparison(uri: str, *, experiments: Sequence[str], runs: Sequence[str]) -> str:
    """Return the address of the page that compares runs: parallel coordinates, scatter plots, a table."""
    page = shown(uri).rstrip("/") if uri.startswith("http") else PAGE
    which = f"runs={quote(json.dumps(list(runs)))}&experiments={quote(json.dumps(list(experiments)))}"
    return f"{page}/#/compare-runs?{which}&workflowType=machine_learning"


def view(uri: str, *, experiment: str, key: str) -> str:
    """Return the address of an experiment's runs in a view that was saved under a key."""
    page = shown(uri).rstrip("/") if uri.startswith("http") else PAGE
    return f"{page}/#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={key}"


def shown(text: str) -> str:
    """Return a text without the user and password of the addresses in it: links are kept, and logs are sent around."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


def prepare() -> None:
    """Ask mlflow to be quiet, and to give up before a training's last line has waited for minutes."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def say(line: str) -> None:
    """Print one line beside a progress bar."""
    print(f"tracking: {shown(line)}", file=sys.stderr, flush=True)


def reason(error: BaseException) -> str:
    """Return the short end of an error whose whole text is a page."""
    line = shown(str(error).strip().splitlines()[0]) if str(error).strip() else type(error).__name__
    return line if len(line) <= 160 else line[:157] + "..."
