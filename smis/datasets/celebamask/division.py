"""Which split each face is in: CelebA's own, by a list that the release has, or the last ones for tests."""

import re
from collections.abc import Iterable, Sequence

from smis.core.errors import DataError, ParamsError
from smis.datasets.io.files import Several
from smis.datasets.io.section import TEST, TRAIN, VALIDATION

LIST = "CelebA-HQ-to-CelebA-mapping.txt"
_ROW = re.compile(r"\s*(?P<number>\d+)\s+(?P<original>\d+)(\s.*)?")
_VALIDATION_FROM, _TEST_FROM = 162771, 182638
"""Numbers in CelebA at which its splits begin, as the release's g_partition.py compares them."""
_TESTS = 2000


def as_celeba(files: Several, lists: Sequence[str]) -> dict[int, str]:
    """Read each picture's number in CelebA, which says its split.

    Raises:
        ParamsError: if there is no list.
        DataError: if there are two that differ, or it cannot be read.
    """
    if not lists:
        remedy = "copy it beside CelebA-HQ-img, or set datasets.celebamask.division: last_2000"
        raise ParamsError(f"there is no {LIST}, which says who is in which split; {remedy}")
    texts = {_read(files, name): files.title(name) for name in lists}
    if len(texts) > 1:
        raise DataError(f"{' and '.join(sorted(texts.values())[:2])} differ; take away the one that is not of the data")
    ((text, title),) = texts.items()
    rows = [(number, line) for number, line in enumerate(text.splitlines(), 1) if number > 1 and line.strip()]
    return dict(_row(line, f"line {number} of {title}") for number, line in rows)


def last(numbers: Iterable[int]) -> dict[int, str]:
    """Take the last 2,000 for tests."""
    ordered = sorted(numbers)
    return dict.fromkeys(ordered[:-_TESTS], TRAIN) | dict.fromkeys(ordered[-_TESTS:], TEST)


def _read(files: Several, name: str) -> str:
    try:
        return files.read(name).decode(errors="replace")
    except OSError as error:
        raise DataError(f"cannot read {files.title(name)} ({error}); is the file whole? copy it again") from None


def _row(line: str, where: str) -> tuple[int, str]:
    match = _ROW.fullmatch(line)
    if not match:
        wanted = "a picture's number, its number in CelebA and its name there"
        raise DataError(f"{where} is {line.strip()[:60]!r}, but a line has {wanted}; copy the list again")
    original = int(match["original"])
    later = TEST if original >= _TEST_FROM else VALIDATION
    return int(match["number"]), later if original >= _VALIDATION_FROM else TRAIN
