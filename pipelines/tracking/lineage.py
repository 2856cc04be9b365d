"""What made a cell, from its MLflow run alone.

Each run holds, in `lineage/`, the params.yaml and the part of dvc.lock that made its cell, and how the code differed
from its commit; its tags name commit, machine and checkpoint. `pipelines.tracking.reproduce` makes a workspace of it.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.params import PATH
from pipelines.tracking.cell_outputs import LOCK, CellOutputs, locked_stages
from pipelines.tracking.client import STATE, TrackedRun, TrackingClient, page
from pipelines.tracking.server_address import shown_uri
from smis.core.errors import ParamsError
from smis.core.files import written

if TYPE_CHECKING:
    from mlflow.entities import Run

FOLDER, PATCH = "lineage", "uncommitted.patch"
CHECKPOINT_TAG, COMMIT_TAG, LINEAGE_TAG = "smis.checkpoint", "smis.commit", "smis.lineage"
REMEMBERED = STATE / "runs"
_MAX_PATCH_BYTES = 2**20
_RUN, _DIGEST = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{8,64}")
Stages = dict[str, dict[str, Any]]
"""Stages as dvc.lock has them, by name."""


def machine_tags() -> dict[str, str]:
    """Return the tags that say where a training runs: results depend on the type of processor and on the threads."""
    torch = sys.modules.get("torch")  # a training has imported it; nobody else needs it for this
    tags = {
        "smis.machine": os.environ.get("SMIS_MACHINE") or platform.node(),
        "smis.processor": processor(),
        "smis.processes": os.environ.get("WORLD_SIZE", "1"),
        "smis.torch": version("torch"),
    }
    return tags | ({"smis.threads": str(torch.get_num_threads())} if torch else {})


def processor() -> str:
    """Return the type of this machine's processor."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    names = re.findall(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return names[0].strip() if names else platform.processor() or platform.machine()


def cell_stages(stages: Mapping[str, dict[str, Any]], output: str) -> Stages:
    """Return the stage that writes an output, and all upstream of it, the first to run first.

    Example:
        >>> stages = {"a": {"outs": [{"path": "data"}]}, "b": {"deps": [{"path": "data/x"}], "outs": [{"path": "y"}]}}
        >>> list(cell_stages(stages, "y"))
        ['a', 'b']
    """
    writers = {out["path"]: name for name, stage in stages.items() for out in stage.get("outs", ())}
    found: Stages = {}

    def add(path: str) -> None:
        name = next((writers[each] for each in _with_parents(path) if each in writers), None)
        if name is not None and name not in found:
            for dep in stages[name].get("deps", ()):
                add(dep["path"])
            found[name] = dict(stages[name])

    add(output)
    return found


def output_hashes(stages: Stages) -> dict[str, str]:
    """Return DVC's hash of each output."""
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", ())}


def _with_parents(path: str) -> list[str]:
    return [*accumulate(path.split("/"), "{}/{}".format)]


def log_patch(tracked: TrackedRun) -> None:
    """Log in what the code of a new run differs from its commit, if it does; not more than a megabyte."""
    exclude = [f":(top,exclude){name}" for name in (str(LOCK), str(PATH), "metrics")]
    patch = _git("diff", "--binary", "HEAD", "--", ":/", *exclude)
    if patch and len(patch) <= _MAX_PATCH_BYTES:
        tracked.api.log_text(tracked.id, patch, f"{FOLDER}/{PATCH}")


def log_lineage(tracked: TrackedRun, cell: CellOutputs, *, logged: str | None) -> None:
    """Log params.yaml and the cell's part of dvc.lock, unless they are those that were logged."""
    stages = cell_stages(locked_stages(), str(cell.metrics))
    if not stages:  # not made by DVC
        return
    lock = yaml.safe_dump({"schema": "2.0", "stages": stages}, sort_keys=False)
    files = {PATH.name: PATH.read_text(encoding="utf-8"), LOCK.name: lock}
    digest = hashlib.sha256("\0".join(files.values()).encode()).hexdigest()
    if digest != logged:
        for name, text in files.items():
            tracked.api.log_text(tracked.id, text, f"{FOLDER}/{name}")
        tracked.log(tags={LINEAGE_TAG: digest})


def remember_run(tracked: TrackedRun, cell: CellOutputs) -> None:
    """Note, by the checkpoint's SHA-256, which run made it: the report shows it without asking MLflow."""
    found = tracked.api.get_run(tracked.id)
    link = page(shown_uri(), f"experiments/{found.info.experiment_id}/runs/{tracked.id}")
    with written(REMEMBERED / f"{cell.digest}.json") as beside:
        text = json.dumps({"run": tracked.id, "link": link, "tags": found.data.tags}, indent=1)
        beside.write_text(text + "\n", encoding="utf-8")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], capture_output=True, timeout=60, check=True)
        return done.stdout.decode()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""


@dataclass(frozen=True)
class Lineage:
    """What a run in MLflow holds of how its cell was made."""

    run: str
    link: str
    tags: Mapping[str, str]
    seed: str
    params: str
    """The text of params.yaml."""
    stages: Stages
    """The cell's part of dvc.lock."""
    patch: str
    """In what the code differed from the commit."""
    metrics: Mapping[str, float]

    @property
    def target(self) -> str:
        """The stage that finishes the cell."""
        return list(self.stages)[-1]

    def outs(self) -> dict[str, str]:
        """Return DVC's hash of each output."""
        return output_hashes(self.stages)

    def inputs(self) -> dict[str, str]:
        """Return DVC's hash of each dependency that no stage of the cell writes."""
        deps = {dep["path"]: dep["md5"] for stage in self.stages.values() for dep in stage.get("deps", ())}
        return {path: md5 for path, md5 in deps.items() if self.outs().keys().isdisjoint(_with_parents(path))}

    def describe(self) -> str:
        """Return a line for each fact."""
        tag, outs = self.tags.get, self.outs()
        names = ("machine", "processor", "device", "processes", "threads", "torch")
        machine = ", ".join(f"{name} {value}" for name in names if (value := tag(f"smis.{name}")))
        inputs = {path: md5 for path, md5 in self.inputs().items() if not path.startswith(("smis/", "pipelines/"))}
        facts = {
            "run": f"{self.run}  {self.link}",
            "cell": f"{tag('smis.cell')}, seed {self.seed}",
            "commit": f"{tag(COMMIT_TAG, 'unknown')}{' and uncommitted.patch' if self.patch else ''}",
            "made on": machine if tag("smis.machine") else "unknown: restored from DVC's cache",
            "checkpoint": f"sha256 {tag(CHECKPOINT_TAG)}",
            **{f"DVC {path}": md5 for path, md5 in (inputs | outs).items()},
        }
        width = max(map(len, facts))
        return "\n".join(f"{name:{width}}  {fact}" for name, fact in facts.items())


@contextmanager
def required() -> Iterator[None]:
    """Turn a failure of MLflow into one line.

    Raises:
        ParamsError: with MLflow's own first line.
    """
    try:
        yield
    except Exception as error:
        from mlflow.exceptions import MlflowException

        if not isinstance(error, MlflowException | OSError):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ParamsError(f"MLflow at {shown_uri()}: {reason}; MLFLOW_TRACKING_URI names another") from None


def find_lineage(which: str) -> Lineage:
    """Read what made a cell from MLflow.

    Args:
        which: the id of a run; or a cell such as paperdoll/inade or paperdoll/inade/seed-0, of which the newest run
            counts; or the first eight or more digits of a checkpoint's SHA-256, as the report prints it.

    Raises:
        ParamsError: if there is no such run, it was not published, or it holds the means over seeds.
    """
    with required():
        client = TrackingClient()
        found = _find_run(client, which)
        if seeds := found.data.tags.get("smis.seeds"):
            first = f"{found.data.tags['smis.cell']}/seed-{seeds.split(', ')[0]}"
            raise ParamsError(f"run {which} holds the means over seeds {seeds}; name one of them, such as {first}")
        with TemporaryDirectory() as folder:
            path = client.download(found.info.run_id, FOLDER, folder)
            texts = {each.name: each.read_text(encoding="utf-8") for each in Path(path).iterdir()} if path else {}
    run_id, tags = found.info.run_id, found.data.tags
    if not texts.keys() >= {PATH.name, LOCK.name}:
        raise ParamsError(
            f"run {run_id} does not hold its params.yaml and dvc.lock; run `python -m pipelines.tracking` in the "
            "workspace that made it, which publishes them"
        )
    link = page(client.uri, f"experiments/{found.info.experiment_id}/runs/{run_id}")
    return Lineage(
        run=run_id,
        link=link,
        tags=tags,
        seed=tags.get("smis.seed") or found.data.params.get("seed", "unknown"),
        params=texts[PATH.name],
        stages=yaml.safe_load(texts[LOCK.name])["stages"],
        patch=texts.get(PATCH, ""),
        metrics=found.data.metrics,
    )


def _find_run(client: TrackingClient, which: str) -> "Run":
    if _RUN.fullmatch(which):
        return client.api.get_run(which)
    if not (_DIGEST.fullmatch(which) or re.fullmatch(r"[\w.-]+(/[\w.-]+)+", which)):
        raise ParamsError(
            f"{which!r} is no run; give the id of a run in MLflow, a cell such as paperdoll/inade, or eight or more "
            "digits of a checkpoint's SHA-256"
        )
    query = f"tags.`{CHECKPOINT_TAG}` LIKE '{which}%'"
    if "/" in which:
        cell, _, seed = which.partition("/seed-")
        query = f"tags.`smis.cell` = '{cell}' and tags.`{CHECKPOINT_TAG}` LIKE '%'"
        query += f" and tags.`smis.seed` = '{seed}'" if seed else ""
    experiments = [each.experiment_id for each in client.api.search_experiments(filter_string="name LIKE 'smis/%'")]
    runs = (
        client.api.search_runs(experiments, query, order_by=["start_time DESC"], max_results=1) if experiments else []
    )
    if not runs:
        raise ParamsError(f"MLflow at {shown_uri()} has no run of {which}; MLFLOW_TRACKING_URI names another MLflow")
    return runs[0]
