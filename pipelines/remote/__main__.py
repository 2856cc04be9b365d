"""`python -m pipelines.remote check | setup | link | report`: DVC's remote on S3, beyond `dvc push` and `dvc pull`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipelines.remote.bucket import RemoteBucket, S3Location, configured_remote
from pipelines.remote.locked_outputs import add_links, check_objects, presigned_links, read_outputs
from pipelines.stage import run
from smis.core.errors import ParamsError
from smis.core.files import written
from smis.core.progress import ProgressBar

_REPORT = Path("report/report.html")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one of the commands; `arguments` default to those of the process."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.remote", description="DVC's remote on S3.")
    commands = parser.add_subparsers(required=True, metavar="command")
    check = commands.add_parser("check", help="check that the remote holds every object of dvc.lock")
    check.add_argument("--whole", action="store_true", help="download each object and compare its MD5")
    check.set_defaults(run=_check)
    setup = commands.add_parser("setup", help="create the bucket, enable versioning, block public access")
    setup.add_argument("urls", nargs="*", metavar="s3://BUCKET", help="default: the workspace's remote")
    setup.set_defaults(run=_set_up)
    link = commands.add_parser("link", help="print presigned URLs of an output, as report/report.html")
    link.add_argument("path", help="an output in dvc.lock, or a file in one")
    link.set_defaults(run=_link)
    report = commands.add_parser("report", help="write the report as one page with presigned URLs of all its files")
    report.add_argument("--output", type=Path, default=Path("shared.html"), help="default: shared.html")
    report.set_defaults(run=_report)
    for each in (link, report):
        each.add_argument("--hours", type=float, default=24.0, help="validity of the URLs (default: 24, at most 168)")
    for each in (check, setup, link, report):
        each.add_argument("--remote", help="the remote's name in .dvc/config (default: the default remote)")
    options = parser.parse_args(arguments)
    options.run(options)


def _bucket(options: argparse.Namespace) -> RemoteBucket:
    return RemoteBucket(configured_remote(Path(), name=options.remote))


def _check(options: argparse.Namespace) -> None:
    bucket, outputs = _bucket(options), read_outputs(Path())
    with ProgressBar(f"checking {bucket.location}", total=len(outputs), unit="objects", visible=options.whole) as bar:
        objects = check_objects(bucket, outputs, whole=options.whole, advance=bar.advance)
    method = "MD5 compared" if options.whole else "sizes compared"
    print(f"{bucket.location} holds all {len(objects)} objects of dvc.lock ({method})")


def _set_up(options: argparse.Namespace) -> None:
    for bucket in [RemoteBucket(S3Location.parse(url)) for url in options.urls] or [_bucket(options)]:
        for step, outcome in bucket.set_up():
            print(f"{bucket.location}: {step}: {outcome}", flush=True)


def _link(options: argparse.Namespace) -> None:
    path = options.path.rstrip("/")
    outputs = [output for output in read_outputs(Path()) if f"{path}/".startswith(f"{output.path}/")]
    if not outputs:
        raise ParamsError(f"{path} is neither an output in dvc.lock nor in one; `dvc status` and dvc.lock name them")
    for file, url in presigned_links(_bucket(options), outputs, hours=options.hours, under=path).items():
        print(f"{file}\n  {url}")


def _report(options: argparse.Namespace) -> None:
    if not _REPORT.exists():
        raise ParamsError(f"{_REPORT} does not exist; run `dvc repro` or `dvc pull report`")
    links = presigned_links(_bucket(options), read_outputs(Path()), hours=options.hours)
    with written(options.output) as beside:
        beside.write_text(add_links(_REPORT.read_text(encoding="utf-8"), links, hours=options.hours), encoding="utf-8")
    print(f"{options.output}: the report with links to {len(links)} files, valid for {options.hours:g} hours")


if __name__ == "__main__":
    run(lambda *arguments: main(arguments))
