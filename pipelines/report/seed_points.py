"""What seeds do to the results: a point for each seed, and the share of seeds in the variance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING

from pipelines.report.columns import Column, columns
from pipelines.report.inline_svg import MARK, Chart, paint_svg, system_color
from pipelines.report.seed_results import SeededResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

_ROW, _MARGIN = 0.3, 0.45
"""Inches."""


@dataclass(frozen=True)
class SeedTable:
    """The share of seeds in the variance of one training's results, by system and metric; the rest are label maps."""

    seeds: list[int]
    columns: list[Column]
    rows: list[tuple[str, list[float | None]]]
    """A share is None if it is not known."""
    charts: list[Chart]

    @property
    def dominant(self) -> dict[str, list[str]]:
        """The titles of the metrics that vary most with seeds, and most with label maps: the mean over systems."""
        found: dict[str, list[str]] = {"seeds": [], "label maps": []}
        for number, column in enumerate(self.columns):
            shares = [share for _, row in self.rows if (share := row[number]) is not None]
            if shares:
                found["seeds" if mean(shares) > 0.5 else "label maps"].append(column.title)
        return found


def seed_table(seeded: SeededResults) -> SeedTable | None:
    """Say what results vary with, and draw the values of each seed; None with one seed."""
    if len(seeded.seeds) < 2:
        return None
    names = {name for results in seeded.means.values() for name in results}
    shown = [column for column in columns(names) if not column.cost and _varies(column, seeded)]
    rows = [(system, [_share(column, system, seeded) for column in shown]) for system in seeded.by_system]
    return SeedTable(seeded.seeds, shown, rows, [_chart(column, seeded) for column in shown])


def _varies(column: Column, seeded: SeededResults) -> bool:
    return any((summary := seeded.summary(system, column.name)) and summary.std for system in seeded.by_system)


def _share(column: Column, system: str, seeded: SeededResults) -> float | None:
    summary = seeded.summary(system, column.name)
    return summary.seed_share if summary else None


def _chart(column: Column, seeded: SeededResults) -> Chart:
    """Draw a row per system: a point for each seed, their mean, and its interval over label maps."""
    systems = list(seeded.by_system)

    def draw(plot: "Plot") -> None:
        plot.grid(axis="x", linewidth=0.8)
        plot.locator_params(axis="x", nbins=5)
        for number, system in enumerate(systems):
            _draw_row(plot, column, system, seeded, height=-number, color=system_color(number))
        plot.set_yticks([-number for number in range(len(systems))], systems)
        plot.set_ylim(0.6 - len(systems), 0.6)

    svg = paint_svg(draw, height=_MARGIN + _ROW * len(systems), name=f"seeds {column.name}")
    return Chart(f"{column.title} {column.arrow}".strip(), column.unit, svg)


def _draw_row(plot: "Plot", column: Column, system: str, seeded: SeededResults, *, height: float, color: str) -> None:
    summary, result = seeded.summary(system, column.name), seeded.means[system].get(column.name)
    if summary is None or result is None:
        return
    low, high = (bound * column.scale for bound in result.interval)
    if not math.isnan(low):
        title = f"{system}, interval over label maps: {' to '.join(map(column.write, result.interval))}"
        plot.plot([low, high], [height] * 2, color=color, linewidth=6, alpha=0.22, gid=f"{MARK} {title}")
    plot.plot([result.value * column.scale], [height], "|", color=color, markersize=13, markeredgewidth=1.6)
    for (seed, value), offset in zip(summary.values.items(), _offsets(len(summary.values)), strict=True):
        point, named = value * column.scale, f"{MARK} {system}, seed {seed}: {column.write(value)}"
        plot.plot([point], [height + offset], "o", color=color, markersize=4, alpha=0.85, gid=named)


def _offsets(count: int) -> Sequence[float]:
    """Return heights that keep points of equal values apart."""
    return [0.0] if count == 1 else [0.16 - 0.32 * number / (count - 1) for number in range(count)]
