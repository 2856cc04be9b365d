"""What arguments may be."""

import argparse


def positive(given: str) -> int:
    """Read a whole number from 1."""
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given!r} is no number from 1")
    return int(given)


def whole(given: str) -> int:
    """Read a whole number from 0."""
    if not given.isdecimal():
        raise argparse.ArgumentTypeError(f"{given!r} is no number from 0")
    return int(given)
