"""Clothes: folds of skirts, tops with their sleeves, trousers and skirts, shoes and socks."""

from dataclasses import dataclass

from smis.datasets.io.human_parsing import BOTTOM, FACE, SHOES, SKIN, SOCKS, TOP
from smis.datasets.paperdoll.anatomy import HIPS, WAIST, Body, Limb
from smis.datasets.paperdoll.canvas import Dice, Outline, Paint, ellipse, smooth, symmetric


def paint_folds(paint: Paint, body: Body, *, label: int, start: tuple[float, float], hem: tuple[float, float]) -> None:
    """Paint folds between two (half width, height): the wider the hem, the more."""
    wider = hem[0] - start[0]
    for place in (-0.5, 0.0, 0.5) if wider > 0.035 else (-0.35, 0.35) if wider > 0.015 else ():
        tip = complex(body.axis(start[1]) + place * start[0], start[1])
        low = complex(body.axis(hem[1]) + place * hem[0], hem[1] - 0.002)
        paint(label, [tip, low + 0.22 * hem[0], low - 0.06 * hem[0]])


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
    shirt = [-0.036 + 0.298j, 0.036 + 0.298j, complex(middle + 0.006, 0.44), complex(middle - 0.006, 0.44)]
    seam = [complex(middle - 0.003, 0.44), complex(middle + 0.003, 0.44), complex(low, top.hem)]
    paint(TOP, shirt, trim=True)
    paint(TOP, seam, trim=True, flat=True)
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
        below = [complex(width * 0.6, depth), complex(-width * 0.6, depth)]
        paint(FACE, smooth([-width + 0.279j, width + 0.279j, *below]))


def paint_arm(paint: Paint, arm: Limb, *, top: Top) -> None:
    """Paint an arm with its hand, and its sleeve over it."""
    hand = arm.at(2.0) + 0.55 * (arm.at(2.0) - arm.at(1.86))
    paint(SKIN, arm.cut(0.0, 2.0, bare=True), ellipse(hand, arm.radii[2] * 1.18, arm.radii[2] * 1.25))
    if top.sleeve:
        wide = 0.012 if top.sleeve_fit > 1.5 and top.kind != "coat" else 0.0
        paint(TOP, arm.cut(0.0, top.sleeve, wider=top.sleeve_fit, flare=wide))
        if top.trimmed and top.sleeve > 1:
            cuff = arm.cut(top.sleeve - 0.14, top.sleeve, wider=top.sleeve_fit * 1.06, flare=wide)
            paint(TOP, cuff, trim=True, flat=True)


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
        low = (body.hip * 1.03 + bottom.flare, hem)
        profile = [waist, (body.hip * 1.08, HIPS), (body.hip * 1.05 + bottom.flare, hem - 0.018), low]
        paint(BOTTOM, smooth(symmetric(profile, body.axis)))
        paint_folds(paint, body, label=BOTTOM, start=(body.hip, HIPS), hem=low)
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


_SOCKS = {"none": 0.5, "ankle": 0.2, "crew": 0.16, "knee": 0.14}
_SOCK_TOPS = {"ankle": (1.68, 1.78), "crew": (1.4, 1.6), "knee": (0.85, 1.15)}
_LEAST_SOCK = 0.17
"""Of a shank's length."""


@dataclass(frozen=True)
class Footwear:
    """What is worn on both feet; `sock` and `boot` say where on the leg they begin (2 is the ankle), 0 for none."""

    shoe: str
    sock: float
    boot: float
    turned: float


def choose_footwear(dice: Dice, *, bare_from: float) -> Footwear:
    """Draw shoes and socks for legs that clothes cover down to a place (0 the hip, 1 the knee, 2 the ankle)."""
    shoe = dice.choose({"sneaker": 0.46, "pump": 0.22, "boot": 0.25, "none": 0.07})
    sock = "none" if shoe == "none" else dice.choose(_SOCKS)
    sock_top = dice.between(*_SOCK_TOPS[sock]) if sock != "none" else 0.0
    boot = dice.between(1.1, 1.72) if shoe == "boot" else 0.0
    # Socks that a hem or a boot would hide are not worn: a sliver is no class.
    shows = sock != "none" and (boot or 1.95) - max(sock_top, bare_from) > _LEAST_SOCK
    return Footwear(shoe, sock_top if shows else 0.0, boot, dice.between(0.1, 0.9))


def paint_leg(paint: Paint, leg: Limb, *, worn: Footwear) -> None:
    """Paint a leg with its foot, then the sock and the shoe over it."""
    paint(SKIN, leg.cut(0.0, 2.0, bare=True), _foot(leg, worn.turned))
    if worn.sock:
        paint(SOCKS, leg.cut(worn.sock, 2.0, wider=1.16), _foot(leg, worn.turned))
        paint(SOCKS, leg.cut(worn.sock, worn.sock + 0.1, wider=1.24), trim=True)
    if worn.boot:
        paint(SHOES, leg.cut(worn.boot, 2.0, wider=1.28, flare=0.004), _foot(leg, worn.turned, larger=1.16))
    elif worn.shoe == "sneaker":
        paint(SHOES, _foot(leg, worn.turned, larger=1.2, top=-0.002))
    elif worn.shoe == "pump":
        paint(SHOES, _foot(leg, worn.turned, larger=1.1, top=0.012))
    if worn.shoe != "none":
        paint(SHOES, _sole(leg, worn.turned), trim=True)


def _foot(leg: Limb, turned: float, *, larger: float = 1.0, top: float = -0.014) -> Outline:
    """A foot seen from the front, its toes turned outwards."""
    ankle, side, wide = leg.joints[2], leg.side, leg.radii[2] * larger
    toe = 0.032 * turned + wide * 1.25
    shape = [(-wide, top), (wide, top), (toe * 0.9, 0.026), (toe, 0.047), (toe * 0.4, 0.055), (-wide * 1.1, 0.053)]
    return smooth([ankle + complex(side * x, y) for x, y in [*shape, (-wide * 1.15, 0.03)]])


def _sole(leg: Limb, turned: float) -> Outline:
    ankle, side, wide = leg.joints[2], leg.side, leg.radii[2] * 1.3
    toe = 0.032 * turned + wide * 1.25
    return [ankle + complex(side * x, y) for x, y in [(-wide, 0.044), (toe, 0.044), (toe, 0.059), (-wide, 0.059)]]
