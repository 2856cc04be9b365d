"""Feet, socks and shoes."""

from dataclasses import dataclass

from smis.datasets.paperdoll.anatomy import Limb
from smis.datasets.paperdoll.canvas import Paint
from smis.datasets.paperdoll.classes import SHOES, SKIN, SOCKS
from smis.datasets.paperdoll.dice import Dice
from smis.datasets.paperdoll.outlines import Outline, smooth

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
