"""Addresses that open what a remote holds without keys, and the report with them in it."""

import html
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from smis.core.errors import ParamsError
from smis.remote.bucket import Bucket
from smis.remote.check import check
from smis.remote.record import Recorded, object_name

_LONGEST_HOURS = 7 * 24
_BEFORE = "<footer>"


@dataclass(frozen=True)
class Link:
    """A file of the workspace, and the address that opens it for a while."""

    path: str
    address: str


def links(bucket: Bucket, outs: Sequence[Recorded], *, hours: float, under: str = "") -> list[Link]:
    """Sign an address for each file of these outs, or for those below a path.

    Raises:
        ParamsError: if S3 does not sign for so long.
        DataError: if a file is not in the bucket; names it.
        ServerError: if S3 does not answer, or not to us.
    """
    if not 0 < hours <= _LONGEST_HOURS:
        raise ParamsError(f"--hours is {hours:g}, but S3 signs for more than 0 and at most {_LONGEST_HOURS}")
    files = [file for file in check(bucket, outs, whole=False) if not file.digest.endswith(".dir")]
    return [
        Link(file.path, _signed(bucket, file.path, file.digest, hours=hours))
        for file in files
        if f"{file.path}/".startswith(under and f"{under}/")
    ]


def _signed(bucket: Bucket, path: str, digest: str, *, hours: float) -> str:
    title = Path(path).name
    kind = mimetypes.guess_type(title)[0] or "application/octet-stream"
    return bucket.link(object_name(digest), hours=hours, title=title, kind=kind)


def page(report: str, found: Sequence[Link], *, hours: float) -> str:
    """Return the report's HTML with a last card that links to all files, and says until when.

    Raises:
        ParamsError: if it is no page of `pipelines.report`.
    """
    before, there, after = report.rpartition(_BEFORE)
    if not there:
        raise ParamsError("report/report.html is no page of this version's report; run `dvc repro report`")
    until = datetime.now(UTC) + timedelta(hours=hours)
    items = "\n".join(f"<li>{_anchor(one)}</li>" for one in found)
    told = f"The files of this report. The links work until {until:%d %B %Y, %H:%M} UTC, for whoever has them."
    card = f'<h2>Files</h2>\n<div class="card">\n<p class="soft">{told}</p>\n<ul>\n{items}\n</ul>\n</div>\n'
    return before + card + there + after


def _anchor(link: Link) -> str:
    return f'<a href="{html.escape(link.address)}" style="color: var(--accent)">{html.escape(link.path)}</a>'
