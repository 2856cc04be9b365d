"""What is wrong with a data set, all of it at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from smis.core.errors import DataError, SmisError

SHOWN = 20
"""Problems that an error lists; of the others it says how many there are."""


@dataclass(frozen=True)
class Problem:
    """A picture that cannot be read, and why: the file's name, what is wrong, what to do."""

    key: str
    split: str
    why: str


def as_error(problems: Sequence[Problem], *, name: str, pictures: int) -> SmisError:
    """Join problems: a single one in a line, many as a list that begins with their number."""
    reasons = list(dict.fromkeys(problem.why for problem in problems))
    if len(reasons) == 1:
        return DataError(reasons[0])
    lines = [f"  {why}" for why in reasons[:SHOWN]]
    more = [f"  and {len(reasons) - SHOWN} more"] if len(reasons) > SHOWN else []
    head = f"{len(problems)} of {pictures} pictures of {name} do not fit:"
    remedy = "mend or take away these files, or set prepare.skip_bad: true to go on without them"
    return DataError("\n".join([head, *lines, *more, remedy]))
