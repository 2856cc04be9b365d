"""What dvc.lock says was made: which objects must be in a remote."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from smis.core.errors import ParamsError


@dataclass(frozen=True)
class Recorded:
    """One out of a stage: a file, or a folder whose object lists its files."""

    path: str
    digest: str
    """MD5, with ".dir" behind that of a folder."""
    size: int

    @property
    def folder(self) -> bool:
        """Whether it is a folder."""
        return self.digest.endswith(".dir")


def object_name(digest: str) -> str:
    """Return where DVC 3 keeps an object, below the remote's folder."""
    return f"files/md5/{digest[:2]}/{digest[2:]}"


def recorded(folder: Path) -> list[Recorded]:
    """Read the outs of a workspace's dvc.lock that DVC caches, each object once.

    Raises:
        ParamsError: if there is no dvc.lock, or it is no YAML.
    """
    lock, project = (_read(folder / name) for name in ("dvc.lock", "dvc.yaml"))
    uncached = list(_uncached(project))
    found = {}
    for stage in (lock.get("stages") or {}).values():
        for out in stage.get("outs", ()):
            if not any(pattern.fullmatch(out["path"]) for pattern in uncached):
                found.setdefault(out["md5"], Recorded(out["path"], out["md5"], out["size"]))
    return list(found.values())


def _uncached(project: dict[str, Any]) -> Iterator[re.Pattern[str]]:
    """What git keeps, as the small metrics: the lock does not say so, dvc.yaml does."""
    for stage in (project.get("stages") or {}).values():
        for entry in (each for kind in ("outs", "metrics", "plots") for each in stage.get(kind, ())):
            for path, options in entry.items() if isinstance(entry, dict) else ():
                if not options.get("cache", True):
                    yield re.compile(".+".join(map(re.escape, re.split(r"\$\{[^}]*\}", path))))


def _read(path: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(path.read_text()) or {}
    except FileNotFoundError:
        raise ParamsError(f"there is no {path.name} in {path.parent.resolve()}; run this where it lies") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
