"""The tables of a data set: results, differences from a baseline, and results per class."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from pipelines.report.columns import COLUMNS, REAL, Column, columns
from smis.core.errors import ParamsError, ProtocolError
from smis.metrics.comparison import Difference, compare, differing
from smis.metrics.image.result import Result

MINUS = "\N{MINUS SIGN}"
Results = Mapping[str, Result]
"""The results of one system by metric."""
Verdict = Literal["better", "worse", "within noise", ""]
_CLASS_METRICS = {"IoU": "mIoU", "CSD": "mCSD", "OCD": "mOCD"}


def read_results(dataset: str, system: str) -> Results | None:
    """Read a system's results with their bootstrap resamples; None if it has not been evaluated."""
    path = Path("metrics", dataset, f"{system}.json")
    if not path.exists():
        return None
    draws = _read_table(dataset, system, "resamples")
    return {
        name: Result.from_json(name, entry, draws=draws.column(name).to_numpy() if name in draws.column_names else None)
        for name, entry in json.loads(path.read_text()).items()
    }


def read_class_values(dataset: str, system: str) -> dict[str, list]:
    """Read a system's results per class, as columns by name."""
    return _read_table(dataset, system, "per_class").to_pydict()


def _read_table(dataset: str, system: str, name: str):
    return pq.read_table(Path("runs", dataset, system, "tables", f"{name}.parquet"))


@dataclass(frozen=True)
class TableEntry:
    """One value of a result table."""

    value: float
    text: str
    interval: tuple[str, str] | None
    best: bool
    device: str = ""


@dataclass(frozen=True)
class TableRow:
    """One system, or the real images; an entry is None if it was not measured."""

    name: str
    entries: list[TableEntry | None]
    real: bool = False


@dataclass(frozen=True)
class ResultTable:
    """The results on a data set, with the protocol of each column; table.json has the same fields."""

    dataset: str
    columns: list[Column]
    rows: list[TableRow]
    protocols: dict[str, dict[str, Any]]

    @property
    def warnings(self) -> list[str]:
        """The warnings in the protocols."""
        warnings = {name: protocol.get("warning") for name, protocol in self.protocols.items()}
        return [f"{name}: {warning}" for name, warning in warnings.items() if warning]


def result_table(dataset: str, measured: Mapping[str, Results], *, cost: bool = False) -> ResultTable:
    """Build the table of quality, or of cost, with one row per system in the given order.

    Raises:
        ProtocolError: if two systems were measured under different protocols; names the fields.
    """
    names = {name for results in measured.values() for name in results}
    shown = [column for column in columns(names) if column.cost == cost]
    by_column = [ColumnResults(column, measured) for column in shown]
    protocols = {each.column.name: each.protocol(dataset) for each in by_column}
    rows = [TableRow(system, [each.entry(system) for each in by_column]) for system in measured]
    return ResultTable(dataset, shown, [*rows, *_real_row(dataset, shown, measured)], protocols)


@dataclass(frozen=True)
class ColumnResults:
    """The results of all systems in one column."""

    column: Column
    measured: Mapping[str, Results]

    def protocol(self, dataset: str) -> dict[str, Any]:
        """Return the protocol that all results of the column share."""
        first = next(iter(self._results))
        protocol = self._results[first].protocol
        for system, other in self._results.items():
            fields = differing(protocol, other.protocol, besides={"device"} if self.column.cost else ())
            if fields:
                raise ProtocolError(
                    f"{self.column.name} of {first} and {system} on {dataset} cannot share a column, they were "
                    f"measured under different protocols: {'; '.join(fields)}; run `dvc repro evaluate` to measure "
                    "all alike"
                )
        return dict(protocol)

    def shared_entry(self, dataset: str) -> TableEntry | None:
        """Return the value that all systems share, if there is one."""
        if not self._results:
            return None
        self.protocol(dataset)
        return _entry(self.column, next(iter(self._results.values())))

    def entry(self, system: str) -> TableEntry | None:
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
        """The best system and those within noise of it; none if the column has no order, or devices differ."""
        eligible = {system: result for system, result in self._results.items() if self._eligible(system)}
        if self.column.better is None or len(self._results) < 2 or len(self._devices) > 1 or not eligible:
            return set()
        choose = max if self.column.better == "more" else min
        best = choose(eligible.values(), key=lambda result: result.value)
        return {system for system, result in eligible.items() if self._ties(result, best)}

    def _eligible(self, system: str) -> bool:
        required = self.measured[system].get(self.column.needs)
        return required is None or required.value > 0

    def _ties(self, result: Result, best: Result) -> bool:
        if self.column.write(result.value) == self.column.write(best.value):
            return True
        return result.draws is not None and best.draws is not None and compare(result, best).within_noise

    @property
    def _devices(self) -> set[str]:
        return {str(result.protocol.get("device", "")) for result in self._results.values()}


def _entry(column: Column, result: Result, *, best: bool = False, device: str = "") -> TableEntry:
    text, low, high = map(column.write, (result.value, *result.interval))
    interval = None if math.isnan(result.interval[0]) or low == text == high else (low, high)
    return TableEntry(result.value, text, interval, best=best, device=device)


def _real_row(dataset: str, shown: list[Column], measured: Mapping[str, Results]) -> list[TableRow]:
    """Return the row of metrics measured on real images, an upper bound; all systems must have the same values."""
    by_column = [ColumnResults(replace(column, name=column.name + REAL), measured) for column in shown]
    entries = [each.shared_entry(dataset) for each in by_column]
    return [TableRow("real images", entries, real=True)] if any(entries) else []


@dataclass(frozen=True)
class DifferenceEntry:
    """A system's value minus the baseline's."""

    text: str
    interval: tuple[str, str]
    verdict: Verdict


@dataclass(frozen=True)
class DifferenceTable:
    """One row per system other than the baseline; an entry is None if one of the two was not measured."""

    baseline: str
    columns: list[Column]
    rows: list[tuple[str, list[DifferenceEntry | None]]]


def difference_table(measured: Mapping[str, Results], *, baseline: str | None) -> DifferenceTable | None:
    """Compare all systems with the baseline (default: the first one); None if there is nothing to compare.

    Costs are left out: they may be of different devices, and label maps do not explain their noise.

    Raises:
        ParamsError: if the baseline was not measured.
        ProtocolError: if two systems were measured under different protocols.
    """
    baseline = baseline or next(iter(measured))
    if baseline not in measured:
        raise ParamsError(f"report.baseline: {baseline!r} was not measured; there are: {', '.join(measured)}")
    resampled = {name for results in measured.values() for name, result in results.items() if result.draws is not None}
    shown = [column for column in columns(resampled) if not column.cost]
    others = [system for system in measured if system != baseline]
    if not shown or not others:
        return None
    rows = [
        (system, [_difference(column, measured[system], measured[baseline]) for column in shown]) for system in others
    ]
    return DifferenceTable(baseline, shown, rows)


def _difference(column: Column, results: Results, baseline: Results) -> DifferenceEntry | None:
    result, reference = results.get(column.name), baseline.get(column.name)
    if result is None or reference is None or result.draws is None or reference.draws is None:
        return None
    difference = compare(result, reference)
    low, high = difference.interval
    interval = _signed(column, low), _signed(column, high)
    return DifferenceEntry(_signed(column, difference.value), interval, _verdict(column, difference))


def _verdict(column: Column, difference: Difference) -> Verdict:
    if difference.within_noise:
        return "within noise"
    if column.better is None:
        return ""
    return "better" if (column.better == "more") == (difference.value > 0) else "worse"


def _signed(column: Column, value: float) -> str:
    text = column.write(abs(value))
    is_zero = not text.strip("0.")
    return text if is_zero else f"{'+' if value > 0 else MINUS}{text}"


@dataclass(frozen=True)
class ClassBar:
    """One value, and its ratio to the largest in its table."""

    text: str
    share: float


@dataclass(frozen=True)
class PerClassTable:
    """One metric: a row per class with a bar per system, None where the metric is undefined."""

    name: str
    unit: str
    rows: list[tuple[str, list[ClassBar | None]]]


def class_tables(measured: Mapping[str, Mapping[str, list]]) -> list[PerClassTable]:
    """Build one table per metric from the systems' results per class (columns by name)."""
    return [_class_table(name, measured) for name in _CLASS_METRICS] if measured else []


def _class_table(name: str, measured: Mapping[str, Mapping[str, list]]) -> PerClassTable:
    (column,) = (column for column in COLUMNS if column.name == _CLASS_METRICS[name])
    first = next(iter(measured.values()))
    order = sorted(range(len(first["class"])), key=lambda row: -first["pixels"][row])
    values = {system: [by_name[name][row] for row in order] for system, by_name in measured.items()}
    largest = max((value for each in values.values() for value in each if value is not None), default=0) or 1
    rows = []
    for rank, row in enumerate(order):
        of_class = [each[rank] for each in values.values()]
        if any(value is not None for value in of_class):
            bars = [None if value is None else ClassBar(column.write(value), value / largest) for value in of_class]
            rows.append((first["class"][row], bars))
    return PerClassTable(name, column.unit, rows)
