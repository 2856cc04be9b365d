"""What is worn above: shirts, dresses and coats."""

from dataclasses import dataclass

from smis.datasets.paperdoll.anatomy import HIPS, WAIST, Body, Limb
from smis.datasets.paperdoll.canvas import Paint
from smis.datasets.paperdoll.classes import FACE, SKIN, TOP
from smis.datasets.paperdoll.dice import Dice
from smis.datasets.paperdoll.outlines import ellipse, smooth, symmetric
from smis.datasets.paperdoll.skirts import paint_folds

_SLEEVES = {"none": 0.0, "short": 0.62, "elbow": 1.05, "long": 1.93}
_NECKLINES = {"round": 0.4, "deep": 0.26, "scoop": 0.2, "high": 0.14}


@dataclass(frozen=True)
class Top:
    """The cut of what is worn above: a shirt, a dress, or a coat over a shirt."""

    kind: str
    hem: float
    fit: float
    flare: float
    sleeve: float
    sleeve_fit: float
    neckline: str
    belt: bool
    trimmed: bool


def cut_top(dice: Dice, kind: str) -> Top:
    """Draw the cut of a shirt, dress or coat."""
    hems = {"shirt": (0.5, 0.6), "dress": (0.66, 0.9), "coat": (0.66, 0.84)}
    weights = {"shirt": (0.16, 0.34, 0.1, 0.4), "dress": (0.36, 0.3, 0.12, 0.22), "coat": (0.0, 0.0, 0.0, 1.0)}[kind]
    sleeve = dice.choose(dict(zip(_SLEEVES, weights, strict=True)))
    return Top(
        kind=kind,
        hem=dice.between(*hems[kind]),
        fit=dice.between(1.02, 1.3) if kind == "shirt" else dice.between(1.0, 1.18),
        flare=dice.between(0.0, 0.012) if kind == "shirt" else dice.between(0.012, 0.07),
        sleeve=_SLEEVES[sleeve] * dice.between(0.94, 1.0),
        sleeve_fit=dice.between(1.25, 1.7) if kind == "coat" else dice.between(1.15, 1.6),
        neckline=dice.choose(_NECKLINES),
        belt=kind != "shirt" and dice.happens(0.5),
        trimmed=dice.happens(0.45),
    )


def paint_top(paint: Paint, body: Body, *, top: Top) -> None:
    """Paint the trunk of a top; its sleeves go with the arms."""
    shoulder = body.shoulder if top.sleeve else body.shoulder * 0.8
    waist = max(body.waist * top.fit, body.waist + 0.002)
    profile = [(0.042, 0.288), (shoulder * 0.72, 0.3), (shoulder, 0.325), (shoulder * 0.94, 0.38), (waist, WAIST)]
    if top.hem > HIPS:
        profile.append((max(body.hip * 1.06, waist) + top.flare * 0.35, HIPS))
    width = (body.hip * 1.06 if top.hem > WAIST + 0.05 else waist) + top.flare
    width = max(width, waist * 0.98)
    profile += [(width, top.hem - 0.02), (width - 0.012, top.hem)]
    paint(TOP, smooth(symmetric(profile, body.axis)))
    if top.trimmed and top.kind != "coat":
        band = [(width + 0.001, top.hem - 0.026), (width + 0.001, top.hem - 0.004)]
        paint(TOP, symmetric(band, body.axis), trim=True, flat=True)
    if top.kind == "dress":
        paint_folds(paint, body, label=TOP, start=(waist, WAIST + 0.02), hem=(width, top.hem))
    if top.kind == "coat":
        _paint_front(paint, body, top)
    if top.belt:
        belt = [(waist + 0.004, WAIST - 0.014), (waist + 0.006, WAIST + 0.014)]
        paint(TOP, symmetric(belt, body.axis), trim=True)
    _paint_neckline(paint, top)


def _paint_front(paint: Paint, body: Body, top: Top) -> None:
    """A coat's two halves: the shirt between them, its seam, its lapels."""
    middle, low = body.axis(WAIST), body.axis(top.hem)
    paint(
        TOP, [-0.036 + 0.298j, 0.036 + 0.298j, complex(middle + 0.006, 0.44), complex(middle - 0.006, 0.44)], trim=True
    )
    paint(
        TOP, [complex(middle - 0.003, 0.44), complex(middle + 0.003, 0.44), complex(low, top.hem)], trim=True, flat=True
    )
    for side in (-1, 1):
        lapel = [side * 0.036 + 0.285j, side * 0.066 + 0.358j, complex(middle + side * 0.004, 0.445)]
        paint(TOP, lapel)
    if top.trimmed and not top.belt:
        for y in (0.48, 0.54):
            paint(TOP, ellipse(complex(body.axis(y) + 0.024, y), 0.008, 0.008), trim=True, flat=True)


def _paint_neckline(paint: Paint, top: Top) -> None:
    if top.neckline == "high":
        paint(TOP, symmetric([(0.037, 0.262), (0.043, 0.3)], lambda _: 0.0), trim=top.trimmed)
        return
    depth = {"round": 0.314, "deep": 0.36, "scoop": 0.342}[top.neckline]
    width = {"round": 0.04, "deep": 0.038, "scoop": 0.052}[top.neckline]
    if top.trimmed and top.kind == "shirt":
        paint(TOP, smooth([-width - 0.012 + 0.285j, width + 0.012 + 0.285j, complex(0, depth + 0.014)]), trim=True)
    if top.neckline == "deep":
        paint(FACE, [-width + 0.281j, width + 0.281j, complex(0, depth)])
    else:
        paint(
            FACE, smooth([-width + 0.279j, width + 0.279j, complex(width * 0.6, depth), complex(-width * 0.6, depth)])
        )


def paint_arm(paint: Paint, arm: Limb, *, top: Top) -> None:
    """Paint an arm with its hand, and its sleeve over it."""
    hand = arm.at(2.0) + 0.55 * (arm.at(2.0) - arm.at(1.86))
    paint(SKIN, arm.cut(0.0, 2.0, bare=True), ellipse(hand, arm.radii[2] * 1.18, arm.radii[2] * 1.25))
    if top.sleeve:
        wide = 0.012 if top.sleeve_fit > 1.5 and top.kind != "coat" else 0.0
        paint(TOP, arm.cut(0.0, top.sleeve, wider=top.sleeve_fit, flare=wide))
        if top.trimmed and top.sleeve > 1:
            paint(
                TOP,
                arm.cut(top.sleeve - 0.14, top.sleeve, wider=top.sleeve_fit * 1.06, flare=wide),
                trim=True,
                flat=True,
            )
