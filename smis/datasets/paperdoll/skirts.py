"""Folds in the skirt of a dress, and in skirts."""

from smis.datasets.paperdoll.anatomy import Body
from smis.datasets.paperdoll.canvas import Paint


def paint_folds(paint: Paint, body: Body, *, label: int, start: tuple[float, float], hem: tuple[float, float]) -> None:
    """Paint folds between two (half width, height): the wider the hem, the more."""
    wider = hem[0] - start[0]
    for place in (-0.5, 0.0, 0.5) if wider > 0.035 else (-0.35, 0.35) if wider > 0.015 else ():
        tip = complex(body.axis(start[1]) + place * start[0], start[1])
        low = complex(body.axis(hem[1]) + place * hem[0], hem[1] - 0.002)
        paint(label, [tip, low + 0.22 * hem[0], low - 0.06 * hem[0]])
