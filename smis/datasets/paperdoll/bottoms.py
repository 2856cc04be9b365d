"""What is worn below: trousers, shorts and skirts."""

from dataclasses import dataclass

from smis.datasets.paperdoll.anatomy import HIPS, WAIST, Body, Limb
from smis.datasets.paperdoll.canvas import Paint
from smis.datasets.paperdoll.classes import BOTTOM
from smis.datasets.paperdoll.dice import Dice
from smis.datasets.paperdoll.outlines import smooth, symmetric
from smis.datasets.paperdoll.skirts import paint_folds


@dataclass(frozen=True)
class Bottom:
    """The cut of what is worn below; `covers` says how far down the leg (0 hip, 1 knee, 2 ankle) it goes."""

    kind: str
    covers: float
    fit: float
    flare: float
    belt: bool


def cut_bottom(dice: Dice, kind: str) -> Bottom:
    """Draw the cut of trousers, shorts or a skirt."""
    covers = {"trousers": (1.75, 1.97), "shorts": (0.5, 0.95), "skirt": (0.5, 1.6)}[kind]
    flare = {"trousers": (-0.004, 0.026), "shorts": (0.0, 0.014), "skirt": (-0.004, 0.06)}[kind]
    return Bottom(kind, dice.between(*covers), dice.between(1.06, 1.4), dice.between(*flare), dice.happens(0.4))


def paint_bottom(paint: Paint, body: Body, *, bottom: Bottom) -> None:
    """Paint trousers, shorts or a skirt; a waistband shows only below a short top."""
    waist = (body.waist * 1.05, WAIST + 0.01)
    if bottom.kind == "skirt":
        hem = HIPS + 0.02 + bottom.covers * 0.18
        profile = [
            waist,
            (body.hip * 1.08, HIPS),
            (body.hip * 1.05 + bottom.flare, hem - 0.018),
            (body.hip * 1.03 + bottom.flare, hem),
        ]
        paint(BOTTOM, smooth(symmetric(profile, body.axis)))
        paint_folds(paint, body, label=BOTTOM, start=(body.hip, HIPS), hem=(body.hip * 1.03 + bottom.flare, hem))
    else:
        for leg in body.legs:
            paint(BOTTOM, leg.cut(0.0, bottom.covers, wider=min(bottom.fit, 1.12), flare=_leg_flare(leg, bottom)))
        trunk = [waist, (body.hip * 1.05, HIPS), (body.hip * 0.98, HIPS + 0.04), (0.012, HIPS + 0.055)]
        paint(BOTTOM, smooth(symmetric(trunk, body.axis)))
    band = [(waist[0] + 0.006, WAIST + 0.005), (waist[0] + 0.012, WAIST + 0.035)]
    paint(BOTTOM, symmetric(band, body.axis), trim=bottom.belt)


def _leg_flare(leg: Limb, bottom: Bottom) -> float:
    """Wider cuts hang from the hip: their end is as wide as the fit says, not as the ankle."""
    return leg.radius(bottom.covers) * (bottom.fit - 1) + 0.006 + bottom.flare
