"""The training curves as inline SVG whose colors are the page's CSS variables, so that they follow light and dark."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WIDTH, _HEIGHT = 3.4, 1.9
"""Inches of 72 SVG units."""
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
_RULE, _SOFT = "#010000", "#020000"
_COLORS = {f"#0000{number:02x}": f"var(--s{number})" for number in range(8)}
_COLORS |= {_RULE: "var(--rule)", _SOFT: "var(--soft)"}
"""Placeholders that matplotlib writes, and what replaces them."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 8.0,
    "axes.edgecolor": _RULE,
    "axes.titlesize": 8.0,
    "xtick.color": _RULE,
    "ytick.color": _RULE,
    "xtick.labelcolor": _SOFT,
    "ytick.labelcolor": _SOFT,
    "text.color": _SOFT,
    "axes.labelcolor": _SOFT,
    "grid.color": _RULE,
}

Curve = list[tuple[float, float]]
"""Points (step, value)."""


@dataclass(frozen=True)
class CurveChart:
    """One quantity of the training history, of every system."""

    name: str
    description: str
    svg: str


def curve_charts(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> list[CurveChart]:
    """Draw a chart for each quantity; a system's position in `histories` selects its color."""
    names = dict.fromkeys(key for rows in histories.values() for row in rows for key in row if key not in _HIDDEN)
    return [CurveChart(name, _DESCRIPTIONS.get(name, ""), _svg(_curves(histories, name), name)) for name in names]


def _curves(histories: Mapping[str, Sequence[Mapping[str, float]]], name: str) -> dict[str, Curve]:
    curves = {
        system: [(row["step"], row[name]) for row in rows if math.isfinite(row.get(name, math.nan))]
        for system, rows in histories.items()
    }
    return {system: _thinned(curve) for system, curve in curves.items()}


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


def _svg(curves: Mapping[str, Curve], name: str) -> str:
    import matplotlib as mpl  # takes half a second, which a reader of the parameters need not wait for
    from matplotlib.figure import Figure

    values = [value for curve in curves.values() for _, value in curve]
    if not values:
        return ""
    memory = io.StringIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        axes = figure.add_subplot()
        axes.grid(axis="y", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
        axes.locator_params(axis="x", nbins=4)
        if min(values) > 0 and max(values) / min(values) > _LOG_RATIO:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.minorticks_off()
        else:
            axes.locator_params(axis="y", nbins=4)
        for number, (system, curve) in enumerate(curves.items()):
            color = f"#0000{number % 8:02x}"
            axes.plot(*_columns(curve), color=color, linewidth=0.9, alpha=0.3, gid=f"curve {system}")
            axes.plot(*_columns(_smoothed(curve)), color=color, linewidth=1.6, gid=f"curve {system}")
        figure.savefig(memory, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(memory.getvalue())


def _columns(curve: Curve) -> tuple[list[float], list[float]]:
    return [step for step, _ in curve], [value for _, value in curve]


def _inline(document: str) -> str:
    """Return the <svg> element with the page's colors and font, tooltips on curves, and no ids that would repeat."""
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (xmlns|xmlns:xlink|version|width|height)="[^"]*"', "", svg, count=5)
    svg = re.sub(r'<g id="curve ([^"]*)">', r'<g class="curve"><title>\1</title>', svg)
    svg = re.sub(r'<g id="[^"]*"(/?)>', r"<g\1>", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg)
    svg = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), svg)
    svg = re.sub(r"\s*\n\s*", " ", svg).strip()
    return re.sub("|".join(_COLORS), lambda match: _COLORS[match[0]], svg)
