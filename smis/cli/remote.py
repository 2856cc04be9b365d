"""`smis remote check | setup | link | report`: DVC's remote on S3, beyond `dvc push` and `dvc pull`."""

import argparse
from pathlib import Path
from typing import Any

from smis.core.errors import ParamsError
from smis.core.progress import Bar
from smis.remote.address import Address, of_workspace

_REPORT = Path("report/report.html")


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("remote", help="DVC's remote on S3: is everything there, set-up, links")
    what = parser.add_subparsers(required=True, metavar="what")
    check = what.add_parser("check", help="is every object of dvc.lock there?")
    check.add_argument("--whole", action="store_true", help="fetch each, and compare its bytes")
    check.set_defaults(run=_check)
    setup = what.add_parser("setup", help="make the bucket, keep old versions, shut it to the public")
    setup.set_defaults(run=_set_up)
    link = what.add_parser("link", help="addresses that open an out without keys, as report/report.html")
    link.add_argument("path", help="an out of dvc.lock, or a file of one")
    link.set_defaults(run=_link)
    report = what.add_parser("report", help="the report as a page to send, with such addresses of all its files")
    report.add_argument("--output", type=Path, default=Path("shared.html"), help="default: shared.html")
    report.set_defaults(run=_report)
    for each in (link, report):
        each.add_argument("--hours", type=float, default=24.0, help="how long they work (default: 24, at most a week)")
    for each in (check, setup, link, report):
        each.add_argument("--remote", help="its name in .dvc/config (default: the default one)")


def _address(chosen: argparse.Namespace) -> Address:
    return of_workspace(Path(), name=chosen.remote)


def _check(chosen: argparse.Namespace) -> None:
    from smis.remote.bucket import Bucket
    from smis.remote.check import check
    from smis.remote.record import recorded

    bucket, outs = Bucket(_address(chosen)), recorded(Path())
    with Bar(f"checking {bucket.address}", total=len(outs), unit="objects", visible=chosen.whole) as bar:
        files = check(bucket, outs, whole=chosen.whole, advance=bar.advance)
    how = "fetched and compared" if chosen.whole else "listed"
    print(f"{bucket.address}: all {len(files)} objects of dvc.lock are there ({how})")


def _set_up(chosen: argparse.Namespace) -> None:
    from smis.remote.bucket import Bucket

    for step, outcome in Bucket(_address(chosen)).set_up():
        print(f"{step}: {outcome}")


def _link(chosen: argparse.Namespace) -> None:
    from smis.remote.bucket import Bucket
    from smis.remote.links import links
    from smis.remote.record import recorded

    wanted = chosen.path.rstrip("/")
    outs = [out for out in recorded(Path()) if f"{wanted}/".startswith(f"{out.path}/")]
    if not outs:
        raise ParamsError(f"{wanted} is no out of dvc.lock, nor in one; `dvc status` and dvc.lock name them")
    for link in links(Bucket(_address(chosen)), outs, hours=chosen.hours, under=wanted):
        print(f"{link.path}\n  {link.address}")


def _report(chosen: argparse.Namespace) -> None:
    from smis.core.files import written
    from smis.remote.bucket import Bucket
    from smis.remote.links import links, page
    from smis.remote.record import recorded

    if not _REPORT.exists():
        raise ParamsError(f"there is no {_REPORT} here; `dvc repro` or `dvc pull report` brings it")
    found = links(Bucket(_address(chosen)), recorded(Path()), hours=chosen.hours)
    with written(chosen.output) as beside:
        beside.write_text(page(_REPORT.read_text(), found, hours=chosen.hours))
    print(f"{chosen.output}: the report with links to {len(found)} files, for {chosen.hours:g} hours")
