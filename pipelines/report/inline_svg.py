"""Charts as inline SVG whose colors are the page's CSS variables, so that they follow light and dark."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

WIDTH = 3.4
"""Inches of 72 SVG units."""
MARK = "curve"
"""Begins the `gid` of what has a tooltip: the rest of it."""
_RULE, _SOFT = "#010000", "#020000"
_COLORS = {f"#0003{number:02x}": f"var(--s{number})" for number in range(8)}
_COLORS |= {_RULE: "var(--rule)", _SOFT: "var(--soft)"}
"""Placeholders that matplotlib writes, and what replaces them; none is black, which it would leave out of markers."""
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


@dataclass(frozen=True)
class Chart:
    """One quantity, of every system."""

    name: str
    description: str
    svg: str


def system_color(number: int) -> str:
    """Return what stands for the page's color of a system."""
    return f"#0003{number % 8:02x}"


def paint_svg(draw: "Callable[[Plot], object]", *, height: float, name: str) -> str:
    """Return the <svg> element of a plot; the same plot of the same name is the same text."""
    import matplotlib as mpl  # takes half a second, which a reader of the parameters need not wait for
    from matplotlib.figure import Figure

    memory = io.StringIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        plot = figure.add_subplot()
        plot.set_axisbelow(True)
        plot.spines[["top", "right", "left"]].set_visible(False)
        plot.tick_params(length=0)
        draw(plot)
        figure.savefig(memory, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(memory.getvalue())


def _inline(document: str) -> str:
    """Return the <svg> element with the page's colors and font, tooltips on curves, and no ids that would repeat."""
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (xmlns|xmlns:xlink|version|width|height)="[^"]*"', "", svg, count=5)
    svg = re.sub(rf'<g id="{MARK} ([^"]*)">', r'<g class="curve"><title>\1</title>', svg)
    svg = re.sub(r'<g id="[^"]*"(/?)>', r"<g\1>", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg)
    svg = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), svg)
    svg = re.sub(r"\s*\n\s*", " ", svg).strip()
    return re.sub("|".join(_COLORS), lambda match: _COLORS[match[0]], svg)
