"""An isolated copy of the workspace's small files for each trial, which shares the main workspace's DVC cache.

Links to outs would let one trial write into another's, so that what is big comes from the cache, through DVC.
"""

import filecmp
import hashlib
import os
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from dvc.config import Config
from dvc.config_schema import RelPath
from dvc.utils.serialize import modify_yaml, parse_yaml_for_update

from flows.dag import RAW

PARAMS = "params.yaml"
SWEEPS = Path(".scratch/sweeps")
BASE = "base"
"""A sweep's folder with the code of the moment when it was started."""
_NEVER = {".git", ".dvc", ".scratch", ".venv", "__pycache__", "mlartifacts", "mlruns"}
_LINKED_BYTES = 2**20


def copy(source: Path, target: Path, *, outs: Collection[str] = ()) -> Path:
    """Bring the small files of a workspace to another folder; what ran there before keeps its own dvc.lock and states.

    Returns the target, a DVC workspace without git whose cache is the source's. `outs` are the stages', left out.
    """
    names = set(_files(source, outs))
    linked = set(_linked(source, names))
    for name in names:
        if "/".join(name.split("/")[:2]) not in linked:
            _bring(source / name, target / name)
    for name in linked:
        _link(source / name, target / name)
    _configure(source, target)
    return target


def set_params(path: Path, values: Mapping[str, Any]) -> None:
    """Set dotted paths in a params.yaml, comments kept; a section is then the given one, with nothing else in it."""
    with modify_yaml(str(path)) as params:
        for dotted, value in values.items():
            section = params
            *parents, leaf = dotted.split(".")
            for key in parents:
                section = _section(section, key)
            _put(section, leaf, value)


def prepare(source: Path, target: Path, *, cell: Mapping[str, str], values: Mapping[str, Any], seed: int) -> None:
    """Make a trial's workspace: its own params.yaml, its own cell alone in the table."""
    copy(source, target)
    shutil.copy2(source / PARAMS, target / PARAMS)
    own = {f"axes.{axis}": [name] for axis, name in cell.items()}
    set_params(target / PARAMS, own | dict(values) | {"seed": seed})


def _section(params: MutableMapping[str, Any], key: str) -> MutableMapping[str, Any]:
    if not isinstance(params.get(key), MutableMapping):
        params[key] = {}
    return params[key]


def _put(section: MutableMapping[str, Any], key: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        section[key] = _written(value)
        return
    inner = _section(section, key)
    for gone in set(inner) - set(value):
        del inner[gone]
    for name, one in value.items():
        _put(inner, name, one)


def _written(value: Any) -> Any:
    """Write 1e-05 as 1.0e-05, which every YAML reader takes for a number."""
    if isinstance(value, list):
        return [_written(one) for one in value]
    text = repr(value)
    if isinstance(value, float) and "e" in text and "." not in text:
        return parse_yaml_for_update(f"value: {text.replace('e', '.0e')}", "")["value"]
    return value


def digest(root: Path, code: Sequence[str]) -> str:
    """Return the SHA-256 of the files and folders that stages are made of: equal on two machines if the code is."""
    found = hashlib.sha256()
    for path in below(root, code):
        found.update(f"{path.relative_to(root)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def has_remote(root: Path) -> bool:
    """Say whether a workspace has a default DVC remote."""
    return "remote" in Config(str(root / ".dvc"), validate=False)["core"]


def below(root: Path, names: Iterable[str]) -> list[Path]:
    """Return the files that these names mean: themselves, or all in a folder."""
    found = {path for name in names for path in (root / name, *(root / name).rglob("*"))}
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _files(root: Path, outs: Collection[str]) -> Iterator[str]:
    """What git would carry, committed or not; without git, all but what stages, DVC or Python made."""
    if (root / ".git").exists():
        names = _listed(root, "--cached", "--others", "--exclude-standard")
        yield from (name for name in names if name.split("/")[0] != ".dvc" and (root / name).is_file())
        return
    for at, folders, files in os.walk(root):
        here = Path(at).relative_to(root)
        folders[:] = [name for name in folders if name not in _NEVER and str(here / name) not in outs]
        yield from (str(here / name) for name in files if str(here / name) not in outs)


def _listed(root: Path, *which: str) -> list[str]:
    asked = ["git", "ls-files", "-z", *which]
    told = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=True).stdout
    return [name for name in told.split("\0") if name]


def _linked(root: Path, names: Collection[str]) -> Iterator[str]:
    """What lies in raw/ and is read where it lies: folders and links to them, and files that git ignores.

    Not what DVC tracks, which need not come, nor folders in which git keeps something, which come like all its files.
    """
    tracked = _listed(root, RAW) if (root / ".git").exists() else []
    kept = {"/".join(name.split("/")[:2]) for name in tracked if name.count("/") > 1}
    for path in sorted((root / RAW).glob("*")):
        name = f"{RAW}/{path.name}"
        if name in kept or path.with_name(f"{path.name}.dvc").exists():
            continue
        if path.is_dir() or (path.is_file() and name not in names):
            yield name


def _link(source: Path, target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(source.resolve())


def _bring(source: Path, target: Path) -> None:
    own = source.name == "dvc.lock"  # each trial's DVC has its own
    if target.exists() and (own or filecmp.cmp(source, target)):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if source.stat().st_size > _LINKED_BYTES:  # raw pictures, say: only read
        target.symlink_to(source.resolve())
    else:
        shutil.copy2(source, target)


def _configure(source: Path, target: Path) -> None:
    """Give the copy the source's remotes and credentials, and its cache.

    By a path from the copy: DVC writes no letter into this file that is not ASCII, and an absolute path may have some.
    """
    theirs, ours = source.resolve() / ".dvc", target.resolve() / ".dvc"
    ours.mkdir(parents=True, exist_ok=True)
    merged: Any = Config(str(theirs), validate=False)
    cache = merged.get("cache", {}).get("dir") or RelPath((theirs / "cache").resolve())
    with Config(str(ours), validate=False).edit("local") as opened:
        config: Any = opened
        config["core"] = {**merged["core"], "no_scm": True}
        config["remote"] = merged.get("remote", {})
        config["cache"] = {"dir": cache, "type": "reflink,symlink,copy"}
    (ours / "config.local").chmod(0o600)
