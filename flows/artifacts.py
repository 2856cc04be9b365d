"""What an experiment shows on its page in Prefect: the report's table and images, and links to MLflow."""

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
from flows.stages import child_environment

TRACKING = "pipelines.tracking"
_IMAGE = re.compile(r"!\[[^]]*\]\([^)]*\)\n?")
LINK = re.compile(r"^(.*\S)\s+(https?://\S+)$")
"""A line of `pipelines.tracking`: what a page shows, and its address."""


def show_report(folder: Path = Path("report")) -> None:
    """Show the table and the images of a report, if there is one."""
    table = folder / "report.md"
    if table.exists():  # its images have relative paths, which Prefect's page cannot open: they are shown separately
        text = _IMAGE.sub("", table.read_text(encoding="utf-8"))
        retry(partial(create_markdown_artifact, text, key="report", description="the table"))
    for image in sorted(folder.glob("*.png")):
        key = re.sub(r"[^a-z0-9]+", "-", image.stem.lower()).strip("-")
        url = f"data:image/png;base64,{base64.b64encode(image.read_bytes()).decode()}"
        retry(partial(create_image_artifact, url, key=key, description=image.name))


def sync_tracking(
    children: ChildProcesses,
    *arguments: str,
    on_line: Callable[[str], object],
    workspace: Path = Path(),
    env: Mapping[str, str] | None = None,
) -> list[str]:
    """Send MLflow what it lacks of a workspace: stages restored from DVC's cache have logged nothing.

    `arguments` name another module to run than `pipelines.tracking`, and its arguments. Returns the lines that it
    printed, with links to the runs; none if MLflow is unavailable, which fails no experiment.
    """
    package = workspace.joinpath(*TRACKING.split("."))
    if not package.exists() and not package.with_suffix(".py").exists():
        return []
    lines: list[str] = []
    command = [sys.executable, "-m", *(arguments or [TRACKING])]
    try:
        code = children.run(command, on_line=lines.append, env=child_environment(env), cwd=workspace)
    except StoppedError:
        return []
    for line in lines:
        on_line(line)
    return [] if code else [line for line in lines if line.strip()]


def show_tracking(children: ChildProcesses, *arguments: str, on_line: Callable[[str], object]) -> None:
    """Send MLflow what it lacks, and show links to the runs."""
    if lines := sync_tracking(children, *arguments, on_line=on_line):
        text = "\n".join("* " + LINK.sub(r"[\1](\2)", line) for line in lines)  # the page would break the & of <...>
        retry(partial(create_markdown_artifact, text, key="mlflow", description="the runs in MLflow"))
