"""Presigned links to the files of a remote, which open without credentials, and the report with such links."""

import html
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.remote.bucket import RemoteBucket
from pipelines.remote.locked_outputs import LockedOutput, check_objects, object_name
from smis.core.errors import ParamsError

_MAX_HOURS = 7 * 24
_FOOTER = "<footer>"


@dataclass(frozen=True)
class PresignedLink:
    """A file of the workspace, and the URL that opens it for a limited time."""

    path: str
    url: str


def presigned_links(
    bucket: RemoteBucket, outputs: Sequence[LockedOutput], *, hours: float, under: str = ""
) -> list[PresignedLink]:
    """Sign a URL for each file of these outputs, or for those at or below the path `under`.

    Raises:
        ParamsError: if `hours` is outside of what S3 allows.
        DataError: if an object is missing from the bucket; names it.
        ServerError: if S3 cannot be reached or denies access.
    """
    if not 0 < hours <= _MAX_HOURS:
        raise ParamsError(f"--hours is {hours:g}, but S3 signs for more than 0 and at most {_MAX_HOURS} hours")
    files = [each for each in check_objects(bucket, outputs, whole=False) if not each.md5.endswith(".dir")]
    return [
        PresignedLink(file.path, _sign(bucket, file.path, file.md5, hours=hours))
        for file in files
        if f"{file.path}/".startswith(under and f"{under}/")
    ]


def _sign(bucket: RemoteBucket, path: str, md5: str, *, hours: float) -> str:
    filename = Path(path).name
    media_type = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    return bucket.presigned_url(object_name(md5), hours=hours, filename=filename, media_type=media_type)


def add_links(report: str, links: Sequence[PresignedLink], *, hours: float) -> str:
    """Return the report's HTML with a last section that lists the links and when they expire.

    Raises:
        ParamsError: if `report` was not written by `pipelines.report`.
    """
    before, footer, after = report.rpartition(_FOOTER)
    if not footer:
        raise ParamsError("report/report.html was not written by this version; run `dvc repro report`")
    expiry = datetime.now(UTC) + timedelta(hours=hours)
    items = "\n".join(f"<li>{_anchor(link)}</li>" for link in links)
    note = f"The files of this report. Anyone with a link can open it until {expiry:%d %B %Y, %H:%M} UTC."
    card = f'<h2>Files</h2>\n<div class="card">\n<p class="soft">{note}</p>\n<ul>\n{items}\n</ul>\n</div>\n'
    return before + card + footer + after


def _anchor(link: PresignedLink) -> str:
    return f'<a href="{html.escape(link.url)}" style="color: var(--accent)">{html.escape(link.path)}</a>'
