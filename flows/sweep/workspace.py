"""An isolated copy of the workspace's small files for each trial, with the main workspace's DVC cache.

Large outputs come from the cache through DVC: by links to them, one trial could write into another's.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from dvc.config import Config
from dvc.config_schema import RelPath
from dvc.utils.collections import apply_diff
from dvc.utils.serialize import load_yaml, modify_yaml, parse_yaml_for_update

from flows.dag import RAW
from flows.exceptions import SweepError

PARAMS, LOCK = "params.yaml", "dvc.lock"
SWEEPS = Path(".scratch/sweeps")
BASE = "base"
"""The folder of a sweep with its copy of the code."""
_EXCLUDED = {".git", ".dvc", ".scratch", ".venv", "__pycache__", "mlartifacts", "mlruns"}
_LINKED_BYTES = 2**20
_LOADER, _DUMPER = getattr(yaml, "CSafeLoader", yaml.SafeLoader), getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""Those of libyaml, ten times as fast, where PyYAML has it."""


def copy(source: Path, target: Path, *, outs: Collection[str] = ()) -> Path:
    """Copy the small files of a workspace; a target that exists keeps its own dvc.lock and checkpoints.

    Args:
        source: The workspace.
        target: The copy: a DVC workspace without git, with the source's cache. It is returned.
        outs: The outputs of stages, which are left out.
    """
    names = set(_files(source, outs))
    linked = set(_linked(source, names))
    for name in linked | {name for name in names if "/".join(name.split("/")[:2]) not in linked}:
        if name != LOCK or not (target / name).exists():
            _place(source / name, target / name, link=name in linked)
    _configure(source, target)
    return target


def keep_stages(source: Path, target: Path, names: Collection[str]) -> None:
    """Leave other stages out of the dvc.lock that `copy` has copied: DVC reads and writes all of it for each stage."""
    lock, copied = source / LOCK, target / LOCK
    if not lock.exists() or lock.stat().st_size != copied.stat().st_size:  # the target had its own
        return
    state = lock.stat()
    recorded = _read_lock(lock, state.st_size, state.st_mtime_ns)
    stages = {name: stage for name, stage in recorded.get("stages", {}).items() if name in names}
    copied.write_text(yaml.dump(recorded | {"stages": stages}, Dumper=_DUMPER, sort_keys=False), encoding="utf-8")


@lru_cache(maxsize=2)
def _read_lock(path: Path, size: int, time_ns: int) -> dict[str, Any]:
    """Read a dvc.lock once for all trials; none where there is no table yet."""
    return yaml.load(path.read_text(encoding="utf-8"), _LOADER) or {}


def set_params(path: Path, values: Mapping[str, Any]) -> None:
    """Set values by path in a params.yaml, keeping comments; a section is replaced as a whole."""
    params: dict[str, Any] = load_yaml(str(path))
    for dotted, value in values.items():
        section = params
        *parents, leaf = dotted.split(".")
        for key in parents:
            if not isinstance(section.get(key), dict):
                section[key] = {}
            section = section[key]
        section[leaf] = _yaml_value(value)
    with modify_yaml(str(path)) as commented:
        apply_diff(params, commented)


def read_metrics(path: Path) -> dict[str, Any]:
    """Read the metrics that an evaluation has written, by name.

    Raises:
        SweepError: if the file is damaged.
    """
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SweepError(f"{path} cannot be read ({error}); remove it, then run `dvc repro` again") from None
    if not isinstance(metrics, dict):
        raise SweepError(f"{path} has no metrics by name; remove it, then run `dvc repro` again")
    return metrics


def _yaml_value(value: Any) -> Any:
    """Write 1e-05 as 1.0e-05, which every YAML reader reads as a number."""
    if isinstance(value, Mapping):
        return {key: _yaml_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_yaml_value(item) for item in value]
    text = repr(value)
    if isinstance(value, float) and "e" in text and "." not in text:
        return parse_yaml_for_update(f"value: {text.replace('e', '.0e')}", "")["value"]
    return value


def digest(root: Path, code: Sequence[str]) -> str:
    """Return the SHA-256 of the files and folders that stages depend on, equal on all machines."""
    total = hashlib.sha256()
    paths = {path for name in code for path in (root / name, *(root / name).rglob("*"))}
    for path in sorted(paths):
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(f"{path.relative_to(root)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def has_remote(root: Path) -> bool:
    """Return whether a workspace has a default DVC remote."""
    return "remote" in Config(str(root / ".dvc"), validate=False)["core"]


def _files(root: Path, outs: Collection[str]) -> Iterator[str]:
    """Yield the files that git does not ignore; without git, all but what stages, DVC or Python made."""
    if (root / ".git").exists():
        names = _git_files(root, "--cached", "--others", "--exclude-standard")
        yield from (name for name in names if name.split("/")[0] != ".dvc" and (root / name).is_file())
        return
    for folder, folders, files in os.walk(root):
        parent = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if name not in _EXCLUDED and str(parent / name) not in outs]
        yield from (str(parent / name) for name in files if str(parent / name) not in outs)


def _git_files(root: Path, *options: str) -> list[str]:
    command = ["git", "ls-files", "-z", *options]
    output = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return [name for name in output.split("\0") if name]


def _linked(root: Path, names: Collection[str]) -> Iterator[str]:
    """Yield what is linked and not copied from raw/: folders, links to folders, and files that git ignores.

    Not what DVC tracks, which trials do not need, nor folders with files of git, which are copied like all of those.
    """
    tracked = _git_files(root, RAW) if (root / ".git").exists() else []
    in_git = {"/".join(name.split("/")[:2]) for name in tracked if name.count("/") > 1}
    for path in sorted((root / RAW).glob("*")):
        name = f"{RAW}/{path.name}"
        if name in in_git or path.with_name(f"{path.name}.dvc").exists():
            continue
        if path.is_dir() or (path.is_file() and name not in names):
            yield name


def _place(source: Path, target: Path, *, link: bool) -> None:
    """Copy a file, or link what is large and only read: raw images, for example, and not the dvc.lock of many cells."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if link or (source.stat().st_size > _LINKED_BYTES and source.name != LOCK):
        target.symlink_to(source.resolve())
    else:
        shutil.copy2(source, target)


def _configure(source: Path, target: Path) -> None:
    """Give the copy the source's remotes, credentials and cache.

    The cache by a relative path: DVC writes this file as ASCII, and an absolute path may have other letters.
    """
    source_config, target_config = source.resolve() / ".dvc", target.resolve() / ".dvc"
    target_config.mkdir(parents=True, exist_ok=True)
    merged: Any = Config(str(source_config), validate=False)
    cache = merged.get("cache", {}).get("dir") or RelPath((source_config / "cache").resolve())
    with Config(str(target_config), validate=False).edit("local") as opened:
        config: Any = opened
        config["core"] = {**merged["core"], "no_scm": True}
        config["remote"] = merged.get("remote", {})
        config["cache"] = {"dir": cache, "type": "reflink,symlink,copy"}
    (target_config / "config.local").chmod(0o600)
