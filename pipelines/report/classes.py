"""What each class is like in each system's pictures: found again, varied when it should, still when it should."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.report.columns import COLUMNS

_MEASURES = {"IoU": "mIoU", "CSD": "mCSD", "OCD": "mOCD"}


@dataclass(frozen=True)
class Bar:
    """One value, and its share of the largest in its table."""

    text: str
    share: float


@dataclass(frozen=True)
class ClassTable:
    """One measure: a row for each class with a bar for each system, None where it is not defined."""

    name: str
    unit: str
    rows: list[tuple[str, list[Bar | None]]]


def build(measured: Mapping[str, Mapping[str, list]]) -> list[ClassTable]:
    """Turn the systems' tables of classes (columns by name) into one table for each measure."""
    return [_table(measure, measured) for measure in _MEASURES] if measured else []


def _table(measure: str, measured: Mapping[str, Mapping[str, list]]) -> ClassTable:
    (column,) = (column for column in COLUMNS if column.name == _MEASURES[measure])
    first = next(iter(measured.values()))
    order = sorted(range(len(first["class"])), key=lambda row: -first["pixels"][row])
    values = {system: [columns[measure][row] for row in order] for system, columns in measured.items()}
    largest = max((value for each in values.values() for value in each if value is not None), default=0) or 1
    rows = []
    for place, row in enumerate(order):
        found = [each[place] for each in values.values()]
        if any(value is not None for value in found):
            bars = [None if value is None else Bar(column.write(value), value / largest) for value in found]
            rows.append((first["class"][row], bars))
    return ClassTable(measure, column.unit, rows)
