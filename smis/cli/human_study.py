"""`smis study create | serve | report`: pairs of pictures for volunteers, and what their votes say."""

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any

from smis.cli.arguments import nonempty_path, positive, seed, whole
from smis.cli.studio import check_token
from smis.core.errors import optional_package
from smis.core.messages import report
from smis.studio.study.tasks import MOST_PAIRS, TASKS

_PLACE = "[NAME=]PLACE"
DEFAULT_PORT = 8422


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    study = verbs.add_parser("study")
    commands = study.add_subparsers(required=True, metavar="command")
    _add_create(commands)
    _add_serve(commands)
    _add_report(commands)


def _add_create(commands: Any) -> None:
    text = "draw pairs of pictures and freeze them in one file"
    create = commands.add_parser("create", help=text, description=text)
    create.add_argument("study", type=nonempty_path, metavar="STUDY", help="the file to write, as study.sqlite")
    create.add_argument(
        "systems",
        nargs="+",
        metavar=_PLACE,
        help="a checkpoint, zoo:NAME, or a folder of pictures: class-3/STEM_00.png ..., everything/STEM_00.png ..., or "
        "the same as .arrow (runs/DATASET/SYSTEM/seed-0/samples); for preference STEM.png is enough",
    )
    create.add_argument("--task", choices=list(TASKS), default="she", help="what is asked (default: she)")
    create.add_argument(
        "--labels",
        nargs="+",
        type=nonempty_path,
        metavar="LABELS",
        help="label maps for checkpoints: files, a folder, or prepared data (default: those beside the checkpoint)",
    )
    create.add_argument("--instance-maps", type=nonempty_path, metavar="FOLDER", help="instance maps of the label maps")
    create.add_argument("--split", default="test", help="split of a prepared data set (default: test)")
    create.add_argument("--classes", nargs="+", default=[], metavar="CLASS", help="classes that may be resampled")
    create.add_argument("--pairs", type=positive(MOST_PAIRS), default=20, help="of each system (default: 20)")
    create.add_argument("--catch", type=whole(50), default=10, metavar="PERCENT", help="of catch trials (default: 10)")
    create.add_argument("--practice", type=whole(20), default=3, help="trials that do not count (default: 3)")
    create.add_argument("--per-volunteer", type=positive(MOST_PAIRS), metavar="N", help="trials (default: all)")
    create.add_argument(
        "--minimum-ms", type=whole(60_000), default=700, help="to look before an answer is taken (default: 700)"
    )
    create.add_argument("--title", default="Looking at pictures", help="what the page is called")
    create.add_argument("--consent", type=nonempty_path, metavar="FILE", help="what volunteers agree to, as plain text")
    create.add_argument("--seed", type=seed, default=0, help="of pictures, pairs and orders (default: 0)")
    create.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
    create.set_defaults(run=_later("study_creation"))


def _add_serve(commands: Any) -> None:
    text = "show the pictures to volunteers in a browser, and store their votes"
    serve = commands.add_parser("serve", help=text, description=text)
    serve.add_argument("study", type=nonempty_path, metavar="STUDY")
    serve.add_argument("--port", type=whole(65_535), default=DEFAULT_PORT, help="0: any free one (default: 8422)")
    serve.add_argument("--host", default="127.0.0.1", help="0.0.0.0: all machines reach it, with the printed link")
    serve.add_argument("--token", help="of the link with which volunteers come (default: none, or random with --host)")
    serve.set_defaults(run=_serve)


def _add_report(commands: Any) -> None:
    text = "print what the votes say; votes of volunteers who failed catch trials are left out, and counted"
    reporting = commands.add_parser("report", help=text, description=text)
    reporting.add_argument("study", type=nonempty_path, metavar="STUDY")
    reporting.add_argument("--json", action="store_true", help="print JSON")
    reporting.add_argument("--out", type=nonempty_path, metavar="FILE.json", help="write JSON, resamples included")
    reporting.add_argument("--votes", type=nonempty_path, metavar="FILE.csv", help="write a row for each vote")
    reporting.add_argument("--resamples", type=positive(100_000), default=1000, help="of the bootstrap (default: 1000)")
    reporting.add_argument("--seed", type=seed, default=0, help="of the bootstrap (default: 0)")
    reporting.add_argument(
        "--failures-allowed",
        type=whole(100),
        default=20,
        metavar="PERCENT",
        help="of a volunteer's catch trials (default: 20)",
    )
    reporting.set_defaults(run=_later("study_report"))


def _later(module: str) -> Callable[[argparse.Namespace], None]:
    """Import what brings torch when it runs: volunteers are served without it."""
    return lambda options: import_module(f"smis.cli.{module}").run(options)


def _serve(options: argparse.Namespace) -> None:
    check_token(options.token)
    with optional_package("smis study serve", extra="studio"):
        from smis.studio.access import Access
        from smis.studio.serve import address_of, choose_token, is_local, listen, run_app
        from smis.studio.study.study_file import StudyFile
        from smis.studio.study.study_server import create_study_app
    with StudyFile(options.study) as study, listen(options.host, options.port) as listening:
        token, port = choose_token(options.host, options.token), listening.getsockname()[1]
        if not is_local(options.host):
            report(
                f"warning: all machines that reach {options.host} can ask this server; give volunteers the link alone"
            )
        app = create_study_app(study, access=Access(token, cookie=f"smis_study_{port}"))
        link = address_of(options.host, port, token=token, page=True)
        run_app(app, listening, started=lambda: print(f"{link} (Ctrl-C ends it)", flush=True))
