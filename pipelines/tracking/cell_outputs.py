"""The files, parameters and tags of one cell (data set x system x seed), as they are logged to MLflow."""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, cached_property, lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open

from pipelines import params
from pipelines.cell import Cell
from smis.core.errors import ParamsError

LOCK = Path("dvc.lock")


_FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FLOAT: Any = "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")


class _Loader(params.YamlLoader):
    """Reads 1e-4 as a number, as DVC does."""


class _LockLoader(_FASTEST):
    """The same for dvc.lock, which DVC wrote and which grows with the table: ten times as fast where libyaml is."""


_Loader.add_implicit_resolver(*_FLOAT)
_LockLoader.add_implicit_resolver(*_FLOAT)


class CellOutputs:
    """What the stages wrote for a cell; paths are relative to the workspace."""

    def __init__(self, cell: Cell) -> None:
        self.cell, self.name = cell, cell.name
        self.dataset, self.system, self.seed = cell.dataset, cell.system, cell.seed
        self.checkpoint, self.history, self.metrics = cell.checkpoint, cell.history, cell.metrics
        self.studies = sorted(Path("metrics", cell.dataset, "study").glob("*.json"))
        """Results of human studies, which `smis study report --out` wrote."""

    @property
    def missing(self) -> Path | None:
        """The first required file that does not exist."""
        return next((path for path in (self.checkpoint, self.history, self.metrics) if not path.exists()), None)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the checkpoint, by which MLflow's runs are found."""
        return sha256([self.checkpoint])

    def results(self) -> dict[str, dict[str, Any]]:
        """Read the results: value, interval and protocol by metric."""
        results = json.loads(self.metrics.read_text(encoding="utf-8"))
        for path in self.studies:
            entries = json.loads(path.read_text(encoding="utf-8"))["systems"].get(self.system, {})
            results |= {name: entry for name, entry in entries.items() if "value" in entry}
        return results

    def values(self) -> dict[str, float]:
        """Read the results as metrics; the ends of an interval are NAME_low and NAME_high."""
        values: dict[str, float] = {}
        for name, result in self.results().items():
            low, high = result.get("interval") or (None, None)
            named = {name: result["value"], f"{name}_low": low, f"{name}_high": high}
            values |= {key: float(value) for key, value in named.items() if value is not None}
        return values

    def grids(self) -> dict[int, Path]:
        """Return the sample grids by step."""
        return {int(path.stem.removeprefix("step-")): path for path in sorted(self.cell.grids.glob("step-*.png"))}

    def tables(self) -> list[Path]:
        """Return the tables and plots of evaluate."""
        return sorted(path for path in self.cell.tables.glob("*") if path.is_file())

    def fingerprint(self) -> str:
        """Hash names, sizes and times of the files, and params.yaml: equal if nothing has changed."""
        paths = [self.checkpoint, self.history, self.metrics, *self.studies, *self.tables(), *self.grids().values()]
        states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        return hashlib.sha256(f"{states} {_read(params.PATH)}".encode()).hexdigest()

    def parameters(self) -> dict[str, str]:
        """Read every parameter that the cell depends on, with defaults and presets."""
        sections: dict[str, Any] = {}
        for stage in params.STAGES:
            if stage != "report":
                kind = import_module(f"pipelines.{stage}").Params
                sections |= dict(params.read(kind, dataset=self.dataset, system=self.system, seed=self.seed))
        return {"dataset": self.dataset, "system": self.system} | flatten(sections)

    def changed_parameters(self) -> list[str]:
        """Return the parameters in which params.yaml differs from dvc.lock's record of the cell's stages."""
        current, items = _read(params.PATH), (self.dataset, self.cell.stage("").removeprefix("@"))
        stages = [stage for name, stage in locked_stages().items() if name.partition("@")[2] in items]
        recorded = [stage.get("params", {}).get(params.PATH.name, {}) for stage in stages]
        values = [item for each in recorded for item in each.items()]
        return sorted({path for path, value in values if value != _at(current, path)})

    def data_md5(self) -> str | None:
        """Return DVC's hash of the prepared data."""
        return output_md5(Path("data", self.dataset))

    def run_name(self) -> str:
        """Return the name of a new run: `$SMIS_RUN` (set by sweeps), or the system and the seed."""
        return os.environ.get("SMIS_RUN") or f"{self.system}, seed {self.seed}"

    def tags(self) -> dict[str, str]:
        """Return the tags of a new run; `smis.cell` groups the seeds of a system on a data set."""
        md5 = self.data_md5()
        tags = group_tags(self.dataset, self.system) | {"smis.seed": str(self.seed)}
        return tags | trial_tags() | commit_tags() | ({"smis.data": md5} if md5 else {})

    def checkpoint_tags(self) -> dict[str, str]:
        """Return the tags by which the run of the checkpoint is found, in each sweep its own."""
        group = group_tags(self.dataset, self.system)["smis.cell"]
        return {"smis.cell": group, "smis.checkpoint": self.digest} | self._init_tags() | trial_tags()

    def _init_tags(self) -> dict[str, str]:
        """Return the tag with the SHA-256 of the checkpoint that a fine-tuning began with."""
        with suppress(SafetensorError), safe_open(self.checkpoint, framework="numpy") as file:
            if digest := (file.metadata() or {}).get("init_from_sha256"):
                return {"smis.init_from": digest}
        return {}  # also of a damaged file, which is not for this to tell

    def device_tag(self) -> dict[str, str]:
        """Return the tag with the device of evaluate, if the results name it."""
        devices = [result.get("protocol", {}).get("device") for result in self.results().values()]
        return next(({"smis.device": str(device)} for device in devices if device), {})


def group_tags(dataset: str, system: str) -> dict[str, str]:
    """Return the tags that the runs of all seeds of a system on a data set share."""
    return {"smis.cell": f"{dataset}/{system}", "smis.dataset": dataset, "smis.system": system}


def cell_of(tags: Mapping[str, str], parameters: Mapping[str, str]) -> Cell:
    """Return the cell of a run; one of before there was an axis of seeds has the seed among its parameters alone."""
    dataset, system = tags["smis.cell"].split("/")
    return Cell(dataset, system, int(tags.get("smis.seed") or parameters.get("seed", "0")))


def training_metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a row of the training history, prefixed as MLflow groups them."""
    numbers = {key: value for key, value in row.items() if isinstance(value, int | float) and key != "step"}
    return {f"train/{key}": float(value) for key, value in numbers.items()}


def sha256(paths: list[Path]) -> str:
    """Return the SHA-256 of a file, or of the digests of several."""
    if len(paths) == 1:
        with paths[0].open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256("".join(sha256([path]) for path in paths).encode()).hexdigest()


def flatten(sections: Mapping[str, Any], *, prefix: str = "") -> dict[str, str]:
    """Return `{"train.steps": "700"}` for nested sections; values other than strings are JSON."""
    flat: dict[str, str] = {}
    for key, value in sections.items():
        path = f"{prefix}{key}"
        if isinstance(value, BaseModel):
            value = value.model_dump(mode="json")
        if isinstance(value, Mapping):
            flat |= flatten(value, prefix=f"{path}.")
        else:
            flat[path] = value if isinstance(value, str) else json.dumps(value)
    return flat


def output_md5(output: Path, *, workspace: Path = Path()) -> str | None:
    """Return DVC's hash of a stage's output, from the dvc.lock of its workspace."""
    outs = [out for stage in locked_stages(workspace).values() for out in stage.get("outs", [])]
    return next((out.get("md5") for out in outs if out["path"] == str(output)), None)


def trial_tags() -> dict[str, str]:
    """Return the sweep and trial of this workspace, from `$SMIS_SWEEP` and `$SMIS_TRIAL`; empty outside a sweep."""
    return {f"smis.{name}": value for name in ("sweep", "trial") if (value := os.environ.get(f"SMIS_{name.upper()}"))}


@cache
def commit_tags() -> dict[str, str]:
    """Return the git commit, and whether files differ from it; empty outside a repository."""
    git = partial(subprocess.run, capture_output=True, text=True, timeout=10, check=True)
    try:
        head = git(["git", "rev-parse", "HEAD"]).stdout.strip()
        dirty = "true" if git(["git", "status", "--porcelain", "--untracked-files=no"]).stdout else "false"
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"mlflow.source.git.commit": head, "smis.commit": head, "smis.dirty": dirty}


def locked_stages(workspace: Path = Path()) -> dict[str, Any]:
    """Return the stages that a workspace's dvc.lock records, by name."""
    path = workspace / LOCK
    if not path.exists():
        return {}
    state = path.stat()
    return _parse_lock(path.absolute(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=2)
def _parse_lock(path: Path, size: int, time_ns: int) -> dict[str, Any]:
    """Parse a dvc.lock once, until it changes: every cell of the table asks for its part."""
    try:
        return (yaml.load(path.read_text(encoding="utf-8"), _LockLoader) or {}).get("stages", {})
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError) as error:
        raise ParamsError(f"{path} is not YAML with stages: {' '.join(str(error).split())}") from None


def _read(path: Path) -> dict[str, Any]:
    return params.read_yaml(path, loader=_Loader) if path.exists() else {}


def _at(sections: Any, path: str) -> Any:
    for key in path.split("."):
        sections = sections.get(key) if isinstance(sections, dict) else None
    return sections
