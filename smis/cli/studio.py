"""`smis studio | serve`: paint label maps in a browser, and the same server without the page."""

import argparse
import re
from pathlib import Path
from typing import Any

from smis.cli.arguments import whole
from smis.core.errors import CheckpointError, ParamsError, optional_package
from smis.core.messages import report

DEFAULT_PORT = 8421
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{8,200}")


def add(verbs: Any) -> None:
    """Add the verbs to the command's parser."""
    for name in ("studio", "serve"):
        parser = verbs.add_parser(name)
        parser.add_argument(
            "checkpoints",
            nargs="*",
            metavar="CHECKPOINT",
            help="as `smis generate` takes them (default: the zoo, and what `make repro` trained in this folder)",
        )
        parser.add_argument("--port", type=whole(65_535), default=DEFAULT_PORT, help="0: any free one (default: 8421)")
        parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: all machines reach it, with a token")
        parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
        parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
        parser.add_argument("--token", help="what requests must have (default: none, or a random one with --host)")
        parser.set_defaults(run=run, page=name == "studio")


def run(options: argparse.Namespace) -> None:
    """Load what was named, take the port, and answer until Ctrl-C."""
    check_token(options.token)
    with optional_package(f"smis {'studio' if options.page else 'serve'}", extra="studio"):
        from smis.studio.access import Access
        from smis.studio.serve import address_of, choose_token, is_local, listen, run_app
    with listen(options.host, options.port) as listening:
        token, port = choose_token(options.host, options.token), listening.getsockname()[1]
        if not is_local(options.host):
            report(f"warning: all machines that reach {options.host} can ask this server; keep the token to yourself")
        app = _application(options, Access(token, cookie=f"smis_studio_{port}"))
        address = address_of(options.host, port, token=token, page=options.page)
        run_app(app, listening, started=lambda: print(f"{address} (Ctrl-C ends it)", flush=True))


def check_token(token: str | None) -> None:
    """Refuse a token that would have to be quoted in an address.

    Raises:
        ParamsError: with what it may be.
    """
    if token is not None and not _TOKEN.fullmatch(token):
        raise ParamsError("--token takes 8 to 200 of the characters A-Z a-z 0-9 . _ ~ -; or leave it out")


def _application(options: argparse.Namespace, access: Any) -> Any:
    from smis.core.device import usable_device
    from smis.studio.application import create_app
    from smis.studio.model_library import ModelLibrary
    from smis.studio.model_sources import named_sources, workspace_sources, zoo_sources
    from smis.studio.service import StudioService

    named = named_sources(options.checkpoints)
    sources = named or [*zoo_sources(), *workspace_sources(Path())]
    if not sources:
        raise CheckpointError("there is no model: this package came without a zoo; name a checkpoint")
    library = ModelLibrary(
        {source.name: source for source in sources},
        device=usable_device(options.device),
        precision=options.precision,
        workspace=Path(),
    )
    for source in named:  # what a person names must be good; of the others, those that are
        library.describe(source.name)
    return create_app(StudioService(library), access=access, page=options.page)
