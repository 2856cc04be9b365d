"""The command `smis`: one file per verb, each thin."""

import argparse
import sys
from collections.abc import Sequence

from smis.cli import systems, weights
from smis.core.errors import SmisError

_VERBS = (systems, weights)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb: 0 when done, 2 with one line where a person can help."""
    parser = argparse.ArgumentParser(prog="smis", description="Diverse semantic image synthesis.")
    verbs = parser.add_subparsers(required=True, metavar="verb")
    for verb in _VERBS:
        verb.add(verbs)
    chosen = parser.parse_args(arguments)
    try:
        chosen.run(chosen)
    except SmisError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0
