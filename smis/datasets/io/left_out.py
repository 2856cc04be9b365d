"""The list of what was left out of a prepared data set, and why."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from smis.core.files import written
from smis.datasets.io.problems import Problem

NAME = "left_out.json"


class LeftOut:
    """Notes on each chunk of a data set, in its folder, so that a run that goes on knows those of the one before."""

    def __init__(self, folder: Path, *, after: int) -> None:
        self._notes = folder / f"{NAME}l"
        lines = self._notes.read_text().splitlines() if self._notes.exists() else []
        self._lines = [line for line in lines if json.loads(line)["after"] <= after]
        if lines:
            self._notes.write_text("".join(f"{line}\n" for line in self._lines))

    def add(self, problems: Sequence[Problem], *, after: int) -> None:
        """Write down what a chunk lacks; to be called before a shard without it is closed."""
        lines = [json.dumps({"after": after, **asdict(problem)}) for problem in problems]
        if lines:
            self._lines += lines
            with self._notes.open("a") as file:
                file.writelines(f"{line}\n" for line in lines)

    def finish(self, before: Sequence[Problem]) -> int:
        """Write the list that stays, if there is anything on it, those known before first; return its length."""
        rows = [asdict(problem) for problem in before] + [json.loads(line) for line in self._lines]
        said = [{name: row[name] for name in ("split", "key", "why")} for row in rows]
        self._notes.unlink(missing_ok=True)
        if said:
            with written(self._notes.with_name(NAME)) as beside:
                beside.write_text(json.dumps(said, indent=2) + "\n")
        return len(said)
