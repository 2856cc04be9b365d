"""The outputs that dvc.lock records, and the check that the remote holds each of their objects."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipelines.remote.bucket import RemoteBucket
from smis.core.errors import DataError, ParamsError

_MAX_LISTED = 10


@dataclass(frozen=True)
class LockedOutput:
    """One output of a stage: a file, or a directory whose object lists its files."""

    path: str
    md5: str
    """With the suffix ".dir" for a directory."""
    size: int

    @property
    def is_directory(self) -> bool:
        """Whether the output is a directory."""
        return self.md5.endswith(".dir")


@dataclass(frozen=True)
class RemoteObject:
    """An object that the remote must hold, and the path of its file in the workspace."""

    path: str
    md5: str
    size: int | None = None
    """None: not recorded."""


def object_name(md5: str) -> str:
    """Return the name of an object in a remote of DVC 3."""
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def read_outputs(workspace: Path) -> list[LockedOutput]:
    """Read the outputs in a workspace's dvc.lock that DVC caches, each object once.

    Raises:
        ParamsError: if dvc.lock or dvc.yaml does not exist or is not YAML.
    """
    lock, project = (_read(workspace / name) for name in ("dvc.lock", "dvc.yaml"))
    uncached = list(_uncached_paths(project))
    outputs = {}
    for stage in (lock.get("stages") or {}).values():
        for out in stage.get("outs", ()):
            if not any(pattern.fullmatch(out["path"]) for pattern in uncached):
                outputs.setdefault(out["md5"], LockedOutput(out["path"], out["md5"], out["size"]))
    return list(outputs.values())


def check_objects(
    bucket: RemoteBucket,
    outputs: Iterable[LockedOutput],
    *,
    whole: bool,
    advance: Callable[[int], object] = lambda count: None,
) -> list[RemoteObject]:
    """Check that the bucket holds every object of the outputs, and return them.

    Args:
        whole: download each object and compare its MD5, instead of its size alone.
        advance: called with 1 after each object.

    Raises:
        DataError: if any object is missing or differs; names them.
        ServerError: if S3 cannot be reached or denies access.
    """
    sizes = bucket.sizes("files/md5/")
    mistakes: list[str] = []
    objects = []
    for output in outputs:
        for each in _objects(bucket, output, sizes):
            objects.append(each)
            mistake = _mistake(bucket, each, sizes, whole=whole)
            mistakes += [f"{each.path} {mistake}"] if mistake else []
            advance(1)
    if mistakes:
        more = f", and {len(mistakes) - _MAX_LISTED} more" if len(mistakes) > _MAX_LISTED else ""
        raise DataError(
            f"{len(mistakes)} of {len(objects)} objects of dvc.lock are missing or damaged in {bucket.location}: "
            f"{', '.join(mistakes[:_MAX_LISTED])}{more}; run `dvc push` in a workspace that has them"
        )
    return objects


def _objects(bucket: RemoteBucket, output: LockedOutput, sizes: dict[str, int]) -> Iterator[RemoteObject]:
    yield RemoteObject(output.path, output.md5, None if output.is_directory else output.size)
    if output.is_directory and object_name(output.md5) in sizes:
        with suppress(ValueError, KeyError, TypeError):  # a damaged listing has another MD5, which _mistake reports
            entries = json.loads(bucket.read(object_name(output.md5)))
            yield from [RemoteObject(f"{output.path}/{entry['relpath']}", entry["md5"]) for entry in entries]


def _mistake(bucket: RemoteBucket, expected: RemoteObject, sizes: dict[str, int], *, whole: bool) -> str | None:
    name = object_name(expected.md5)
    if name not in sizes:
        return "is missing"
    if expected.size is not None and sizes[name] != expected.size:
        return f"has {sizes[name]} bytes instead of {expected.size}"
    is_listing = expected.md5.endswith(".dir")
    if (whole or is_listing) and bucket.md5(name) != expected.md5.removesuffix(".dir"):
        return "has other bytes"
    return None


def _uncached_paths(project: dict[str, Any]) -> Iterator[re.Pattern[str]]:
    """Yield the paths with `cache: false`, which git tracks: dvc.lock does not mark them, dvc.yaml does."""
    for stage in (project.get("stages") or {}).values():
        for entry in (each for kind in ("outs", "metrics", "plots") for each in stage.get(kind, ())):
            for path, options in entry.items() if isinstance(entry, dict) else ():
                if not options.get("cache", True):
                    yield re.compile(".+".join(map(re.escape, re.split(r"\$\{[^}]*\}", path))))


def _read(path: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(path.read_text()) or {}
    except FileNotFoundError:
        raise ParamsError(
            f"there is no {path.name} in {path.parent.resolve()}; run this in the workspace's root"
        ) from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
