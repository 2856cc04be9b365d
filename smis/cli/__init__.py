"""The command `smis`: one file per verb, each thin."""

import argparse
import os
import sys
from collections.abc import Sequence

from smis.cli import (
    bench,
    data,
    export_checkpoint,
    import_checkpoint,
    metrics,
    recipe,
    runs,
    styles,
    systems,
    weights,
)
from smis.core.errors import SmisError

_VERBS = (systems, recipe, weights, data, styles, metrics, bench, runs, import_checkpoint, export_checkpoint)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb: 0 when done, 2 with one line where a person can help, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="smis", description="Diverse semantic image synthesis.")
    verbs = parser.add_subparsers(required=True, metavar="verb")
    for verb in _VERBS:
        verb.add(verbs)
    chosen = parser.parse_args(arguments)
    try:
        chosen.run(chosen)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`head`, a pager) has seen enough; what Python still flushes at its end must go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except SmisError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0
