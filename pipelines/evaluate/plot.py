"""Precision and recall of every class as one picture."""

from pathlib import Path

from pipelines.evaluate.tables import Columns

_PRECISION, _RECALL = "#3457d5", "#d9622b"


def draw(classes: Columns, path: Path, *, title: str) -> None:
    """Write a PNG: a line for each class that is there, the largest first, from precision to recall."""
    from matplotlib.figure import Figure  # who only reads the parameters need not wait for it

    rows = sorted(range(len(classes["class"])), key=lambda row: classes["pixels"][row])
    rows = [row for row in rows if classes["recall"][row] is not None]
    figure = Figure(figsize=(7, 1.4 + 0.28 * len(rows)), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    places = range(len(rows))
    found = [classes["recall"][row] for row in rows]
    right = [classes["precision"][row] or 0 for row in rows]
    axes.hlines(places, found, right, color="#c9ced6", linewidth=3, zorder=1)
    axes.scatter(right, places, color=_PRECISION, label="precision", zorder=2)
    axes.scatter(found, places, color=_RECALL, label="recall", zorder=2)
    axes.set_yticks(places, [classes["class"][row] for row in rows])
    axes.set_xlim(-0.02, 1.02)
    axes.set_title(f"{title}: is a class found again?", loc="left", fontsize=11)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    axes.grid(axis="x", color="#e3e6eb")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path)
