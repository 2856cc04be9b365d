"""How far every system is from one of them, and which differences other label maps could have turned round."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipelines.report.columns import Column, columns
from pipelines.report.table import Results
from smis.core.errors import ParamsError
from smis.metrics.comparison import Difference, compare

MINUS = "\N{MINUS SIGN}"
Verdict = Literal["better", "worse", "within noise", ""]


@dataclass(frozen=True)
class Step:
    """A system's value less the baseline's."""

    text: str
    interval: tuple[str, str]
    verdict: Verdict


@dataclass(frozen=True)
class Differences:
    """One row per other system; an entry is None where one of the two was not measured."""

    baseline: str
    columns: list[Column]
    rows: list[tuple[str, list[Step | None]]]


def build(measured: Mapping[str, Results], *, baseline: str | None) -> Differences | None:
    """Compare all systems with the baseline (the first, where none is named); None where there is nothing to compare.

    Costs are left out: they may be of several devices, and a machine that was busy is no matter of label maps.

    Raises:
        ParamsError: if the baseline was not measured.
        ProtocolError: if two systems were measured in different ways.
    """
    baseline = baseline or next(iter(measured))
    if baseline not in measured:
        raise ParamsError(f"report.baseline: {baseline!r} was not measured; there are: {', '.join(measured)}")
    drawn = {name for results in measured.values() for name, result in results.items() if result.draws is not None}
    shown = [column for column in columns(drawn) if not column.cost]
    others = [system for system in measured if system != baseline]
    if not shown or not others:
        return None
    rows = [(system, [_step(column, measured[system], measured[baseline]) for column in shown]) for system in others]
    return Differences(baseline, shown, rows)


def _step(column: Column, ours: Results, theirs: Results) -> Step | None:
    one, other = ours.get(column.name), theirs.get(column.name)
    if one is None or other is None or one.draws is None or other.draws is None:
        return None
    difference = compare(one, other)
    low, high = difference.interval
    ends = _signed(column, low), _signed(column, high)
    return Step(_signed(column, difference.value), ends, _verdict(column, difference))


def _verdict(column: Column, difference: Difference) -> Verdict:
    if difference.within_noise:
        return "within noise"
    if column.better is None:
        return ""
    return "better" if (column.better == "more") == (difference.value > 0) else "worse"


def _signed(column: Column, value: float) -> str:
    text = column.write(abs(value))
    nothing = not text.strip("0.")
    return text if nothing else f"{'+' if value > 0 else MINUS}{text}"
