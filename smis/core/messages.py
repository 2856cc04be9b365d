"""Messages to a person, on standard error: what a file name or a server's answer contains cannot steer the terminal."""

import sys
from contextlib import suppress


def report(message: str) -> None:
    """Print a message; a standard error that is full or closed changes nothing."""
    with suppress(OSError, ValueError):
        print(escape(message), file=sys.stderr, flush=True)


def escape(text: str) -> str:
    r"""Write control characters as in Python's strings, and bytes of a file name that are not UTF-8 as \xe9.

    The lines of a list, which are indented, stay lines.

    Example:
        >>> print(escape("cannot read a\x1b[31m\nb.png"))
        cannot read a\x1b[31m\nb.png
    """
    return "\n  ".join("".join(map(_escaped, line)) for line in text.split("\n  "))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":  # Python's stand-in for one byte of a name
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
