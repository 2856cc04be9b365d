"""`python -m flows.disk`: free disk space, the size of DVC's cache, and how to free what no kept run needs."""

import argparse
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from dvc.config import Config

from flows.command import SCRATCH, exit_on_error

LOCK = Path("dvc.lock")
_GIGABYTE = 1e9
_PROJECTS = ("sweeps/*/base", "sweeps/*/trial-*", "zoo/*")
"""Workspaces below .scratch that share this one's cache: what they hold is kept."""


def report(root: Path, *, cells: int = 0) -> Iterator[str]:
    """Yield lines on the disk of a workspace.

    Args:
        root: the workspace.
        cells: trainings that are to start; what they write is estimated from the largest cell that dvc.lock records.
    """
    cache = cache_folder(root)
    free, cached = shutil.disk_usage(cache if cache.exists() else root).free, folder_size(cache)
    line = f"disk: {free / _GIGABYTE:.1f} GB free; DVC's cache {cache} holds {cached / _GIGABYTE:.2f} GB"
    needed = cells * largest_cell(root)
    yield line + (f"; {cells} trainings may add {needed / _GIGABYTE:.2f} GB" if needed else "")
    if needed > free:
        yield "warning: the trainings may need more than is free"
    if cached:
        kept = "neither git nor a kept sweep needs"
        yield f"to free what {kept}, remove old folders of .scratch/sweeps, then run: {command(root)}"


def command(root: Path) -> str:
    """Return the command that removes from the cache what no commit and no workspace of this folder needs."""
    scratch = root / SCRATCH
    projects = [pattern for pattern in _PROJECTS if any((each / ".dvc").is_dir() for each in scratch.glob(pattern))]
    commits = " --all-commits" if (root / ".git").exists() else ""
    kept = " ".join([" --projects", *(f"{SCRATCH}/{pattern}" for pattern in projects)]) if projects else ""
    return f"dvc gc --workspace{commits}{kept}"


def cache_folder(root: Path) -> Path:
    """Return the folder of a workspace's DVC cache."""
    configured: object = Config(str(root / ".dvc"), validate=False).get("cache", {}).get("dir")
    return Path(os.path.relpath(root / ".dvc" / (str(configured) if configured else "cache")))


def folder_size(folder: Path) -> int:
    """Return the bytes of the files below a folder."""
    return sum((Path(parent) / name).lstat().st_size for parent, _, names in os.walk(folder) for name in names)


def largest_cell(root: Path) -> int:
    """Return the bytes that the stages of the largest cell in dvc.lock wrote, without the data that cells share."""
    path = root / LOCK
    if not path.exists():
        return 0
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a table of 1,000 cells takes a minute without libyaml
    stages = (yaml.load(path.read_text(encoding="utf-8"), loader) or {}).get("stages", {})
    sizes: dict[str, int] = {}
    for name, stage in stages.items():
        kind, _, cell = name.partition("@")
        if kind in ("train", "sample", "evaluate"):
            sizes[cell] = sizes.get(cell, 0) + sum(out.get("size", 0) for out in stage.get("outs", ()))
    return max(sizes.values(), default=0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print free disk space, the size of DVC's cache, and the command that frees what no kept run needs."""
    argparse.ArgumentParser(prog="python -m flows.disk", description=main.__doc__).parse_args(arguments)
    with exit_on_error():
        print("\n".join(report(Path())))


if __name__ == "__main__":
    main()
