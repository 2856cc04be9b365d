"""A person from head to toe: hair, clothes and limbs, painted in order."""

from collections.abc import Callable
from dataclasses import replace

from smis.datasets.io.human_parsing import FACE, HAIR
from smis.datasets.paperdoll.anatomy import Body, Head, leg_at, pose
from smis.datasets.paperdoll.canvas import Dice, Outline, Paint, ellipse, symmetric
from smis.datasets.paperdoll.clothing import (
    Bottom,
    Top,
    choose_footwear,
    cut_bottom,
    cut_top,
    paint_arm,
    paint_bottom,
    paint_leg,
    paint_top,
)

_FRINGES = {
    "bangs": [(0.95, -0.05), (0.84, -0.32), (0.4, -0.34), (0.0, -0.3), (-0.4, -0.34), (-0.84, -0.32), (-0.95, -0.05)],
    "tufts": [(0.95, -0.1), (0.8, -0.44), (0.55, -0.14), (0.2, -0.46), (-0.1, -0.12), (-0.6, -0.46), (-0.96, -0.05)],
    "swept": [(0.96, 0.0), (0.84, -0.34), (0.62, -0.66), (0.2, -0.46), (-0.4, -0.28), (-0.84, -0.08), (-0.97, 0.16)],
    "parted": [(0.98, 0.12), (0.84, -0.22), (0.4, -0.62), (0.0, -0.84), (-0.4, -0.62), (-0.84, -0.22), (-0.98, 0.12)],
    "back": [(0.97, -0.1), (0.78, -0.48), (0.4, -0.68), (0.0, -0.72), (-0.4, -0.68), (-0.78, -0.48), (-0.97, -0.1)],
}
_CROWN = [(-1.06, -0.2), (-1.02, -0.62), (-0.74, -1.0), (-0.3, -1.17), (0.3, -1.17), (0.74, -1.0), (1.02, -0.62)]

_STYLES = {
    "short": 0.2,
    "bob": 0.17,
    "long": 0.22,
    "ponytail": 0.09,
    "bun": 0.08,
    "pigtails": 0.07,
    "afro": 0.08,
    "mohawk": 0.04,
    "bald": 0.05,
}


class Hair:
    """One person's hair; it is painted in two goes."""

    def __init__(self, head: Head, dice: Dice) -> None:
        self._head = head
        self._dice = dice
        self.style = dice.choose(_STYLES)
        self._volume = dice.between(0.98, 1.14)
        self._length = dice.between(0.75, 1.25) if self.style == "bob" else dice.between(1.6, 3.3)
        self._side = 1 if dice.happens(0.5) else -1
        self._behind: dict[str, Callable[[Paint], None]] = {
            "bob": self._curtain,
            "long": self._curtain,
            "ponytail": self._tail,
            "bun": self._bun,
            "pigtails": self._pigtails,
            "afro": self._cloud,
        }

    def paint_behind(self, paint: Paint) -> None:
        """Paint what falls behind the shoulders."""
        if self.style in self._behind:
            self._behind[self.style](paint)

    def paint_over(self, paint: Paint) -> None:
        """Paint what lies on the head, and strands before the shoulders."""
        if self.style == "bald":
            return
        if self.style == "mohawk":
            self._crest(paint)
            return
        if self.style in {"bob", "long"}:
            self._strands(paint)
        paint(HAIR, self._cap())
        sheen = [(-0.74, -0.6), (-0.5, -0.84), (0.0, -0.98), (0.3, -0.95), (0.0, -0.88), (-0.4, -0.74)]
        paint(HAIR, self._head.outline(sheen, side=self._side), trim=True, flat=True)

    def _cap(self) -> Outline:
        fringe = self._dice.choose({"bangs": 0.18, "tufts": 0.2, "swept": 0.26, "parted": 0.2, "back": 0.16})
        inner = [(self._side * u, v) for u, v in _FRINGES[fringe]][:: self._side]
        lowest = self._dice.between(0.05, 0.45)
        crown = [(u * self._volume, v * self._volume) for u, v in _CROWN]
        return self._head.outline([(-1.05, lowest), *crown, (1.06 * self._volume, -0.2), (1.05, lowest), *inner])

    def _curtain(self, paint: Paint) -> None:
        wide, low, end = self._volume, self._length, self._dice.between(0.85, 1.35)
        top = [(0.0, -1.16), (0.85, -0.9), (1.12 * wide, -0.2), (1.16 * wide, 0.5)]
        paint(HAIR, self._head.outline(_both_sides([*top, (end * wide, low), (0.3, low + 0.1)])))

    def _strands(self, paint: Paint) -> None:
        """Locks beside the face; long ones fall before one shoulder or both."""
        low = self._length if self.style == "bob" else self._dice.between(0.7, 1.9)
        thick = self._dice.between(0.16, 0.3)
        for side in (-1, 1):
            lock = [(1.0, -0.5), (1.12, 0.0), (1.13, low * 0.6), (0.98, low), (0.98 - thick, low * 0.7), (0.86, 0.1)]
            paint(HAIR, self._head.outline(lock, side=side))

    def _tail(self, paint: Paint) -> None:
        low = self._dice.between(0.9, 2.2)
        tail = [(0.5, -1.0), (1.1, -1.05), (1.6, -0.5), (1.62, 0.2), (1.35, low), (1.2, 0.3), (0.95, -0.4)]
        paint(HAIR, self._head.outline(tail, side=self._side))

    def _bun(self, paint: Paint) -> None:
        size = self._dice.between(0.38, 0.55) * self._head.across
        if self._dice.happens(0.4):
            for side in (-1, 1):
                paint(HAIR, ellipse(self._head.at(side * 0.72, -1.12), size * 0.9, size * 0.9))
        else:
            paint(HAIR, ellipse(self._head.at(self._dice.between(-0.2, 0.2), -1.3), size * 1.15, size))

    def _pigtails(self, paint: Paint) -> None:
        low = self._dice.between(0.9, 2.0)
        for side in (-1, 1):
            outer = [(0.9, -0.1), (1.3, -0.35), (1.62, 0.2), (1.55, low * 0.7)]
            paint(HAIR, self._head.outline([*outer, (1.3, low), (1.15, low * 0.6), (1.0, 0.3)], side=side))

    def _cloud(self, paint: Paint) -> None:
        size = self._dice.between(1.3, 1.6)
        paint(HAIR, ellipse(self._head.at(0.0, -0.28), size * self._head.across, size * 0.88 * self._head.down))

    def _crest(self, paint: Paint) -> None:
        high = self._dice.between(1.25, 1.5)
        crest = [(0.28, -0.62), (0.42, -0.95), (0.3, -high), (0.0, -high - 0.06)]
        paint(HAIR, self._head.outline(_both_sides(crest)))


def _both_sides(right: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return right + [(-u, v) for u, v in reversed(right) if u]


_OUTFITS = {"shirt": 0.6, "dress": 0.24, "coat": 0.16}
_BOTTOMS = {"trousers": 0.45, "shorts": 0.22, "skirt": 0.33}
_SKULL = [(0.5, -0.94), (0.88, -0.6), (1.0, -0.05), (0.9, 0.42), (0.6, 0.82), (0.22, 1.0)]


def paint_figure(paint: Paint, dice: Dice) -> Head:
    """Draw and paint one person; give the head back, for its face is drawn with the appearance."""
    body = pose(dice)
    hair = Hair(body.head, dice)
    top, bottom = _dress(dice)
    footwear = choose_footwear(dice, bare_from=max(leg_at(top.hem), bottom.covers if bottom else 0.0))
    hair.paint_behind(paint)
    _paint_arms(paint, body, top, behind=True)
    for leg in body.legs:
        paint_leg(paint, leg, worn=footwear)
    paint(FACE, symmetric([(0.031, 0.24), (0.033, 0.3)], lambda _: 0.0))
    if bottom:
        paint_bottom(paint, body, bottom=bottom)
    paint_top(paint, body, top=top)
    _paint_arms(paint, body, top, behind=False)
    _paint_head(paint, body.head)
    hair.paint_over(paint)
    return body.head


def _dress(dice: Dice) -> tuple[Top, Bottom | None]:
    top = cut_top(dice, dice.choose(_OUTFITS))
    if top.kind == "dress":
        return top, None
    bottom = cut_bottom(dice, dice.choose(_BOTTOMS if top.kind == "shirt" else {"trousers": 0.75, "skirt": 0.25}))
    if top.kind == "coat":
        return top, replace(bottom, covers=max(bottom.covers, leg_at(top.hem) + 0.25))
    # A long shirt would leave a sliver of a short skirt or of shorts.
    return (top if bottom.kind == "trousers" else replace(top, hem=min(top.hem, 0.55))), bottom


def _paint_arms(paint: Paint, body: Body, top: Top, *, behind: bool) -> None:
    for arm, is_behind in zip(body.arms, body.arms_behind, strict=True):
        if is_behind == behind:
            paint_arm(paint, arm, top=top)


def _paint_head(paint: Paint, head: Head) -> None:
    ears = [ellipse(head.at(side * 1.0, 0.08), head.across * 0.16, head.down * 0.2) for side in (-1, 1)]
    paint(FACE, *ears)
    paint(FACE, head.outline(_both_sides(_SKULL)))
