"""The tables of a data set: results, differences from a baseline, and results per class."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.cell import Cell
from pipelines.report.columns import COLUMNS, REAL, Column, columns
from pipelines.report.seed_results import Results, SeededResults
from smis.core.errors import ParamsError, ProtocolError, ShardError
from smis.metrics.comparison import compare, differing
from smis.metrics.image.result import Result
from smis.metrics.seeds import SeedComparison

SIGNIFICANT = 0.05
"""The largest p-value of a difference that is no noise."""
MINUS = "\N{MINUS SIGN}"
Verdict = Literal["better", "worse", "within noise", ""]
CLASS_METRICS = {"IoU": "mIoU", "CSD": "mCSD", "OCD": "mOCD"}
"""The mean over classes of each metric per class."""


def read_results(cell: Cell) -> Results | None:
    """Read a cell's results with their bootstrap resamples; None if it has not been evaluated.

    Raises:
        ShardError: if the resamples are not in this workspace.
    """
    if not cell.metrics.exists():
        return None
    draws = _read_table(cell, "resamples")
    measured = {
        name: Result.from_json(name, entry, draws=draws.column(name).to_numpy() if name in draws.column_names else None)
        for name, entry in json.loads(cell.metrics.read_text(encoding="utf-8")).items()
    }
    return measured | _read_studies(Path("metrics", cell.dataset, "study"), cell.system)


def _read_studies(folder: Path, system: str) -> dict[str, Result]:
    """Read what volunteers said of a system, if `smis study report --out` has written it."""
    results: dict[str, Result] = {}
    for path in sorted(folder.glob("*.json")):
        entries = json.loads(path.read_text(encoding="utf-8"))["systems"].get(system, {})
        for name, entry in entries.items():
            if "value" in entry:
                draws = np.array(entry["draws"], dtype=float) if "draws" in entry else None
                results[name] = Result.from_json(name, entry, draws=draws)
    return results


def read_class_values(cell: Cell) -> dict[str, list]:
    """Read a cell's results per class, as columns by name."""
    return _read_table(cell, "per_class").to_pydict()


def mean_class_values(values: Sequence[Mapping[str, list]]) -> dict[str, list]:
    """Return the results per class of several seeds as one: the means of what all of them measured."""
    merged = dict(values[0])
    for name in CLASS_METRICS:
        rows = zip(*(each[name] for each in values), strict=True)
        merged[name] = [None if None in row else sum(row) / len(row) for row in rows]
    return merged


def _read_table(cell: Cell, name: str) -> pa.Table:
    path = cell.tables / f"{name}.parquet"
    if not path.exists():
        raise ShardError(f"{path} is missing; run `dvc repro evaluate`, or `dvc pull` if it was measured elsewhere")
    return pq.read_table(path)


@dataclass(frozen=True)
class TableEntry:
    """One value of a result table."""

    value: float
    text: str
    interval: tuple[str, str] | None
    best: bool
    device: str = ""
    deviation: str | None = None
    """Standard deviation over seeds; the value is their mean."""
    seeds: Mapping[int, float] = field(default_factory=dict)
    """The value with each seed, if there are several."""


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


def result_table(
    dataset: str, measured: Mapping[str, Results], *, cost: bool = False, seeded: SeededResults | None = None
) -> ResultTable:
    """Build the table of quality, or of cost, with one row per system in the given order.

    With several seeds, `measured` are the means of `seeded`, whose deviations and tests the table then has, too.
    Metrics measured on real images are a last row, an upper bound; all systems must have the same values.

    Raises:
        ProtocolError: if two systems were measured under different protocols; names the fields.
    """
    names = {name for results in measured.values() for name in results}
    shown = [column for column in columns(names) if column.cost == cost]
    protocols = {column.name: _shared_protocol(column, measured, dataset) for column in shown}
    entries = [_entries(column, measured, seeded) for column in shown]
    rows = [TableRow(system, [each.get(system) for each in entries]) for system in measured]
    real = [_real_entry(replace(column, name=column.name + REAL), measured, dataset) for column in shown]
    rows += [TableRow("real images", real, real=True)] if any(real) else []
    return ResultTable(dataset, shown, rows, protocols)


def _results_of(name: str, measured: Mapping[str, Results]) -> dict[str, Result]:
    return {system: results[name] for system, results in measured.items() if name in results}


def _shared_protocol(column: Column, measured: Mapping[str, Results], dataset: str) -> dict[str, Any]:
    first, *others = _results_of(column.name, measured).items()
    for system, other in others:
        fields = differing(first[1].protocol, other.protocol, besides={"device"} if column.cost else ())
        if fields:
            raise ProtocolError(
                f"{column.name} of {first[0]} and {system} on {dataset} cannot share a column, they were measured "
                f"under different protocols: {'; '.join(fields)}; run `dvc repro evaluate` to measure all alike"
            )
    return dict(first[1].protocol)


def _real_entry(column: Column, measured: Mapping[str, Results], dataset: str) -> TableEntry | None:
    results = _results_of(column.name, measured)
    if not results:
        return None
    _shared_protocol(column, measured, dataset)
    return _entry(column, next(iter(results.values())))


def _entries(column: Column, measured: Mapping[str, Results], seeded: SeededResults | None) -> dict[str, TableEntry]:
    """Return the values of a column by system; with the device, and no best one, if devices differ."""
    results = _results_of(column.name, measured)
    devices = {system: str(result.protocol.get("device", "")) for system, result in results.items()}
    if len(set(devices.values())) > 1:
        entries = {system: _entry(column, result, device=devices[system]) for system, result in results.items()}
    else:
        best = _best(column, measured, results, seeded)
        entries = {system: _entry(column, result, best=system in best) for system, result in results.items()}
    return {system: _with_seeds(entry, column, system, seeded) for system, entry in entries.items()}


def _with_seeds(entry: TableEntry, column: Column, system: str, seeded: SeededResults | None) -> TableEntry:
    """Add the standard deviation over seeds, unless it is 0 as far as it would be shown."""
    summary = seeded.summary(system, column.name) if seeded else None
    if summary is None or summary.std is None:
        return entry
    deviation = column.write(summary.std)
    return replace(entry, deviation=deviation if deviation.strip("0.") else None, seeds=summary.values)


def _best(
    column: Column, measured: Mapping[str, Results], results: Mapping[str, Result], seeded: SeededResults | None
) -> set[str]:
    """Return the best system and those within noise of it; none if the column has no order."""
    required = {system: measured[system].get(column.needs) for system in results}
    eligible = {system: results[system] for system, other in required.items() if other is None or other.value > 0}
    if column.better is None or len(results) < 2 or not eligible:
        return set()
    choose = max if column.better == "more" else min
    best = choose(eligible, key=lambda system: eligible[system].value)
    tests = seeded.compare(column.name, eligible, best) if seeded else {}
    return {system for system in eligible if _ties(column, eligible[system], eligible[best], test=tests.get(system))}


def _ties(column: Column, result: Result, best: Result, *, test: SeedComparison | None) -> bool:
    if column.write(result.value) == column.write(best.value):
        return True
    if test is not None:
        return test.p_value >= SIGNIFICANT
    return result.draws is not None and best.draws is not None and compare(result, best).within_noise


def _entry(column: Column, result: Result, *, best: bool = False, device: str = "") -> TableEntry:
    text, low, high = map(column.write, (result.value, *result.interval))
    interval = None if math.isnan(result.interval[0]) or low == text == high else (low, high)
    return TableEntry(result.value, text, interval, best=best, device=device)


@dataclass(frozen=True)
class DifferenceEntry:
    """A system's value minus the baseline's."""

    text: str
    interval: tuple[str, str]
    verdict: Verdict
    p_value: str | None = None
    """With several seeds: of the paired test over seeds and label maps, corrected for the systems of the column."""


@dataclass(frozen=True)
class DifferenceTable:
    """One row per system other than the baseline; an entry is None if one of the two was not measured."""

    baseline: str
    columns: list[Column]
    rows: list[tuple[str, list[DifferenceEntry | None]]]


def difference_table(
    measured: Mapping[str, Results], *, baseline: str | None, seeded: SeededResults | None = None
) -> DifferenceTable | None:
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
    tests = [seeded.compare(column.name, others, baseline) if seeded else {} for column in shown]
    rows = [
        (
            system,
            [
                _tested(column, each[system])
                if system in each
                else _difference(column, measured[system], measured[baseline])
                for column, each in zip(shown, tests, strict=True)
            ],
        )
        for system in others
    ]
    return DifferenceTable(baseline, shown, rows)


def _tested(column: Column, test: SeedComparison) -> DifferenceEntry:
    low, high = test.interval
    interval = _signed(column, low), _signed(column, high)
    verdict = _verdict(column, test.difference, within_noise=test.p_value >= SIGNIFICANT)
    return DifferenceEntry(_signed(column, test.difference), interval, verdict, _p_text(test.p_value))


def _p_text(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def _difference(column: Column, results: Results, baseline: Results) -> DifferenceEntry | None:
    result, reference = results.get(column.name), baseline.get(column.name)
    if result is None or reference is None or result.draws is None or reference.draws is None:
        return None
    difference = compare(result, reference)
    low, high = difference.interval
    interval = _signed(column, low), _signed(column, high)
    verdict = _verdict(column, difference.value, within_noise=difference.within_noise)
    return DifferenceEntry(_signed(column, difference.value), interval, verdict)


def _verdict(column: Column, difference: float, *, within_noise: bool) -> Verdict:
    if within_noise:
        return "within noise"
    if column.better is None:
        return ""
    return "better" if (column.better == "more") == (difference > 0) else "worse"


def _signed(column: Column, value: float) -> str:
    text = column.write(abs(value))
    is_zero = not text.strip("0.")
    return text if is_zero else f"{'+' if value > 0 else MINUS}{text}"


@dataclass(frozen=True)
class PerClassTable:
    """One metric: a row per class with a bar per system, None where the metric is undefined."""

    name: str
    unit: str
    rows: list[tuple[str, list[tuple[str, float] | None]]]
    """The name of a class; of each system the value as text, and its ratio to the largest in the table."""


def class_table(name: str, measured: Mapping[str, Mapping[str, list]]) -> PerClassTable:
    """Build the table of IoU, CSD or OCD from the systems' results per class (columns by name)."""
    (column,) = (column for column in COLUMNS if column.name == CLASS_METRICS[name])
    first = next(iter(measured.values()))
    largest = max((value for each in measured.values() for value in each[name] if value is not None), default=0) or 1
    rows = []
    for row in sorted(range(len(first["class"])), key=lambda row: -first["pixels"][row]):
        values = [each[name][row] for each in measured.values()]
        if any(value is not None for value in values):
            bars = [None if value is None else (column.write(value), value / largest) for value in values]
            rows.append((first["class"][row], bars))
    return PerClassTable(name, column.unit, rows)
