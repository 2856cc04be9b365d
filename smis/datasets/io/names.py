"""Names of files: Linux takes any bytes, and Python stands in a surrogate for each that is not UTF-8."""

BETWEEN = "\0"
"""Stands between names in one text: Linux has none with it."""


def printable(name: str) -> str:
    r"""Write out bytes that are not UTF-8, as \xe9 for example; any other name stays as it is."""
    return as_bytes(name).decode(errors="backslashreplace")


def as_bytes(name: str) -> bytes:
    """Return the name as it is on the disk."""
    return name.encode(errors="surrogateescape")
