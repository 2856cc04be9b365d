"""The table of a data set: systems line up only where they were measured alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.report.columns import REAL, Column, columns
from smis.core.errors import ProtocolError

Results = Mapping[str, Mapping[str, Any]]
"""A system's metrics file: name -> value, interval, protocol."""


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


def build(dataset: str, measured: Mapping[str, Results]) -> Table:
    """Line up the systems of a data set, in the order given.

    Raises:
        ProtocolError: if two systems were measured in different ways; the message names the fields.
    """
    shown = columns({name for results in measured.values() for name in results})
    lines = [_Line.of(column, measured) for column in shown]
    protocols = {line.column.name: line.protocol(dataset) for line in lines}
    rows = [Row(system, [line.entry(system) for line in lines]) for system in measured]
    return Table(dataset, shown, [*rows, *_real(shown, measured)], protocols)


@dataclass(frozen=True)
class _Line:
    """One column's results, by system."""

    column: Column
    results: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, column: Column, measured: Mapping[str, Results]) -> "_Line":
        name = column.name
        return cls(column, {system: results[name] for system, results in measured.items() if name in results})

    def protocol(self, dataset: str) -> dict[str, Any]:
        """Return the one protocol of the column."""
        protocols = {system: dict(result.get("protocol", {})) for system, result in self.results.items()}
        first, protocol = next(iter(protocols.items()))
        for system, other in protocols.items():
            differing = _differing(protocol, other, besides={"device"} if self.column.device_may_differ else set())
            if differing:
                raise ProtocolError(
                    f"{self.column.name} of {first} and {system} on {dataset} cannot share a column, they were "
                    f"measured in different ways: {'; '.join(differing)}; run `dvc repro evaluate` to measure all alike"
                )
        return protocol

    def entry(self, system: str) -> Entry | None:
        """Return a system's value."""
        result = self.results.get(system)
        if result is None:
            return None
        device = str(result.get("protocol", {}).get("device", "")) if len(self._devices) > 1 else ""
        return _entry(self.column, result, best=self._best, device=device)

    @property
    def _best(self) -> str | None:
        """The best value as it is written; none where nothing is better, nothing to compare, or devices differ."""
        if self.column.better is None or len(self.results) < 2 or len(self._devices) > 1:
            return None
        values = [result["value"] for result in self.results.values()]
        return self.column.write(max(values) if self.column.better == "more" else min(values))

    @property
    def _devices(self) -> set[str]:
        return {str(result.get("protocol", {}).get("device", "")) for result in self.results.values()}


def _differing(one: Mapping[str, Any], other: Mapping[str, Any], *, besides: set[str]) -> list[str]:
    fields = sorted((one.keys() | other.keys()) - besides)
    return [
        f"{field} is {one.get(field)!r} and {other.get(field)!r}"
        for field in fields
        if one.get(field) != other.get(field)
    ]


def _entry(column: Column, result: Mapping[str, Any], *, best: str | None, device: str = "") -> Entry:
    value, interval = result["value"], result.get("interval")
    ends = None
    if interval is not None and tuple(interval) != (value, value):
        ends = (column.write(interval[0]), column.write(interval[1]))
    text = column.write(value)
    return Entry(value, text, ends, best=text == best, device=device)


def _real(shown: list[Column], measured: Mapping[str, Results]) -> list[Row]:
    """The same measure on real images is what a perfect system would reach."""
    results = {name: result for results in measured.values() for name, result in results.items()}
    names = [column.name + REAL for column in shown]
    if not any(name in results for name in names):
        return []
    entries = [
        _entry(column, results[name], best=None) if name in results else None
        for column, name in zip(shown, names, strict=True)
    ]
    return [Row("real images", entries, real=True)]
