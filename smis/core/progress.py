"""Progress of long work: a bar with rate and time left on a terminal, plain lines if piped."""

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from smis.core.messages import escape, report

_LINE_EVERY_S = 10.0

T = TypeVar("T")


class ProgressBar:
    """A progress bar on stderr.

    Args:
        title: Text before the bar.
        total: Number of items.
        unit: Name of the items.
        visible: False prints nothing, as in every process but the main one.

    Example:
        >>> with ProgressBar("training", total=700, unit="steps", visible=False) as bar:
        ...     bar.advance(1, note="G 3.1")
    """

    def __init__(self, title: str, *, total: int, unit: str = "", visible: bool = True) -> None:
        self._title, self._total, self._unit = escape(title), total, unit
        self._visible = visible
        self._done = 0
        self._note = ""
        self._started = self._last_line = time.monotonic()
        self._skipped = 0
        self._rich = self._rich_bar() if visible and sys.stderr.isatty() else None
        self._task = self._rich.add_task(self._title, total=total, note="") if self._rich else None

    def _rich_bar(self) -> Progress:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(self._unit),
        )
        note = TextColumn("{task.fields[note]}", markup=False, style="dim")
        more = (TaskProgressColumn(show_speed=True), TimeRemainingColumn(), note)
        return Progress(*columns, *more, console=Console(stderr=True))

    def __enter__(self) -> Self:
        if self._rich:
            self._rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rich:
            self._rich.stop()
        elif self._visible and kind is None:
            self._line(finished=True)

    def skip(self, done: int) -> None:
        """Count items of an earlier run; they do not count for the rate."""
        self._skipped = done
        self.advance(done)

    def advance(self, count: int = 1, *, note: str = "") -> None:
        """Count items, and show a note (a loss, a file name) beside the bar."""
        self._done += count
        self._note = escape(note) or self._note
        if self._rich and self._task is not None:
            self._rich.update(self._task, completed=self._done, note=self._note)
        elif self._visible and self._done < self._total and time.monotonic() - self._last_line >= _LINE_EVERY_S:
            self._line()  # the last line is printed once, at the end

    def _line(self, *, finished: bool = False) -> None:
        self._last_line = now = time.monotonic()
        seconds = now - self._started
        rate = (self._done - self._skipped) / seconds if seconds > 0 else 0.0
        unfinished = rate > 0 and not finished
        left = f", {(self._total - self._done) / rate:.0f} s left" if unfinished else f" in {seconds:.0f} s"
        unit = f" {self._unit}" if self._unit else ""
        note = f"  {self._note}" if self._note else ""
        report(f"{self._title}: {self._done}/{self._total}{unit}{left}{note}")


def track(items: Iterable[T], title: str, *, total: int, unit: str = "") -> Iterator[T]:
    """Iterate with a progress bar.

    Example:
        >>> sum(track([1, 2], "adding", total=2))
        3
    """
    with ProgressBar(title, total=total, unit=unit) as bar:
        for item in items:
            yield item
            bar.advance()
