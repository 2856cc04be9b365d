"""The tables of a data set: systems line up only where they were measured alike."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pipelines.report.columns import REAL, Column, columns
from smis.core.errors import ProtocolError
from smis.metrics.comparison import compare, differing
from smis.metrics.image.result import Result

Results = Mapping[str, Result]
"""What was measured of a system, by name."""


@dataclass(frozen=True)
class Entry:
    """One value of the table."""

    value: float
    text: str
    interval: tuple[str, str] | None
    best: bool
    device: str = ""


@dataclass(frozen=True)
class Row:
    """One system, or the real images; an entry is None where nothing was measured."""

    name: str
    entries: list[Entry | None]
    real: bool = False


@dataclass(frozen=True)
class Table:
    """What is shown of a data set, and how it was measured."""

    dataset: str
    columns: list[Column]
    rows: list[Row]
    protocols: dict[str, dict[str, Any]]

    @property
    def warnings(self) -> list[str]:
        """What a protocol warns of."""
        found = {name: protocol.get("warning") for name, protocol in self.protocols.items()}
        return [f"{name}: {warning}" for name, warning in found.items() if warning]


def build(dataset: str, measured: Mapping[str, Results], *, cost: bool = False) -> Table:
    """Line up the systems of a data set, in the order given: how good they are, or what they cost.

    Raises:
        ProtocolError: if two systems were measured in different ways; the message names the fields.
    """
    names = {name for results in measured.values() for name in results}
    shown = [column for column in columns(names) if column.cost == cost]
    lines = [Line(column, measured) for column in shown]
    protocols = {line.column.name: line.protocol(dataset) for line in lines}
    rows = [Row(system, [line.entry(system) for line in lines]) for system in measured]
    return Table(dataset, shown, [*rows, *_real(dataset, shown, measured)], protocols)


@dataclass(frozen=True)
class Line:
    """One column's results."""

    column: Column
    measured: Mapping[str, Results]

    def protocol(self, dataset: str) -> dict[str, Any]:
        """Return the one protocol of the column."""
        first = next(iter(self._results))
        protocol = self._results[first].protocol
        for system, other in self._results.items():
            fields = differing(protocol, other.protocol, besides={"device"} if self.column.cost else ())
            if fields:
                raise ProtocolError(
                    f"{self.column.name} of {first} and {system} on {dataset} cannot share a column, they were "
                    f"measured in different ways: {'; '.join(fields)}; run `dvc repro evaluate` to measure all alike"
                )
        return dict(protocol)

    def shared(self, dataset: str) -> Entry | None:
        """Return the one value that stands beside every system, where there is one."""
        if not self._results:
            return None
        self.protocol(dataset)
        return _entry(self.column, next(iter(self._results.values())))

    def entry(self, system: str) -> Entry | None:
        """Return a system's value."""
        result = self._results.get(system)
        if result is None:
            return None
        device = str(result.protocol.get("device", "")) if len(self._devices) > 1 else ""
        return _entry(self.column, result, best=system in self._best, device=device)

    @cached_property
    def _results(self) -> dict[str, Result]:
        name = self.column.name
        return {system: results[name] for system, results in self.measured.items() if name in results}

    @cached_property
    def _best(self) -> set[str]:
        """The best, and those that cannot be told from it; none where nothing is better, or devices differ."""
        able = {system: result for system, result in self._results.items() if self._able(system)}
        if self.column.better is None or len(self._results) < 2 or len(self._devices) > 1 or not able:
            return set()
        choose = max if self.column.better == "more" else min
        best = choose(able.values(), key=lambda result: result.value)
        return {system for system, result in able.items() if self._alike(result, best)}

    def _able(self, system: str) -> bool:
        needed = self.measured[system].get(self.column.needs)
        return needed is None or needed.value > 0

    def _alike(self, one: Result, best: Result) -> bool:
        if self.column.write(one.value) == self.column.write(best.value):
            return True
        return one.draws is not None and best.draws is not None and compare(one, best).within_noise

    @property
    def _devices(self) -> set[str]:
        return {str(result.protocol.get("device", "")) for result in self._results.values()}


def _entry(column: Column, result: Result, *, best: bool = False, device: str = "") -> Entry:
    text, low, high = map(column.write, (result.value, *result.interval))
    ends = None if math.isnan(result.interval[0]) or low == text == high else (low, high)
    return Entry(result.value, text, ends, best=best, device=device)


def _real(dataset: str, shown: list[Column], measured: Mapping[str, Results]) -> list[Row]:
    """The same measure on real images is what a perfect system would reach; all systems must have the same."""
    lines = [Line(replace(column, name=column.name + REAL), measured) for column in shown]
    entries = [line.shared(dataset) for line in lines]
    return [Row("real images", entries, real=True)] if any(entries) else []
