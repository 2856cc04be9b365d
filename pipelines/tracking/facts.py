"""What a run is made from: the parameters, the commit, the data."""

import json
import os
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from pipelines import params
from pipelines.tracking.cell import Cell

LOCK = Path("dvc.lock")


def flatten(sections: Mapping[str, Any], *, below: str = "") -> dict[str, str]:
    """Return `{"train.steps": "700"}` for nested sections; numbers stay readable as numbers."""
    flat: dict[str, str] = {}
    for key, value in sections.items():
        path = f"{below}{key}"
        if isinstance(value, BaseModel):
            value = value.model_dump(mode="json")
        if isinstance(value, Mapping):
            flat |= flatten(value, below=f"{path}.")
        else:
            flat[path] = value if isinstance(value, str) else json.dumps(value)
    return flat


def parameters(cell: Cell) -> dict[str, str]:
    """Read every parameter that a cell depends on, defaults and presets filled in."""
    sections: dict[str, Any] = {}
    for stage in params.STAGES:
        if stage != "report":
            kind = import_module(f"pipelines.{stage}").Params
            sections |= dict(params.read(kind, dataset=cell.dataset, system=cell.system))
    return {"dataset": cell.dataset, "system": cell.system} | flatten(sections)


def sections(cell: Cell) -> dict[str, Any]:
    """Return the sections of params.yaml that a cell depends on, as they stand there; it imports no stage."""
    raw = _params()
    own = {"datasets": {cell.dataset}, "systems": {cell.system}}
    kept = {key: value for key, value in raw.items() if key not in {"axes", "report"}}
    return {key: {name: value[name] for name in own[key]} if key in own else value for key, value in kept.items()}


def changed(cell: Cell, *, stages: tuple[str, ...]) -> list[str]:
    """Name the parameters that are no longer those that the cell's files were made with, as dvc.lock tells."""
    locked = _locked()
    now = _params()
    found: list[str] = []
    for stage in stages:
        for item in (cell.dataset, f"{cell.dataset}-{cell.system}"):
            then = locked.get(f"{stage}@{item}", {}).get("params", {}).get(params.PATH.name, {})
            found += [path for path, value in then.items() if not _same(value, _at(now, path))]
    return sorted(set(found))


def data_hash(dataset: str) -> str | None:
    """Return DVC's hash of the prepared data."""
    return out_hash(Path("data", dataset))


def out_hash(out: Path, *, workspace: Path = Path()) -> str | None:
    """Return DVC's hash of what a stage wrote, as the dvc.lock of its workspace tells."""
    outs = [found for stage in _locked(workspace).values() for found in stage.get("outs", [])]
    return next((found.get("md5") for found in outs if found["path"] == str(out)), None)


def run_name(cell: Cell) -> str:
    """Return what a new run is called: in a sweep (`$SMIS_RUN`) by what is special about the trial."""
    return os.environ.get("SMIS_RUN") or cell.system


def tags(cell: Cell) -> dict[str, str]:
    """Return what a new run is tagged with; `$SMIS_SWEEP` and `$SMIS_TRIAL` say whose trial it is."""
    data = data_hash(cell.dataset)
    found = {"smis.cell": cell.name, "smis.dataset": cell.dataset, "smis.system": cell.system}
    return found | trial() | commit() | ({"smis.data": data} if data else {})


def trial() -> dict[str, str]:
    """Return what says whose trial this workspace is; nothing outside a sweep."""
    return {f"smis.{name}": told for name in ("sweep", "trial") if (told := os.environ.get(f"SMIS_{name.upper()}"))}


@cache
def commit() -> dict[str, str]:
    """Return the commit as tags, and whether files differ from it; nothing outside a git repository."""
    head = _git("rev-parse", "HEAD")
    if not head:
        return {}
    dirty = "true" if _git("status", "--porcelain", "--untracked-files=no") else "false"
    return {"mlflow.source.git.commit": head, "smis.commit": head, "smis.dirty": dirty}


def _git(*words: str) -> str:
    try:
        return subprocess.run(["git", *words], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _params() -> dict[str, Any]:
    return yaml.safe_load(params.PATH.read_text()) if params.PATH.exists() else {}


def _locked(workspace: Path = Path()) -> dict[str, Any]:
    path = workspace / LOCK
    return (yaml.safe_load(path.read_text()) or {}).get("stages", {}) if path.exists() else {}


def _at(sections: Any, path: str) -> Any:
    for key in path.split("."):
        sections = sections.get(key) if isinstance(sections, dict) else None
    return sections


def _same(one: Any, other: Any) -> bool:
    """Compare as the values are meant: DVC's YAML reads 1e-4 as a number, PyYAML as a word."""
    return _plain(one) == _plain(other)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
