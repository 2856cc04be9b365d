"""What is wrong with the files of a data set: all of it in one error, or as the list of what was left out."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from smis.core.errors import DataError, SmisError
from smis.core.files import written

SHOWN = 20
"""Problems that an error lists; of the others it says how many there are."""


@dataclass(frozen=True)
class Problem:
    """An image that cannot be read, and why: the file's name, what is wrong, what to do."""

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
    remedy = "  mend or take away these files, or set prepare.skip_bad: true to go on without them"
    return DataError("\n".join([head, *lines, *more, remedy]))


SKIPPED_FILE = "left_out.json"


class SkippedSamples:
    """Notes on each chunk of a data set, in its folder, so that a run that goes on knows those of the one before."""

    def __init__(self, folder: Path, *, after: int) -> None:
        self._notes = folder / f"{SKIPPED_FILE}l"
        lines = self._notes.read_text(encoding="utf-8").splitlines() if self._notes.exists() else []
        self._lines = [line for line in lines if json.loads(line)["after"] <= after]
        if lines:
            self._notes.write_text("".join(f"{line}\n" for line in self._lines), encoding="utf-8")

    def add(self, problems: Sequence[Problem], *, after: int) -> None:
        """Write down what a chunk lacks; to be called before a shard without it is closed."""
        lines = [json.dumps({"after": after, **asdict(problem)}) for problem in problems]
        if lines:
            self._lines += lines
            with self._notes.open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)

    def finish(self, before: Sequence[Problem]) -> int:
        """Write the list that stays, if there is anything on it, those known before first; return its length."""
        rows = [asdict(problem) for problem in before] + [json.loads(line) for line in self._lines]
        said = [{name: row[name] for name in ("split", "key", "why")} for row in rows]
        self._notes.unlink(missing_ok=True)
        if said:
            with written(self._notes.with_name(SKIPPED_FILE)) as beside:
                beside.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
        return len(said)
