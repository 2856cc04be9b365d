"""The command `smis`: one thin file per verb."""

import argparse
import os
import sys
from collections.abc import Sequence

from smis.cli import bench, data, external_weights, metrics, released_checkpoints, runs, styles, systems
from smis.core.errors import SmisError

_VERBS = (systems, external_weights, data, styles, metrics, bench, runs, released_checkpoints)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, 2 after a SmisError, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="smis", description="Diverse semantic image synthesis.")
    verbs = parser.add_subparsers(required=True, metavar="verb")
    for verb in _VERBS:
        verb.add(verbs)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`head`, a pager) has closed the pipe; Python flushes stdout once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except SmisError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0
