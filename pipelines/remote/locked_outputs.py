"""The outputs that dvc.lock records: whether the remote holds each of their objects, and presigned links to them."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

from pipelines.params import read_yaml
from pipelines.remote.bucket import RemoteBucket
from smis.core.errors import DataError, ParamsError

_MAX_LISTED = 10
_MAX_HOURS = 7 * 24
_FOOTER = "<footer>"


@dataclass(frozen=True)
class LockedOutput:
    """A file that the remote must hold as an object, or a directory, whose object lists its files."""

    path: str
    md5: str
    """With the suffix ".dir" for a directory."""
    size: int | None = None
    """None: not recorded."""

    @property
    def is_directory(self) -> bool:
        """Whether the output is a directory."""
        return self.md5.endswith(".dir")


def object_name(md5: str) -> str:
    """Return the name of an object in a remote of DVC 3."""
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def read_outputs(workspace: Path) -> list[LockedOutput]:
    """Read the outputs in a workspace's dvc.lock that DVC caches, each object once.

    Raises:
        ParamsError: if dvc.lock or dvc.yaml does not exist or is not YAML.
    """
    lock, project = (read_yaml(workspace / name) for name in ("dvc.lock", "dvc.yaml"))
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
) -> list[LockedOutput]:
    """Check that the bucket holds every object of the outputs, and return them: directories, then their files.

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


def presigned_links(
    bucket: RemoteBucket, outputs: Iterable[LockedOutput], *, hours: float, under: str = ""
) -> dict[str, str]:
    """Return a URL for each file of these outputs, or for those at or below the path `under`; it needs no credentials.

    Raises:
        ParamsError: if `hours` is outside of what S3 allows.
        DataError: if an object is missing from the bucket; names it.
        ServerError: if S3 cannot be reached or denies access.
    """
    if not 0 < hours <= _MAX_HOURS:
        raise ParamsError(f"--hours is {hours:g}, but S3 signs for more than 0 and at most {_MAX_HOURS} hours")
    files = [each for each in check_objects(bucket, outputs, whole=False) if not each.is_directory]
    return {
        file.path: bucket.presigned_url(object_name(file.md5), hours=hours, filename=Path(file.path).name)
        for file in files
        if f"{file.path}/".startswith(under and f"{under}/")
    }


def add_links(report: str, links: Mapping[str, str], *, hours: float) -> str:
    """Return the report's HTML with a last section that lists the links and when they expire.

    Raises:
        ParamsError: if `report` was not written by `pipelines.report`.
    """
    before, footer, after = report.rpartition(_FOOTER)
    if not footer:
        raise ParamsError("report/report.html was not written by this version; run `dvc repro report`")
    expiry = datetime.now(UTC) + timedelta(hours=hours)
    anchors = [
        f'<a href="{escape(url)}" style="color: var(--accent)">{escape(path)}</a>' for path, url in links.items()
    ]
    items = "\n".join(f"<li>{anchor}</li>" for anchor in anchors)
    note = f"The files of this report. Anyone with a link can open it until {expiry:%d %B %Y, %H:%M} UTC."
    card = f'<h2>Files</h2>\n<div class="card">\n<p class="soft">{note}</p>\n<ul>\n{items}\n</ul>\n</div>\n'
    return before + card + footer + after


def _objects(bucket: RemoteBucket, output: LockedOutput, sizes: dict[str, int]) -> Iterator[LockedOutput]:
    yield output
    if output.is_directory and object_name(output.md5) in sizes:
        with suppress(ValueError, KeyError, TypeError):  # a damaged listing has another MD5, which _mistake reports
            entries = json.loads(b"".join(bucket.chunks(object_name(output.md5))))
            yield from [LockedOutput(f"{output.path}/{entry['relpath']}", entry["md5"]) for entry in entries]


def _mistake(bucket: RemoteBucket, expected: LockedOutput, sizes: dict[str, int], *, whole: bool) -> str | None:
    name = object_name(expected.md5)
    if name not in sizes:
        return "is missing"
    # The size of a directory is that of its files.
    if not expected.is_directory and expected.size not in (None, sizes[name]):
        return f"has {sizes[name]} bytes instead of {expected.size}"
    if whole or expected.is_directory:
        digest = hashlib.md5(usedforsecurity=False)
        for chunk in bucket.chunks(name):
            digest.update(chunk)
        if digest.hexdigest() != expected.md5.removesuffix(".dir"):
            return "has other bytes"
    return None


def _uncached_paths(project: dict[str, Any]) -> Iterator[re.Pattern[str]]:
    """Yield the paths with `cache: false`, which git tracks: dvc.lock does not mark them, dvc.yaml does."""
    for stage in (project.get("stages") or {}).values():
        for entry in (each for kind in ("outs", "metrics", "plots") for each in stage.get(kind, ())):
            for path, options in entry.items() if isinstance(entry, dict) else ():
                if not options.get("cache", True):
                    yield re.compile(".+".join(map(re.escape, re.split(r"\$\{[^}]*\}", path))))
