"""The training curves of every system and seed."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pipelines.report.inline_svg import MARK, Chart, paint_svg, system_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

_HEIGHT = 1.9
"""Inches."""
_MAX_POINTS = 240
"""More cannot be seen at this width; means of neighbors are drawn."""
_LOG_RATIO = 50.0
"""Ratio of the largest to the smallest value from which the axis is logarithmic."""
_DESCRIPTIONS = {
    "GAN": "adversarial loss of the generator",
    "GAN_Feat": "feature matching loss",
    "VGG": "perceptual loss",
    "KLD": "KL divergence from the prior",
    "D_Fake": "discriminator, generated images",
    "D_Real": "discriminator, real images",
    "gradient_generator": "norm",
    "gradient_discriminator": "norm",
    "spectral_generator": "largest spectral norm",
    "spectral_discriminator": "largest spectral norm",
    "validation_fd": "distance to real validation images",
    "validation_lpips": "diversity on validation maps",
    "images_per_second": "while training",
    "data_wait_share": "share of the time",
    "memory_mib": "of the first process",
}
_HIDDEN = ("step", "lr_generator", "lr_discriminator")
Curve = list[tuple[float, float]]
"""Points (step, value)."""


def curve_charts(
    histories: Mapping[str, Sequence[Mapping[str, float]]], *, colors: Mapping[str, int] | None = None
) -> list[Chart]:
    """Draw a chart for each quantity.

    Args:
        histories: Rows by the title of a curve, such as the name of a system.
        colors: The color's number of each curve; without it, its position in `histories`.
    """
    numbers = colors or {title: number for number, title in enumerate(histories)}
    names = dict.fromkeys(key for rows in histories.values() for row in rows for key in row if key not in _HIDDEN)
    return [
        Chart(name, _DESCRIPTIONS.get(name, ""), _svg(_curves(histories, name), name, colors=numbers)) for name in names
    ]


def _curves(histories: Mapping[str, Sequence[Mapping[str, float]]], name: str) -> dict[str, Curve]:
    curves = {
        title: [(row["step"], row[name]) for row in rows if math.isfinite(row.get(name, math.nan))]
        for title, rows in histories.items()
    }
    return {title: _thinned(curve) for title, curve in curves.items()}


def _thinned(curve: Curve) -> Curve:
    size = -(-len(curve) // _MAX_POINTS) or 1
    chunks = [curve[start : start + size] for start in range(0, len(curve), size)]
    return [(chunk[-1][0], sum(value for _, value in chunk) / len(chunk)) for chunk in chunks]


def _smoothed(curve: Curve) -> Curve:
    """Return the mean of each point and its neighbors, over a tenth of the curve; adversarial losses are noisy."""
    reach = len(curve) // 20
    values = [value for _, value in curve]
    windows = [values[max(0, at - reach) : at + reach + 1] for at in range(len(curve))]
    return [(step, sum(window) / len(window)) for (step, _), window in zip(curve, windows, strict=True)]


def _svg(curves: Mapping[str, Curve], name: str, *, colors: Mapping[str, int]) -> str:
    values = [value for curve in curves.values() for _, value in curve]

    def draw(plot: "Plot") -> None:
        plot.grid(axis="y", linewidth=0.8)
        plot.locator_params(axis="x", nbins=4)
        if min(values) > 0 and max(values) / min(values) > _LOG_RATIO:
            plot.set_yscale("log")
            plot.yaxis.set_major_formatter("{x:g}")
            plot.minorticks_off()
        else:
            plot.locator_params(axis="y", nbins=4)
        for title, curve in curves.items():
            color = system_color(colors[title])
            plot.plot(*_columns(curve), color=color, linewidth=0.9, alpha=0.3, gid=f"{MARK} {title}")
            plot.plot(*_columns(_smoothed(curve)), color=color, linewidth=1.6, gid=f"{MARK} {title}")

    return paint_svg(draw, height=_HEIGHT, name=name) if values else ""


def _columns(curve: Curve) -> tuple[list[float], list[float]]:
    return [step for step, _ in curve], [value for _, value in curve]
