"""What an experiment shows on its page in Prefect: the table, the pictures, the way to MLflow."""

import base64
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from prefect.artifacts import create_image_artifact, create_markdown_artifact

from flows.exceptions import StoppedError
from flows.processes import ChildProcesses
from flows.retry import retry
from flows.stages import environment

REPORT = Path("report")
TRACKING = "pipelines.tracking"
_PICTURE = re.compile(r"!\[[^]]*\]\([^)]*\)\n?")
_LINKED = re.compile(r"^(.*\S)\s+(https?://\S+)$")


def show_report(folder: Path = REPORT) -> list[str]:
    """Show the report's table and pictures, if the report was made; return the artifacts' keys."""
    keys = []
    table = folder / "report.md"
    if table.exists():  # its pictures have relative paths, which mean nothing in Prefect: they are shown by themselves
        text = _PICTURE.sub("", table.read_text())
        retry(partial(create_markdown_artifact, text, key="report", description="the table"))
        keys.append("report")
    for picture in sorted(folder.glob("*.png")):
        key = re.sub(r"[^a-z0-9]+", "-", picture.stem.lower()).strip("-")
        data = base64.b64encode(picture.read_bytes()).decode()
        address = f"data:image/png;base64,{data}"
        retry(partial(create_image_artifact, address, key=key, description=picture.name))
        keys.append(key)
    return keys


def publish(
    children: ChildProcesses,
    *words: str,
    on_line: Callable[[str], object],
    workspace: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> list[str]:
    """Send MLflow what it has not heard yet of a workspace (cells restored from DVC's cache ran nothing).

    Returns the lines that say where the runs are. Whether MLflow is up or not is no reason to fail an experiment.
    """
    workspace = workspace or Path()
    module = words[0] if words else TRACKING
    package = workspace.joinpath(*TRACKING.split("."))
    if not package.exists() and not package.with_suffix(".py").exists():
        return []
    lines: list[str] = []
    command = [sys.executable, "-m", module, *words[1:]]
    own = environment() | dict(env or {})
    try:
        code = children.run(command, on_line=lines.append, env=own, cwd=workspace)
    except StoppedError:
        return []
    for line in lines:
        on_line(line)
    return [] if code else [line for line in lines if line.strip()]


def show_tracking(children: ChildProcesses, *words: str, on_line: Callable[[str], object]) -> list[str]:
    """Publish, and show where the runs are; return the artifact's key."""
    lines = publish(children, *words, on_line=on_line)
    if not lines:
        return []
    linked = (_LINKED.sub(r"[\1](\2)", line) for line in lines)  # <...> would be shorter, but the page spoils its &
    text = "\n".join(f"* {line}" for line in linked)
    retry(partial(create_markdown_artifact, text, key="mlflow", description="the runs in MLflow"))
    return ["mlflow"]
